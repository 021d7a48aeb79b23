/**
 * The loops of element-wise kernels, around any tree. A module has `flat` for one run of elements, `rows` for many runs at
 * the places that a plan in memory says, and both as tasks for threads.
 */
import {
  type Expr,
  type Func,
  type FuncRef,
  i32,
  type Local,
  load,
  loadAddress,
  type Module,
  op,
  select,
} from "../wasm/emitter.ts";
import { isVector, loadScalar, loadStrided, storeScalar, storeStrided } from "./access.ts";
import { addFunction, type Building, type Formula, type Pattern, type Procedure, stepOf } from "./formula.ts";
import { Tools } from "./helpers.ts";
import { Lowering } from "./lower.ts";
import { addPacked, type Runs } from "./packed-loops.ts";
import { waysOf } from "./ways.ts";

/** Words of a plan: the header, then four for each operand, then the outer dimensions, innermost first. */
export const PLAN_RUN = 0;
export const PLAN_MIDDLE = 1;
export const PLAN_OUTER = 2;
export const PLAN_OPERANDS = 4;

/** Elements of a run that does not take much longer than the call of a function for it. */
const SHORT = 512;

export function buildElementwise(m: Module, formula: Formula, pattern: Pattern): void {
  const building = { m, formula, pattern, tools: new Tools(m, [formula.root]) };
  const runs = addRuns(building);
  addFlatTask(building, runs.flat);
  addRowsTask(m, addRows(m, formula.inputs.length + 1, pattern, runs));
}

function addRuns(building: Building): Runs {
  const { formula, pattern } = building;
  if (!isVector(formula.lanes)) return { flat: addScalar(building) };
  if (pattern === "strided") return { flat: addStrided(building, formula.lanes) };
  return addPacked(building, waysOf(formula, formula.lanes), pattern);
}

function addScalar(building: Building): Procedure {
  const { inputs, output, root } = building.formula;
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
  const { inputs, output, root } = building.formula;
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

/**
 * Exports `flatTask(chunk, chunks, size of a chunk, elements, inputs…, output)`; where strided, a stride follows each
 * operand.
 */
function addFlatTask({ m, formula, pattern }: Building, flat: FuncRef): void {
  const names = [...formula.inputs.map((_, i) => `x${i}`), "out"];
  const isStrided = pattern === "strided";
  const operands = isStrided ? names.flatMap((name) => [name, `${name}Stride`]) : names;
  m.func(
    "flatTask",
    ["chunk", "chunks", "per", "n", ...operands],
    (f, locals: Readonly<Record<string, Local<"i32">>>) => {
      const start = f.let(op("i32.mul", locals["chunk"]!, locals["per"]!));
      const args = names.flatMap((name, i) => {
        const stride = isStrided ? locals[`${name}Stride`]! : i32(stepOf({ formula, pattern }, i));
        const pointer = op("i32.add", locals[name]!, op("i32.mul", start, stride));
        return isStrided ? [pointer, stride] : [pointer];
      });
      const left = f.let(op("i32.sub", locals["n"]!, start));
      f.call(flat as FuncRef<readonly string[], undefined>, ...args, smaller(left, locals["per"]!));
      return undefined;
    },
  );
}

function smaller(a: Local<"i32">, b: Local<"i32">): Expr<"i32"> {
  return select(op("i32.lt_u", a, b), a, b);
}

/**
 * Exports `rows(plan, from, to)`, which computes the runs from number `from` up to `to`. Divisions are only needed for
 * the outer dimensions, once for each pass over the middle one.
 */
function addRows(m: Module, operands: number, pattern: Pattern, { flat, short }: Runs): FuncRef {
  return m.func("rows", ["plan", "from", "to"], (f, { plan, from, to }) => {
    const word = (index: number): Local<"i32"> => f.let(load("i32.load", plan, 4 * index));
    const [run, middle, outerRank] = [word(PLAN_RUN), word(PLAN_MIDDLE), word(PLAN_OUTER)];
    const part = (which: number) => Array.from({ length: operands }, (_, k) => word(PLAN_OPERANDS + 4 * k + which));
    const pointers = f.locals("i32", operands);
    const bases = pointers.map((_, k) => f.let(loadAddress(plan, 4 * (PLAN_OPERANDS + 4 * k))));
    const [strides, steps] = [part(2), part(3)];
    const [outer, first, count] = f.locals("i32", 3) as [Local<"i32">, Local<"i32">, Local<"i32">];
    const runEach = (): void =>
      f.while(count, () => {
        const args = pattern === "strided" ? pointers.flatMap((pointer, k) => [pointer, strides[k]!]) : pointers;
        f.call(flat, ...args, run);
        for (const [k, pointer] of pointers.entries()) f.inc(pointer, steps[k]!);
        f.inc(count, -1);
      });
    f.while(op("i32.lt_u", from, to), () => {
      f.set(outer, op("i32.div_u", from, middle));
      f.set(first, op("i32.sub", from, op("i32.mul", outer, middle)));
      f.set(count, smaller(f.let(op("i32.sub", middle, first)), f.let(op("i32.sub", to, from))));
      f.inc(from, count);
      for (const [k, pointer] of pointers.entries()) {
        f.set(pointer, op("i32.add", bases[k]!, op("i32.mul", first, steps[k]!)));
      }
      addOuterOffsets(f, plan, operands, outer, outerRank, pointers);
      if (short) {
        f.if(op("i32.le_u", run, SHORT), () => f.call(short, ...pointers, ...steps, run, count), runEach);
      } else runEach();
    });
    return undefined;
  });
}

function addRowsTask(m: Module, rows: FuncRef): void {
  m.func("rowsTask", ["chunk", "chunks", "per", "rows", "plan"], (f, p) => {
    const start = f.let(op("i32.mul", p.chunk, p.per));
    const end = f.let(op("i32.add", start, p.per));
    f.call(rows as FuncRef<readonly string[], undefined>, p.plan, start, smaller(end, p.rows));
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
  const at = f.let(op("i32.add", plan, 4 * (PLAN_OPERANDS + 4 * operands)));
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
