/** Loops over vectors of runs without strides: whole rounds of several, and what fills none. */
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
/** Gives back whether there was something unusual. */
export type Rounds = FuncRef<readonly string[], "i32">;

/** Bytes of a line of the caches. */
export const LINE = 64;

export const isCheap = ({ weight, inputs }: Formula): boolean => weight <= inputs.length + 10;

export function isMove({ inputs, output, root }: Formula): boolean {
  return root.op === "input" && inputs[0]!.bytes === output.bytes;
}

/**
 * Cheap formulas take four vectors a round, or as many as write a line of the caches; moves eight, if they are not joined.
 * Others take two where the engine joins them, else four; one where something unusual is noted beside, if registers are
 * scarce: V8 notes it at the end of the round, and keeps all that it is made of until then.
 */
export function vectorsOf(building: Building, way: Way): number {
  const { what, m } = building;
  if (isMove(what) && !m.options.joined) return 8;
  if (isCheap(what)) return what.split ? Math.max(4, LINE / (SPLIT * what.output.bytes)) : 4;
  if (isJoined(building)) return 2;
  return way.signs.length > 0 && registersOfWay(way) > REGISTERS - 4 ? 1 : 4;
}

/** Whether the engine joins the vectors of a formula; what looks numbers up, one by one, it does not. */
function isJoined({ what, m }: Building): boolean {
  return m.options.joined === true && ![...collect([what.root])].some(({ op }) => op === "column" || op === "lookup");
}

/** `count` rounds. */
export function addRounds(building: Building, way: Way, pattern: Run, vectors: number): Rounds {
  const { what } = building;
  return addFunction(building, `by${vectors * way.moved}`, (f, pointers, _, count) => {
    const notes = notesOf(way);
    const round = roundOf(f, building, way, pattern, pointers, notes.map(({ tree }) => tree)); // biome-ignore format: one line
    // Short chains for cheap formulas, few registers for long ones.
    const chains = Array.from({ length: isCheap(what) ? vectors : 1 }, () => notes.map(({ begin }) => begin(f)));
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
 * `short(inputs…, output, from one row to the next for each of them, elements of a run, rows)`: to call a function for each
 * run takes as long as a short one. For cheap formulas, whose nested loops need few registers.
 */
export function addShortRows(building: Building, way: Way, pattern: Run, partial: Procedure): Procedure {
  const { m, what } = building;
  const names = [...what.inputs.map((_, i) => `x${i}`), "out"];
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
    // A call within those loops would slow them down.
    f.if(rest, () =>
      countDown(f, rows, rows, () => {
        f.call(partial, ...ends, rest);
        for (const [i, end] of ends.entries()) f.inc(end, steps[i]!);
      }),
    );
  });
}

/** Runs `body` so many times. */
function countDown(f: Func, counter: Int, count: Expr<"i32">, body: () => void): void {
  f.set(counter, count);
  f.while(counter, () => {
    body();
    f.inc(counter, -1);
  });
}

/** Vectors of a short row that are computed together. */
const WIDE = 4;

type Round = (vectors: number, note?: (vector: number, values: readonly Vector[]) => void) => void;

/** What computes the next vectors, and of each what more there is to note, and moves on. What is repeated is loaded at once. */
function roundOf(
  f: Func,
  building: Building,
  way: Way,
  pattern: Run,
  pointers: readonly Int[],
  noted: readonly Node[] = [],
): Round {
  const { output } = building.what;
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
 * Where the vectors of a round begin that are computed side by side. All loads of a group come first and all stores last,
 * so that the engine can join vectors. Where it does not, a long formula stores each vector before it loads the next: side
 * by side, they would not fit the registers.
 */
function groupsOf(building: Building, moved: number, vectors: number): number[][] {
  const places = Array.from({ length: vectors }, (_, vector) => vector * moved);
  const inTurn = !isCheap(building.what) && !isJoined(building);
  return inTurn ? places.map((at) => [at]) : [places];
}

/** What loads the operands of a vector, `at` elements on; those that are repeated, before the loop. */
function loader(
  f: Func,
  { what }: Building,
  { moved, paired }: Way,
  pattern: Run,
  pointers: readonly Int[],
): (at: number) => Vector[] {
  // Long formulas leave it no register.
  const held = (value: Expr<"v128">): Expr<"v128"> => (isCheap(what) ? f.let(value) : value);
  const repeated = what.inputs.map((from, i) =>
    pattern[i] === "repeated" ? held(loadRepeated(from, pointers[i]!, moved)) : undefined,
  );
  const load = (from: Access, i: number, at: number): Vector =>
    f.let(repeated[i] ?? loadRun(from, fitting(from, moved), pattern[i], pointers[i]!, at));
  return (at) => {
    const xs = what.inputs.map((from, i) => load(from, i, at));
    const seconds = what.inputs.map((from, i) => (paired && from.bytes === 8 ? load(from, i, at + 2) : xs[i]!));
    return [...xs, ...seconds];
  };
}

/** The elements that do not fill a vector. */
export function addPartial(building: Building, { moved, lanes, roots }: Way, pattern: Run): Procedure {
  const { inputs, output } = building.what;
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

/** A vector of a run, `at` elements on. */
function loadRun(from: Access, lanes: VectorLanes, layout: Layout | undefined, pointer: Int, at = 0): Expr<"v128"> {
  return layout === "reversed"
    ? loadReversed(from, lanes, pointer, at)
    : loadPacked(from, lanes, pointer, at * from.bytes);
}

/** How many of `lanes` elements are one vector. */
function fitting({ bytes }: Access, lanes: VectorLanes): VectorLanes {
  return Math.min(lanes, 16 / bytes) as VectorLanes;
}
