/**
 * Loops that fold rows into each other. To read memory in order, the totals of a panel of columns are kept in the
 * scratch area, and a few rows at a time are added to them.
 */
import { type Expr, type Func, type Local, op } from "../wasm/emitter.ts";

type I32 = Local<"i32">;

/** The columns of a unit of work. */
export const COLUMNS = 1024;
/** So many rows, and vectors of each row, are visited together, since registers hold that many; or one at a time. */
const TOGETHER = [4, 1] as const;

/** Where a run of vectors begins, and how many bytes each takes. */
export type Run = readonly [start: Expr<"i32">, bytes: number];

/**
 * Visits several runs of `width` elements in step, vector by vector. `left` is how many elements are left from there
 * on.
 */
export function eachVector(
  f: Func,
  width: I32,
  lanes: number,
  runs: readonly Run[],
  visit: (places: readonly I32[], vectors: number, left: I32) => void,
  together: readonly number[] = TOGETHER,
): void {
  const places = runs.map(([start]) => f.let(start));
  const left = f.let(width);
  for (const vectors of together) {
    f.while(op("i32.gt_s", left, (vectors - 1) * lanes), () => {
      visit(places, vectors, left);
      for (const [i, [, bytes]] of runs.entries()) f.inc(places[i]!, vectors * bytes);
      f.inc(left, -vectors * lanes);
    });
  }
}

/**
 * Visits `count` rows that are `stride` bytes apart, beginning with `row`. `first` is the number of the first row
 * visited.
 */
export function eachRow(
  f: Func,
  count: I32,
  stride: I32,
  [start, bytes]: Run,
  visit: (rows: readonly Run[], first: I32) => void,
): void {
  const [at, row] = [f.let(start), f.let(op("i32.sub", count, count))];
  for (const rows of TOGETHER) {
    f.while(op("i32.ge_s", op("i32.sub", count, row), rows), () => {
      visit(
        Array.from({ length: rows }, (_, k) => [op("i32.add", at, op("i32.mul", stride, k)), bytes]),
        row,
      );
      f.inc(at, op("i32.mul", stride, rows));
      f.inc(row, rows);
    });
  }
}
