/**
 * The loops of element-wise kernels, around any tree. A module has `flat` for one run of elements, `rows` for many runs at
 * the places that a plan in memory says, and both as tasks for threads.
 */
import type { DType } from "@dl/tensor";
import { type Expr, type Func, type FuncRef, i32, type Local, load, type Module, op, select } from "../wasm/emitter.ts";
import {
  type Access,
  access,
  isVector,
  loadPacked,
  loadRepeated,
  loadScalar,
  loadStrided,
  storeFirst,
  storePacked,
  storeScalar,
  storeStrided,
} from "./access.ts";
import { input, type Node } from "./expression.ts";
import { Tools } from "./helpers.ts";
import { collect, type Lanes, Lowering, lanesOf } from "./lower.ts";

/** How a run's elements lie: side by side, the same one again and again, or `stride` bytes apart for all operands. */
export type Pattern = readonly ("packed" | "repeated")[] | "strided";

/** What is computed, from the operands as they are stored to the result as it is stored. */
export interface Formula {
  readonly inputs: readonly Access[];
  readonly output: Access;
  readonly root: Node;
  readonly lanes: Lanes;
  /** Nodes: how much work an element is. */
  readonly weight: number;
}

export function formula(inputs: readonly DType[], output: DType, build: (...xs: Node[]) => Node): Formula {
  const sources = inputs.map((dtype) => access[dtype]);
  const raw = sources.map((source, i) => input(i, source.raw));
  const root = access[output].encode(build(...raw.map((x, i) => sources[i]!.decode(x))));
  const nodes = [...collect([root])];
  const calls = nodes.filter((node) => node.op === "host" || node.op === "helper").length;
  return {
    inputs: sources,
    output: access[output],
    root,
    lanes: lanesOf(root, ...raw),
    weight: nodes.length + 20 * calls,
  };
}

/** Words of a plan: the header, then three for each operand, then the outer dimensions, innermost first. */
export const PLAN_RUN = 0;
export const PLAN_MIDDLE = 1;
export const PLAN_OUTER = 2;
export const PLAN_OPERANDS = 4;

interface Run {
  readonly pointers: readonly Local<"i32">[];
  /** The last is the output's. */
  readonly strides: readonly Expr<"i32">[];
  readonly count: Local<"i32">;
}

export function buildElementwise(m: Module, what: Formula, pattern: Pattern): void {
  const tools = new Tools(m, [what.root]);
  const flat = addFlat(m, what, pattern, tools);
  addFlatTask(m, what, pattern, flat);
  addRows(m, what.inputs.length + 1, pattern, flat);
}

function addFlat(m: Module, what: Formula, pattern: Pattern, tools: Tools): FuncRef {
  const names = [...what.inputs.map((_, i) => `x${i}`), "out"];
  const params = pattern === "strided" ? names.flatMap((name) => [name, `${name}Stride`]) : names;
  return m.func("flat", [...params, "n"], (f, locals: Readonly<Record<string, Local<"i32">>>) => {
    const fixed = (name: string, i: number): Expr<"i32"> => {
      if (pattern === "strided") return locals[`${name}Stride`]!;
      return i32(pattern[i] === "repeated" ? 0 : (what.inputs[i] ?? what.output).bytes);
    };
    const run = { pointers: names.map((name) => locals[name]!), strides: names.map(fixed), count: locals["n"]! };
    const lowering = new Lowering(f, [what.root], what.lanes, tools);
    if (!isVector(what.lanes)) scalarLoop(f, what, lowering, run);
    else if (pattern === "strided") stridedLoop(f, what, what.lanes, lowering, run);
    else packedLoop(f, what, what.lanes, lowering, run, pattern);
    return undefined;
  }) as FuncRef;
}

function scalarLoop(
  f: Func,
  { inputs, output, root }: Formula,
  lowering: Lowering,
  { pointers, strides, count }: Run,
): void {
  f.while(count, () => {
    const xs = inputs.map((from, i) => f.let(loadScalar(from, pointers[i]!)));
    const value = f.let(lowering.emit([root], xs)[0]!);
    storeScalar(f, output, pointers.at(-1)!, value);
    for (const [i, pointer] of pointers.entries()) f.inc(pointer, strides[i]!);
    f.inc(count, -1);
  });
}

function stridedLoop(
  f: Func,
  { inputs, output, root }: Formula,
  lanes: 2 | 4,
  lowering: Lowering,
  { pointers, strides, count }: Run,
): void {
  const step = (size: number): void => {
    const xs = inputs.map((from, i) => f.let(loadStrided(f, from, size, pointers[i]!, strides[i]!)));
    const value = lowering.emit([root], xs)[0] as Expr<"v128">;
    storeStrided(f, output, size, pointers.at(-1)!, strides.at(-1)!, value);
    f.inc(count, -size);
  };
  f.while(op("i32.ge_s", count, lanes), () => step(lanes));
  f.while(op("i32.gt_s", count, 0), () => step(1));
}

/** Cheap formulas take four vectors a round, others one: V8 spills when many values live at once. */
function packedLoop(
  f: Func,
  what: Formula,
  lanes: 2 | 4,
  lowering: Lowering,
  { pointers, count }: Run,
  pattern: Exclude<Pattern, "strided">,
): void {
  const { inputs, output, root, weight } = what;
  const repeated = inputs.map((from, i) =>
    pattern[i] === "repeated" ? f.let(loadRepeated(from, pointers[i]!)) : undefined,
  );
  const compute = (vector: number): Expr<"v128"> => {
    const xs = inputs.map(
      (from, i) => repeated[i] ?? f.let(loadPacked(from, lanes, pointers[i]!, vector * lanes * from.bytes)),
    );
    return lowering.emit([root], xs)[0] as Expr<"v128">;
  };
  const out = pointers.at(-1)!;
  const round = (vectors: number): void => {
    f.while(op("i32.ge_s", count, vectors * lanes), () => {
      for (let vector = 0; vector < vectors; vector++) {
        storePacked(f, output, lanes, out, compute(vector), vector * lanes * output.bytes);
      }
      inputs.forEach(({ bytes }, i) => {
        if (repeated[i] === undefined) f.inc(pointers[i]!, vectors * lanes * bytes);
      });
      f.inc(out, vectors * lanes * output.bytes);
      f.inc(count, -vectors * lanes);
    });
  };
  if (weight <= inputs.length + 3) round(4);
  round(1);
  f.if(op("i32.gt_s", count, 0), () => storeFirst(f, output, lanes, count, out, compute(0)));
}

/** `flatTask(chunk, chunks, size of a chunk, elements, inputs…, output)` for patterns without strides. */
function addFlatTask(m: Module, { inputs, output }: Formula, pattern: Pattern, flat: FuncRef): void {
  if (pattern === "strided") return;
  const names = [...inputs.map((_, i) => `x${i}`), "out"];
  m.func("flatTask", ["chunk", "chunks", "per", "n", ...names], (f, locals: Readonly<Record<string, Local<"i32">>>) => {
    const start = f.let(op("i32.mul", locals["chunk"]!, locals["per"]!));
    const pointers = names.map((name, i) => {
      const bytes = pattern[i] === "repeated" ? 0 : (inputs[i] ?? output).bytes;
      return op("i32.add", locals[name]!, op("i32.mul", start, bytes));
    });
    const left = f.let(op("i32.sub", locals["n"]!, start));
    f.call(flat as FuncRef<readonly string[], undefined>, ...pointers, smaller(left, locals["per"]!));
    return undefined;
  });
}

function smaller(a: Local<"i32">, b: Local<"i32">): Expr<"i32"> {
  return select(op("i32.lt_u", a, b), a, b);
}

/** `rows(plan, from, to)`: runs number `from` to `to`. Only the outer dimensions cost divisions, once per middle loop. */
function addRows(m: Module, operands: number, pattern: Pattern, flat: FuncRef): void {
  const rows = m.func("rows", ["plan", "from", "to"], (f, { plan, from, to }) => {
    const word = (index: number): Local<"i32"> => f.let(load("i32.load", plan, 4 * index));
    const [run, middle, outerRank] = [word(PLAN_RUN), word(PLAN_MIDDLE), word(PLAN_OUTER)];
    const part = (which: number) => Array.from({ length: operands }, (_, k) => word(PLAN_OPERANDS + 3 * k + which));
    const [bases, strides, steps] = [part(0), part(1), part(2)];
    const pointers = f.locals("i32", operands);
    const [outer, first, count] = f.locals("i32", 3) as [Local<"i32">, Local<"i32">, Local<"i32">];
    f.while(op("i32.lt_u", from, to), () => {
      f.set(outer, op("i32.div_u", from, middle));
      f.set(first, op("i32.sub", from, op("i32.mul", outer, middle)));
      f.set(count, smaller(f.let(op("i32.sub", middle, first)), f.let(op("i32.sub", to, from))));
      f.inc(from, count);
      for (const [k, pointer] of pointers.entries()) {
        f.set(pointer, op("i32.add", bases[k]!, op("i32.mul", first, steps[k]!)));
      }
      addOuterOffsets(f, plan, operands, outer, outerRank, pointers);
      f.while(count, () => {
        const args = pattern === "strided" ? pointers.flatMap((pointer, k) => [pointer, strides[k]!]) : pointers;
        f.call(flat as FuncRef<readonly string[], undefined>, ...args, run);
        for (const [k, pointer] of pointers.entries()) f.inc(pointer, steps[k]!);
        f.inc(count, -1);
      });
    });
    return undefined;
  });
  m.func("rowsTask", ["chunk", "chunks", "per", "rows", "plan"], (f, p) => {
    const start = f.let(op("i32.mul", p.chunk, p.per));
    const end = f.let(op("i32.add", start, p.per));
    f.call(rows as unknown as FuncRef<readonly string[], undefined>, p.plan, start, smaller(end, p.rows));
    return undefined;
  });
}

function addOuterOffsets(
  f: Func,
  plan: Local<"i32">,
  operands: number,
  outer: Local<"i32">,
  rank: Local<"i32">,
  pointers: readonly Local<"i32">[],
): void {
  const at = f.let(op("i32.add", plan, 4 * (PLAN_OPERANDS + 3 * operands)));
  const [index, rest] = f.locals("i32", 2) as [Local<"i32">, Local<"i32">];
  f.range(rank, () => {
    f.set(rest, op("i32.div_u", outer, load("i32.load", at)));
    f.set(index, op("i32.sub", outer, op("i32.mul", rest, load("i32.load", at))));
    f.set(outer, rest);
    for (const [k, pointer] of pointers.entries()) {
      f.inc(pointer, op("i32.mul", index, load("i32.load", at, 4 * (1 + k))));
    }
    f.inc(at, 4 * (1 + operands));
  });
}
