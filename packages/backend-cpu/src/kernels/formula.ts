/** The description of an element-wise kernel, from which its loops are generated. */
import type { DType } from "@dl/tensor";
import type { Expr, Func, FuncRef, Local, Module } from "../wasm/emitter.ts";
import { type Access, access } from "./access.ts";
import { input, type Node } from "./expression.ts";
import type { Tools } from "./helpers.ts";
import { collect, type Lanes, lanesOf } from "./lanes.ts";
import { type NarrowLanes, narrowLanesOf } from "./narrow.ts";
import { splitInTwo } from "./split.ts";

export type Layout = "packed" | "repeated" | "reversed";
/**
 * How the operands of a run lie in memory: a layout for each input (the output is packed), or, as soon as one of them
 * is strided, a stride for every operand.
 */
export type Pattern = readonly Layout[] | "strided";

/** The tree of an element-wise kernel, from stored operands to the stored result, and what follows from it. */
export interface Formula {
  readonly inputs: readonly Access[];
  readonly output: Access;
  readonly root: Node;
  readonly lanes: Lanes;
  /** More lanes than `lanes`, for packed elements of 8 or 16 bits that need no widening. */
  readonly narrow: NarrowLanes | undefined;
  /** Another tree, which computes a word of two packed 16-bit elements. */
  readonly split: Node | undefined;
  /**
   * The work for one element, in nodes. Nodes that become no instruction do not count; a scalar function counts as 20.
   */
  readonly weight: number;
  /** Whether the tree contains a `patch`. In place these are slow, see `packed-loops.ts`. */
  readonly isPatched: boolean;
}

const weightless: ReadonlySet<string> = new Set(["const", "bits", "float"]);

export function formulaOf(inputs: readonly DType[], output: DType, build: (...xs: Node[]) => Node): Formula {
  const sources = inputs.map((dtype) => access[dtype]);
  const raw = sources.map((element, i): Node => ({ ...input(i, element.raw), element }));
  const root = access[output].encode(build(...raw.map((x, i) => sources[i]!.decode(x))));
  const nodes = [...collect([root])].filter(({ op }) => !weightless.has(op));
  const calls = nodes.filter((node) => node.op === "host" || node.op === "helper").length;
  const lanes = lanesOf(root, ...raw);
  const bytes = [...sources, access[output]].map((element) => element.bytes);
  const narrow = narrowLanesOf(root, bytes);
  const isSplit = lanes === 4 && !narrow && Math.max(...bytes) === 2;
  return {
    ...{ inputs: sources, output: access[output], root, lanes, narrow },
    split: isSplit ? splitInTwo(root) : undefined,
    weight: nodes.length + 20 * calls,
    isPatched: nodes.some(({ op }) => op === "patch"),
  };
}

type Locals = Readonly<Record<string, Local<"i32">>>;
export type Procedure = FuncRef<readonly string[], undefined>;

/**
 * A kernel under construction. Each function with a hot loop contains just that loop and calls nothing, since V8 then
 * keeps more values in registers.
 */
export interface Building {
  readonly m: Module;
  readonly formula: Formula;
  readonly pattern: Pattern;
  readonly tools: Tools;
}

/**
 * Adds a function with the parameters (operands…, count). Where the pattern is strided, a stride follows each operand.
 */
export function addFunction<R extends Expr | void>(
  { m, formula, pattern }: Building,
  name: string,
  write: (f: Func, pointers: readonly Local<"i32">[], strides: readonly Local<"i32">[], count: Local<"i32">) => R,
): FuncRef<readonly string[], R extends Expr<infer T> ? T : undefined> {
  const names = [...formula.inputs.map((_, i) => `x${i}`), "out"];
  const params = pattern === "strided" ? names.flatMap((operand) => [operand, `${operand}Stride`]) : names;
  const add = name === "flat" ? m.func.bind(m) : m.inner.bind(m);
  return add(name, [...params, "count"], (f, locals: Locals) => {
    const strides = pattern === "strided" ? names.map((operand) => locals[`${operand}Stride`]!) : [];
    const pointers = names.map((operand) => locals[operand]!);
    return write(f, pointers, strides, locals["count"]!);
  });
}

/** Bytes from one element of an operand to the next, in patterns without strides. */
export function stepOf({ formula, pattern }: Pick<Building, "formula" | "pattern">, operand: number): number {
  const { bytes } = formula.inputs[operand] ?? formula.output;
  return pattern[operand] === "repeated" ? 0 : pattern[operand] === "reversed" ? -bytes : bytes;
}
