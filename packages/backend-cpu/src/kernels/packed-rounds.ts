/** The innermost loops of element-wise kernels over packed runs: rounds of several vectors, and a last, partial one. */
import { type Expr, type Func, type FuncRef, i32, type Local, op } from "../wasm/emitter.ts";
import { type Access, loadPacked, loadRepeated, loadReversed, storeFirst, storeRun } from "./access.ts";
import type { Node } from "./expression.ts";
import { addFunction, type Building, type Formula, type Layout, type Procedure, stepOf } from "./formula.ts";
import { collect, type VectorLanes } from "./lanes.ts";
import { Lowering } from "./lower.ts";
import { REGISTERS } from "./registers.ts";
import { SPLIT } from "./split.ts";
import { notesOf, registersOfWay } from "./unusual.ts";
import type { Way } from "./ways.ts";

type Int = Local<"i32">;
type Vector = Local<"v128">;
export type Run = readonly Layout[];
/**
 * A function that computes some rounds. It returns non-zero if an element needed a patch that the loop does not have.
 */
export type Rounds = FuncRef<readonly string[], "i32">;

/** Bytes of a cache line. */
export const LINE = 64;

export const isCheap = ({ weight, inputs }: Formula): boolean => weight <= inputs.length + 10;

export function isMove({ inputs, output, root }: Formula): boolean {
  return root.op === "input" && inputs[0]!.bytes === output.bytes;
}

/**
 * How many vectors a round takes. Cheap formulas: four, or as many as fill a cache line of the output; plain moves
 * eight, unless the engine joins vectors (see `Features`). Other formulas: two where the engine joins them, otherwise
 * four. A formula with patches falls back to one if it leaves few registers, because V8 collects the notes of all
 * vectors at the end of the round and keeps everything they are computed from alive until then.
 */
export function vectorsOf(building: Building, way: Way): number {
  const { formula, m } = building;
  if (isMove(formula) && !m.options.joined) return 8;
  if (isCheap(formula)) return formula.split ? Math.max(4, LINE / (SPLIT * formula.output.bytes)) : 4;
  if (isJoined(building)) return 2;
  return way.signs.length > 0 && registersOfWay(way) > REGISTERS - 4 ? 1 : 4;
}

/**
 * Whether the engine joins neighbouring vectors of a formula. It cannot join look-ups in tables, which go lane by lane.
 */
function isJoined({ formula, m }: Building): boolean {
  return (
    m.options.joined === true && ![...collect([formula.root])].some(({ op }) => op === "column" || op === "lookup")
  );
}

/** Adds a function that computes `count` rounds of `vectors` vectors. */
export function addRounds(building: Building, way: Way, pattern: Run, vectors: number): Rounds {
  const { formula } = building;
  return addFunction(building, `by${vectors * way.moved}`, (f, pointers, _, count) => {
    const notes = notesOf(way);
    const round = roundOf(f, building, way, pattern, pointers, notes.map(({ tree }) => tree)); // biome-ignore format: one line
    // Where notes are gathered: a place for each vector, so that additions do not wait for each other; for long
    // formulas a single one, to save registers.
    const chains = Array.from({ length: isCheap(formula) ? vectors : 1 }, () => notes.map(({ begin }) => begin(f)));
    f.while(count, () => {
      round(vectors, (vector, noted) => {
        for (const [k, sum] of chains[vector % chains.length]!.entries()) sum.add(noted[k]!);
      });
      f.inc(count, -1);
    });
    return chains.flat().reduce<Expr<"i32">>((all, sum) => op("i32.or", all, sum.mask()), i32(0));
  });
}

/**
 * Adds `short(operands…, bytes from row to row of each operand…, run, rows)`, which computes `rows` short runs of `run`
 * elements each: calling a function for each of them would take as long as the run itself. Only for cheap formulas,
 * since nested loops leave few registers.
 */
export function addShortRows(building: Building, way: Way, pattern: Run, partial: Procedure): Procedure {
  const { m, formula } = building;
  const names = [...formula.inputs.map((_, i) => `x${i}`), "out"];
  const params = [...names, ...names.map((name) => `${name}Row`), "run", "rows"];
  return m.inner("short", params, (f, locals: Readonly<Record<string, Int>>) => {
    const [pointers, run, rows] = [names.map((name) => locals[name]!), locals["run"]!, locals["rows"]!];
    const steps = names.map((name) => locals[`${name}Row`]!);
    const rest = f.let(op("i32.and", run, way.moved - 1));
    const done = names.map((_, i) => f.let(op("i32.mul", op("i32.sub", run, rest), stepOf(building, i))));
    const ends = pointers.map((pointer, i) => f.let(op("i32.add", pointer, done[i]!)));
    const skips = steps.map((step, i) => f.let(op("i32.sub", step, done[i]!)));
    const vectors = f.let(op("i32.div_u", run, way.moved));
    const left = f.locals("i32", 2) as [Int, Int];
    countDown(f, left[0], rows, () => {
      const round = roundOf(f, building, way, pattern, pointers);
      countDown(f, left[1], op("i32.div_u", vectors, WIDE), () => round(WIDE));
      countDown(f, left[1], op("i32.and", vectors, WIDE - 1), () => round(1));
      for (const [i, pointer] of pointers.entries()) f.inc(pointer, skips[i]!);
    });
    // In a loop of its own, since a call within the loops above would slow them down.
    f.if(rest, () =>
      countDown(f, rows, rows, () => {
        f.call(partial, ...ends, rest);
        for (const [i, end] of ends.entries()) f.inc(end, steps[i]!);
      }),
    );
  });
}

/** Runs `body` `count` times. */
function countDown(f: Func, counter: Int, count: Expr<"i32">, body: () => void): void {
  f.set(counter, count);
  f.while(counter, () => {
    body();
    f.inc(counter, -1);
  });
}

/** Vectors of a short row that are computed together. */
const WIDE = 4;

/** Writes the code of a round. `note` gets the values of the `noted` trees for each vector. */
type Round = (vectors: number, note?: (vector: number, values: readonly Vector[]) => void) => void;

/**
 * Prepares the code of rounds, to be called before the loop: it loads repeated operands and constants. The resulting
 * function computes the next vectors, stores them, and moves the pointers on.
 */
function roundOf(
  f: Func,
  building: Building,
  way: Way,
  pattern: Run,
  pointers: readonly Int[],
  noted: readonly Node[] = [],
): Round {
  const { output } = building.formula;
  const trees = [...way.roots, ...noted];
  const lowering = new Lowering(f, trees, way.lanes, building.tools);
  const load = loader(f, building, way, pattern, pointers);
  return (vectors, note) => {
    for (const group of groupsOf(building, way.moved, vectors)) {
      const found = group.map(load).map((xs) => lowering.emit(trees, xs).map((x) => f.let(x as Expr<"v128">)));
      for (const [vector, values] of found.entries()) note?.(vector, values.slice(way.roots.length));
      const results = found.flatMap((values) => values.slice(0, way.roots.length));
      storeRun(f, output, fitting(output, way.moved), pointers.at(-1)!, results, group[0]);
    }
    for (const [i, pointer] of pointers.entries()) {
      if (pattern[i] !== "repeated") f.inc(pointer, vectors * way.moved * stepOf(building, i));
    }
  };
}

/**
 * The vectors of a round in groups, each vector by the index of its first element. The vectors of a group are computed
 * side by side, all loads first and all stores last, so that the engine can join them. Where it does not, each vector
 * of a long formula is a group of its own: several would not fit into the registers.
 */
function groupsOf(building: Building, moved: number, vectors: number): number[][] {
  const places = Array.from({ length: vectors }, (_, vector) => vector * moved);
  const inTurn = !isCheap(building.formula) && !isJoined(building);
  return inTurn ? places.map((at) => [at]) : [places];
}

/**
 * Returns what loads the operands of the vector that begins `at` elements on. Repeated operands are loaded right here.
 */
function loader(
  f: Func,
  { formula }: Building,
  { moved, paired }: Way,
  pattern: Run,
  pointers: readonly Int[],
): (at: number) => Vector[] {
  // A long formula has no register left to hold it.
  const held = (value: Expr<"v128">): Expr<"v128"> => (isCheap(formula) ? f.let(value) : value);
  const repeated = formula.inputs.map((from, i) =>
    pattern[i] === "repeated" ? held(loadRepeated(from, pointers[i]!, moved)) : undefined,
  );
  const load = (from: Access, i: number, at: number): Vector =>
    f.let(repeated[i] ?? loadRun(from, fitting(from, moved), pattern[i], pointers[i]!, at));
  return (at) => {
    const xs = formula.inputs.map((from, i) => load(from, i, at));
    const seconds = formula.inputs.map((from, i) => (paired && from.bytes === 8 ? load(from, i, at + 2) : xs[i]!));
    return [...xs, ...seconds];
  };
}

/** Adds a function for the last elements, which do not fill a vector. */
export function addPartial(building: Building, { moved, lanes, roots }: Way, pattern: Run): Procedure {
  const { inputs, output } = building.formula;
  return addFunction(building, "partial", (f, pointers, _, count) => {
    const xs = inputs.map((from, i) => {
      const pointer = pointers[i]!;
      return f.let(
        pattern[i] === "repeated" ? loadRepeated(from, pointer, moved) : loadRun(from, moved, pattern[i], pointer),
      );
    });
    const value = new Lowering(f, roots, lanes, building.tools).emit(roots, xs)[0] as Expr<"v128">;
    storeFirst(f, output, moved, count, pointers.at(-1)!, value);
  });
}

/** Loads the vector that begins `at` elements on. */
function loadRun(from: Access, lanes: VectorLanes, layout: Layout | undefined, pointer: Int, at = 0): Expr<"v128"> {
  return layout === "reversed"
    ? loadReversed(from, lanes, pointer, at)
    : loadPacked(from, lanes, pointer, at * from.bytes);
}

/** How many elements of a dtype one vector takes, at most `lanes`. */
function fitting({ bytes }: Access, lanes: VectorLanes): VectorLanes {
  return Math.min(lanes, 16 / bytes) as VectorLanes;
}
