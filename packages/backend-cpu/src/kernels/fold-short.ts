/**
 * Folds of short rows, as many side by side as a vector has lanes: each row has a vector of totals, and in the end all
 * of these become one vector of results. One at a time, a row of 64 elements would take longer to begin and end than to
 * fold.
 */
import { partOf } from "../dense/element.ts";
import { type Expr, type Func, type FuncRef, type Local, type Module, op, select, shuffle } from "../wasm/emitter.ts";
import { storeFirst, storePacked } from "./access.ts";
import { type Fold, type FoldParams, operandsAt, placeOf, plus, smaller, stepper, times, vectorOf } from "./folds.ts";
import type { Tools } from "./helpers.ts";
import { firstLanes } from "./lanes.ts";
import { Lowering } from "./lower.ts";

type I32 = Local<"i32">;
type Vector = Local<"v128">;

/** The most elements of a short row. */
const SHORT = 512;
/** Where sums round, so many vectors of a row are added up before they are added to the row's total. */
const SEGMENT = 16;
/** The vectors of each row that one round of the loop takes. */
const TOGETHER = 2;

const params = ["rows", "place", "stride", "beside", "count", "target"] as const;
type Params = { readonly [N in (typeof params)[number]]: I32 };
type ShortFold = FuncRef<typeof params, undefined>;

type OrElse = (f: Func, p: FoldParams, targets: readonly I32[], otherwise: () => void) => void;

/** Returns what writes a chunk's code: rows are folded side by side if they are short, or as `otherwise` writes it. */
export function addShortRows(m: Module, folds: readonly Fold[], tools: Tools): OrElse {
  const shorts = folds.flatMap((fold) => addShort(m, fold, tools) ?? []);
  return (f, p, targets, otherwise) => {
    if (shorts.length < folds.length) otherwise();
    else f.if(isShort(p, folds[0]!), () => foldChunk(f, p, folds, shorts, targets), otherwise);
  };
}

/** Whether rows are short, packed, not shared by several units, and all equally far apart. */
function isShort(p: FoldParams, { from }: Fold): Expr<"i32"> {
  const conditions = [
    ...[p.parts, p.reduced0, p.reduced1].map((count) => op("i32.eq", count, 1)),
    op("i32.eq", p.kept1, p.units),
    op("i32.eq", p.innerStride, from.bytes),
    op("i32.le_u", p.inner, SHORT),
  ];
  return conditions.reduce((all, condition) => op("i32.and", all, condition));
}

function foldChunk(
  f: Func,
  p: FoldParams,
  folds: readonly Fold[],
  shorts: readonly ShortFold[],
  targets: readonly I32[],
): void {
  const [index, end] = partOf(f, p.units, p.chunk, p.chunks);
  for (const [i, short] of shorts.entries()) {
    const target = plus(targets[i]!, times(index, folds[i]!.to.bytes));
    f.call(short, op("i32.sub", end, index), placeOf(p, index), p.keptStride1, p.beside, p.inner, target);
  }
}

/** `undefined` for elements that are loaded as words of two, or folded as narrow as they are stored. */
function addShort(m: Module, fold: Fold, tools: Tools): ShortFold | undefined {
  if (fold.packed.steps.length > 1 || fold.narrow) return undefined;
  return m.inner("short", params, (f, p) => {
    f.while(p.rows, () => {
      const left = f.let(smaller(p.rows, fold.packed.lanes));
      foldTogether(f, fold, tools, p, left);
      f.inc(p.rows, op("i32.sub", 0, left));
    });
  }) as ShortFold;
}

/** Folds the next `left` rows. If these are fewer than the lanes, the last of them is folded several times. */
function foldTogether(f: Func, fold: Fold, tools: Tools, p: Params, left: I32): void {
  const { lanes, start, merge, finish } = fold.packed;
  const code = new Lowering(f, [merge, finish], lanes, tools);
  const join = (a: Vector, b: Vector): Vector => f.let(code.emit([merge], [a, b])[0] as Expr<"v128">);
  const rows = rowsFrom(f, p, lanes, left);
  const [near, far] = [f.locals("v128", lanes), f.locals("v128", fold.rounds ? lanes : 0)];
  const first = f.let(vectorOf(f, start, lanes, tools));
  const begin = (totals: readonly Vector[]): void => totals.forEach((total) => void f.set(total, first));
  begin([...near, ...far]);
  const step = stepper(f, fold.packed, tools, near);
  step.reset();
  addLast(f, fold, p, rows, step.add);
  const vectors = f.let(op("i32.div_u", p.count, lanes));
  f.while(vectors, () => {
    const some = f.let(fold.rounds ? smaller(vectors, SEGMENT) : vectors);
    f.inc(vectors, op("i32.sub", 0, some));
    addVectors(f, fold, p, rows, some, step.add);
    if (!fold.rounds) return;
    for (const [i, total] of far.entries()) f.set(total, join(total, near[i]!));
    begin(near);
  });
  step.settle(lanes);
  const found = byRow(fold.rounds ? far.map((total, i) => join(total, near[i]!)) : near, join, f);
  const result = f.let(code.emit([finish], [found])[0] as Expr<"v128">);
  f.if(
    op("i32.eq", left, lanes),
    () => storePacked(f, fold.to, lanes, p.target, result),
    () => storeFirst(f, fold.to, lanes, left, p.target, result),
  );
  f.inc(p.target, times(left, fold.to.bytes));
}

/** Where the rows begin. Moves `place` to the rows after them. */
function rowsFrom(f: Func, { place, stride }: Params, lanes: number, left: I32): I32[] {
  const rows = [f.let(place)];
  for (let i = 1; i < lanes; i++) {
    rows.push(f.let(plus(rows[i - 1]!, select(op("i32.gt_u", left, i), stride, 0))));
  }
  f.set(place, plus(rows.at(-1)!, stride));
  return rows;
}

type Add = (operands: readonly Vector[], which: number, mask?: Vector) => void;

/** Adds the last elements of each row, which do not fill a vector. */
function addLast(f: Func, fold: Fold, { count, beside }: Params, rows: readonly I32[], add: Add): void {
  const { lanes, loaded } = fold.packed;
  const some = f.let(op("i32.rem_u", count, lanes));
  f.if(some, () => {
    const mask = f.let(firstLanes(some, lanes));
    const before = f.let(times(op("i32.sub", count, some), fold.from.bytes));
    for (const [i, row] of rows.entries()) add(operandsAt(f, fold, loaded, f.let(plus(row, before)), beside), i, mask);
  });
}

/** Adds `some` vectors of each row, and moves the rows past them. */
function addVectors(f: Func, fold: Fold, { beside }: Params, rows: readonly I32[], some: I32, add: Add): void {
  const { loaded } = fold.packed;
  const bytes = loaded * fold.from.bytes;
  for (const together of [TOGETHER, 1]) {
    f.while(op("i32.ge_u", some, together), () => {
      for (const [i, row] of rows.entries()) {
        for (let k = 0; k < together; k++) add(operandsAt(f, fold, loaded, row, beside, k * bytes), i);
        f.inc(row, together * bytes);
      }
      f.inc(some, -together);
    });
  }
}

/** Reduces the vectors of totals of all rows to one vector, with a row's total in each lane. */
function byRow(totals: readonly Vector[], join: (a: Vector, b: Vector) => Vector, f: Func): Vector {
  const pairs = (a: Vector, b: Vector, one: readonly number[], other: readonly number[]): Vector =>
    join(f.let(shuffle(a, b, one)), f.let(shuffle(a, b, other)));
  const [a, b, c, d] = totals as [Vector, Vector, Vector?, Vector?];
  if (!c || !d) return pairs(a, b, [0, 1, 4, 5], [2, 3, 6, 7]);
  const [ab, cd] = [pairs(a, b, [0, 4, 1, 5], [2, 6, 3, 7]), pairs(c, d, [0, 4, 1, 5], [2, 6, 3, 7])];
  return pairs(ab, cd, [0, 1, 4, 5], [2, 3, 6, 7]);
}
