/**
 * Copies a transposed plane of four-byte elements: blocks of 4×4 turned in registers, in squares of sixteen rows and columns,
 * so that every cache line that is touched is used up.
 */
import {
  type Expr,
  type Func,
  type FuncRef,
  type Local,
  load,
  type Module,
  op,
  select,
  shuffle,
} from "../wasm/emitter.ts";
import { at, type Int } from "./element.ts";

export const STRIP = 16;

const params = ["source", "target", "columnStride", "rowStride", "rows", "columns"] as const;
type Params = { readonly [K in (typeof params)[number]]: Int };
export type Turn = FuncRef<typeof params, undefined>;

/** target[r][c] = source[c][r]. Strides are in bytes; the source's rows and the target's columns lie packed. */
export function turner(m: Module): Turn {
  return m.inner("turnPlane", params, (f, p) => {
    const row = f.local("i32");
    f.for(row, 0, p.rows, STRIP, () => {
      const rest = f.let(op("i32.sub", p.rows, row));
      const height = f.let(select(op("i32.lt_s", rest, STRIP), rest, STRIP));
      turnStrip(f, p, f.let(at(p.source, row, 4)), f.let(at(p.target, row, p.rowStride)), height);
    });
  });
}

/** Columns whose blocks of a few rows are finished before the next rows: a line of the target is written as a whole. */
const LINE = 16;

/** A line of columns at a time, then four; what is left over goes one by one. */
function turnStrip(f: Func, p: Params, source: Int, target: Int, height: Int): void {
  const blocks = f.let(op("i32.and", height, -4));
  const left = f.let(p.columns);
  for (const width of [LINE, 4]) {
    f.while(op("i32.ge_s", left, width), () => {
      turnColumns(f, p, source, target, { blocks, height, width });
      f.inc(source, op("i32.mul", p.columnStride, width));
      f.inc(target, 4 * width);
      f.inc(left, -width);
    });
  }
  turnSingles(f, p, source, target, height, left);
}

interface Columns {
  /** Rows that fill blocks, of the `height`. */
  readonly blocks: Int;
  readonly height: Int;
  readonly width: number;
}

function turnColumns(f: Func, p: Params, source: Int, target: Int, { blocks, height, width }: Columns): void {
  const [row, column, from, to] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
  f.for(row, 0, blocks, 4, () => {
    f.set(from, at(source, row, 4));
    f.set(to, at(target, row, p.rowStride));
    f.for(column, 0, width, 4, () => {
      turnBlock(f, p, from, to);
      f.inc(from, op("i32.mul", p.columnStride, 4));
      f.inc(to, 16);
    });
  });
  const rest = op("i32.sub", height, blocks);
  turnSingles(f, p, f.let(at(source, blocks, 4)), f.let(at(target, blocks, p.rowStride)), rest, width);
}

function turnBlock(f: Func, p: Params, source: Int, target: Int): void {
  const from = f.let(source);
  const columns = Array.from({ length: 4 }, () => {
    const column = f.let(load("v128.load", from));
    f.inc(from, p.columnStride);
    return column;
  }) as [Local<"v128">, Local<"v128">, Local<"v128">, Local<"v128">];
  const [a, b, c, d] = columns;
  const low = [f.let(shuffle(a, b, [0, 4, 1, 5])), f.let(shuffle(c, d, [0, 4, 1, 5]))] as const;
  const high = [f.let(shuffle(a, b, [2, 6, 3, 7])), f.let(shuffle(c, d, [2, 6, 3, 7]))] as const;
  const to = f.let(target);
  for (const [x, y] of [low, high]) {
    for (const lanes of [
      [0, 1, 4, 5],
      [2, 3, 6, 7],
    ]) {
      f.store("v128.store", to, shuffle(x, y, lanes));
      f.inc(to, p.rowStride);
    }
  }
}

function turnSingles(
  f: Func,
  p: Params,
  source: Int,
  target: Int,
  rows: Expr<"i32">,
  columns: Expr<"i32"> | number,
): void {
  const [from, to] = [f.local("i32"), f.local("i32")];
  const count = f.let(rows);
  f.range(columns, (column) => {
    f.set(from, at(source, column, p.columnStride));
    f.set(to, at(target, column, 4));
    f.range(count, () => {
      f.store("i32.store", to, load("i32.load", from));
      f.inc(from, 4);
      f.inc(to, p.rowStride);
    });
  });
}
