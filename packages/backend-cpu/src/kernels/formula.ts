/** What an element-wise kernel computes, and of what its functions are made. */
import type { DType } from "@dl/tensor";
import type { Expr, Func, FuncRef, Local, Module } from "../wasm/emitter.ts";
import { type Access, access } from "./access.ts";
import { input, type Node } from "./expression.ts";
import type { Tools } from "./helpers.ts";
import { collect, type Lanes, lanesOf } from "./lanes.ts";
import { type NarrowLanes, narrowLanesOf } from "./narrow.ts";
import { splitInTwo } from "./split.ts";

export type Layout = "packed" | "repeated" | "reversed";
/** How a run's elements lie: side by side, the same one again and again, or `stride` bytes apart for all operands. */
export type Pattern = readonly Layout[] | "strided";

/** What is computed, from the operands as they are stored to the result as it is stored. */
export interface Formula {
  readonly inputs: readonly Access[];
  readonly output: Access;
  readonly root: Node;
  readonly lanes: Lanes;
  /** Instead of `lanes`, where elements lie side by side. */
  readonly narrow: NarrowLanes | undefined;
  /** The tree of two elements of 16 bits in a word, where that serves instead. */
  readonly split: Node | undefined;
  /** Nodes that cost something: how much work an element is. */
  readonly weight: number;
  /** Whether it has exceptions, which are slow in place. */
  readonly isPatched: boolean;
}

const weightless: ReadonlySet<string> = new Set(["const", "bits", "float"]);

export function formula(inputs: readonly DType[], output: DType, build: (...xs: Node[]) => Node): Formula {
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

/** A kernel under construction. The functions with loops are leaves with one loop each: V8 spills less in those. */
export interface Building {
  readonly m: Module;
  readonly what: Formula;
  readonly pattern: Pattern;
  readonly tools: Tools;
}

/** A function of all operands and a count; strides only where the pattern has some. */
export function addFunction<R extends Expr | void>(
  { m, what, pattern }: Building,
  name: string,
  write: (f: Func, pointers: readonly Local<"i32">[], strides: readonly Local<"i32">[], count: Local<"i32">) => R,
): FuncRef<readonly string[], R extends Expr<infer T> ? T : undefined> {
  const names = [...what.inputs.map((_, i) => `x${i}`), "out"];
  const params = pattern === "strided" ? names.flatMap((operand) => [operand, `${operand}Stride`]) : names;
  const add = name === "flat" ? m.func.bind(m) : m.inner.bind(m);
  return add(name, [...params, "count"], (f, locals: Locals) => {
    const strides = pattern === "strided" ? names.map((operand) => locals[`${operand}Stride`]!) : [];
    const pointers = names.map((operand) => locals[operand]!);
    return write(f, pointers, strides, locals["count"]!);
  });
}

/** Bytes between an operand's elements in patterns without strides. */
export function stepOf({ what, pattern }: Pick<Building, "what" | "pattern">, operand: number): number {
  const { bytes } = what.inputs[operand] ?? what.output;
  return pattern[operand] === "repeated" ? 0 : pattern[operand] === "reversed" ? -bytes : bytes;
}
