/**
 * The loops of element-wise kernels, around any tree. A module has `flat` for one run of elements, `rows` for many runs at
 * the places that a plan in memory says, and both as tasks for threads.
 */
import type { DType } from "@dl/tensor";
import { type Expr, type Func, type FuncRef, type Local, load, type Module, op, select } from "../wasm/emitter.ts";
import {
  type Access,
  access,
  isVector,
  loadPacked,
  loadRepeated,
  loadReversed,
  loadScalar,
  loadStrided,
  storeFirst,
  storePacked,
  storeScalar,
  storeStrided,
} from "./access.ts";
import { input, type Node } from "./expression.ts";
import { Tools } from "./helpers.ts";
import { collect, isBytewise, type Lanes, Lowering, lanesOf, type VectorLanes } from "./lower.ts";

type Layout = "packed" | "repeated" | "reversed";
/** How a run's elements lie: side by side, the same one again and again, or `stride` bytes apart for all operands. */
export type Pattern = readonly Layout[] | "strided";

/** What is computed, from the operands as they are stored to the result as it is stored. */
export interface Formula {
  readonly inputs: readonly Access[];
  readonly output: Access;
  readonly root: Node;
  readonly lanes: Lanes | VectorLanes;
  /** Nodes that cost something: how much work an element is. */
  readonly weight: number;
}

const weightless: ReadonlySet<string> = new Set(["const", "bits", "float"]);

export function formula(inputs: readonly DType[], output: DType, build: (...xs: Node[]) => Node): Formula {
  const sources = inputs.map((dtype) => access[dtype]);
  const raw = sources.map((source, i) => input(i, source.raw));
  const root = access[output].encode(build(...raw.map((x, i) => sources[i]!.decode(x))));
  const nodes = [...collect([root])].filter(({ op }) => !weightless.has(op));
  const areBytes = [...sources, access[output]].every(({ bytes }) => bytes === 1);
  const calls = nodes.filter((node) => node.op === "host" || node.op === "helper").length;
  return {
    inputs: sources,
    output: access[output],
    root,
    lanes: areBytes && isBytewise(root) ? 16 : lanesOf(root, ...raw),
    weight: nodes.length + 20 * calls,
  };
}

/** Words of a plan: the header, then three for each operand, then the outer dimensions, innermost first. */
export const PLAN_RUN = 0;
export const PLAN_MIDDLE = 1;
export const PLAN_OUTER = 2;
export const PLAN_OPERANDS = 4;

/** Bytes from which the engine's own copying is faster than vectors that are not full. */
const BULK = 256;

type Locals = Readonly<Record<string, Local<"i32">>>;
type Procedure = FuncRef<readonly string[], undefined>;
type Writer = (
  f: Func,
  pointers: readonly Local<"i32">[],
  strides: readonly Local<"i32">[],
  count: Local<"i32">,
) => void;

/** A kernel under construction. The functions with loops are leaves with one loop each: V8 spills less in those. */
interface Building {
  readonly m: Module;
  readonly what: Formula;
  readonly pattern: Pattern;
  readonly tools: Tools;
}

export function buildElementwise(m: Module, what: Formula, pattern: Pattern): void {
  const building = { m, what, pattern, tools: new Tools(m, [what.root]) };
  const flat = addFlat(building);
  addFlatTask(m, what, pattern, flat);
  addRows(m, what.inputs.length + 1, pattern, flat);
}

function addFlat(building: Building): Procedure {
  const { what, pattern } = building;
  if (!isVector(what.lanes)) return addScalar(building);
  if (pattern === "strided") return addStrided(building, what.lanes === 16 ? 4 : what.lanes);
  return addPacked(building, what.lanes, pattern);
}

/** A function of all operands and a count. */
function addFunction({ m, what, pattern }: Building, name: string, write: Writer): Procedure {
  const names = [...what.inputs.map((_, i) => `x${i}`), "out"];
  const params = pattern === "strided" ? names.flatMap((operand) => [operand, `${operand}Stride`]) : names;
  const add = name === "flat" ? m.func.bind(m) : m.inner.bind(m);
  return add(name, [...params, "count"], (f, locals: Locals) => {
    const strides = pattern === "strided" ? names.map((operand) => locals[`${operand}Stride`]!) : [];
    write(
      f,
      names.map((operand) => locals[operand]!),
      strides,
      locals["count"]!,
    );
    return undefined;
  }) as Procedure;
}

/** Bytes between an operand's elements in patterns without strides. */
function stepOf({ what, pattern }: Building, operand: number): number {
  const { bytes } = what.inputs[operand] ?? what.output;
  return pattern[operand] === "repeated" ? 0 : pattern[operand] === "reversed" ? -bytes : bytes;
}

function addScalar(building: Building): Procedure {
  const { inputs, output, root } = building.what;
  return addFunction(building, "flat", (f, pointers, strides, count) => {
    const lowering = new Lowering(f, [root], "scalar", building.tools);
    f.while(count, () => {
      const xs = inputs.map((from, i) => f.let(loadScalar(from, pointers[i]!)));
      storeScalar(f, output, pointers.at(-1)!, f.let(lowering.emit([root], xs)[0]!));
      for (const [i, pointer] of pointers.entries()) f.inc(pointer, strides[i] ?? stepOf(building, i));
      f.inc(count, -1);
    });
  });
}

function addStrided(building: Building, lanes: 2 | 4): Procedure {
  const { inputs, output, root } = building.what;
  const loop = (size: number): Procedure =>
    addFunction(building, `by${size}`, (f, pointers, strides, count) => {
      const lowering = new Lowering(f, [root], lanes, building.tools);
      f.while(count, () => {
        const xs = inputs.map((from, i) => f.let(loadStrided(f, from, size, pointers[i]!, strides[i]!)));
        const value = lowering.emit([root], xs)[0] as Expr<"v128">;
        storeStrided(f, output, size, pointers.at(-1)!, strides.at(-1)!, value);
        f.inc(count, -1);
      });
    });
  const [vectors, singles] = [loop(lanes), loop(1)];
  return addFunction(building, "flat", (f, pointers, strides, count) => {
    const rounds = f.let(op("i32.div_u", count, lanes));
    const args = (): Expr<"i32">[] => pointers.flatMap((pointer, i) => [pointer, strides[i]!]);
    f.if(rounds, () => {
      f.call(vectors, ...args(), rounds);
      f.set(rounds, op("i32.mul", rounds, lanes));
      for (const [i, pointer] of pointers.entries()) f.inc(pointer, op("i32.mul", rounds, strides[i]!));
      f.inc(count, op("i32.sub", 0, rounds));
    });
    f.if(count, () => f.call(singles, ...args(), count));
  });
}

function isMove({ inputs, output, root }: Formula): boolean {
  return root.op === "input" && inputs[0]!.bytes === output.bytes;
}

/** Cheap formulas take four vectors a round, others one. */
function addPacked(building: Building, lanes: VectorLanes, pattern: Exclude<Pattern, "strided">): Procedure {
  const { inputs, output, root, weight } = building.what;
  const sizes = weight <= inputs.length + 8 ? [4, 1] : [1];
  const loops = sizes.map((vectors) => ({
    elements: vectors * lanes,
    loop: addRounds(building, lanes, pattern, vectors),
  }));
  const partial = addFunction(building, "partial", (f, pointers, _, count) => {
    const xs = inputs.map((from, i) => {
      const pointer = pointers[i]!;
      return f.let(
        pattern[i] === "repeated" ? loadRepeated(from, pointer, lanes) : loadRun(from, lanes, pattern[i], pointer),
      );
    });
    const value = new Lowering(f, [root], lanes, building.tools).emit([root], xs)[0] as Expr<"v128">;
    storeFirst(f, output, lanes, count, pointers.at(-1)!, value);
  });
  return addFunction(building, "flat", (f, pointers, _, count) => {
    const rounds = f.local("i32");
    if (isMove(building.what) && pattern[0] === "packed" && lanes * output.bytes < 16) {
      f.if(op("i32.ge_u", count, BULK / output.bytes), () => {
        f.copy(pointers.at(-1)!, pointers[0]!, op("i32.mul", count, output.bytes));
        f.return();
      });
    }
    for (const { elements, loop } of loops) {
      f.if(op("i32.ge_u", count, elements), () => {
        f.set(rounds, op("i32.div_u", count, elements));
        f.call(loop, ...pointers, rounds);
        f.set(rounds, op("i32.mul", rounds, elements));
        for (const [i, pointer] of pointers.entries()) f.inc(pointer, op("i32.mul", rounds, stepOf(building, i)));
        f.inc(count, op("i32.sub", 0, rounds));
      });
    }
    f.if(count, () => f.call(partial, ...pointers, count));
  });
}

/** A vector of a run, `at` elements on. */
function loadRun(
  from: Access,
  lanes: VectorLanes,
  layout: Layout | undefined,
  pointer: Local<"i32">,
  at = 0,
): Expr<"v128"> {
  return layout === "reversed"
    ? loadReversed(from, lanes, pointer, at)
    : loadPacked(from, lanes, pointer, at * from.bytes);
}

function addRounds(
  building: Building,
  lanes: VectorLanes,
  pattern: Exclude<Pattern, "strided">,
  vectors: number,
): Procedure {
  const { inputs, output, root } = building.what;
  return addFunction(building, `by${vectors * lanes}`, (f, pointers, _, count) => {
    const lowering = new Lowering(f, [root], lanes, building.tools);
    const repeated = inputs.map((from, i) =>
      pattern[i] === "repeated" ? f.let(loadRepeated(from, pointers[i]!, lanes)) : undefined,
    );
    const out = pointers.at(-1)!;
    f.while(count, () => {
      for (let vector = 0; vector < vectors; vector++) {
        const at = vector * lanes;
        const xs = inputs.map((from, i) => repeated[i] ?? f.let(loadRun(from, lanes, pattern[i], pointers[i]!, at)));
        storePacked(f, output, lanes, out, lowering.emit([root], xs)[0] as Expr<"v128">, at * output.bytes);
      }
      for (const [i, pointer] of pointers.entries()) {
        if (repeated[i] === undefined) f.inc(pointer, vectors * lanes * stepOf(building, i));
      }
      f.inc(count, -1);
    });
  });
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
