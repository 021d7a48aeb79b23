/**
 * Copies a transposed plane of elements of four or eight bytes: blocks of 4×4 turned in registers, in squares as wide
 * as a cache line, so that every line that is touched is used up.
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

/** Bytes of a line: of a strip's columns, and of the columns whose blocks of a few rows are finished before the next rows. */
export const LINE = 64;
/** Rows and columns of a block. */
const SIDE = 4;

const params = ["source", "target", "columnStride", "rowStride", "rows", "columns"] as const;
type Params = { readonly [K in (typeof params)[number]]: Int };
export type Turn = FuncRef<typeof params, undefined>;

/** target[r][c] = source[c][r]. Strides are in bytes; the source's rows and the target's columns lie packed. */
export function turner(m: Module, bytes: 4 | 8 = 4): Turn {
  return m.inner("turnPlane", params, (f, p) => {
    const row = f.local("i32");
    f.for(row, 0, p.rows, LINE / bytes, () => {
      const rest = f.let(op("i32.sub", p.rows, row));
      const height = f.let(select(op("i32.lt_s", rest, LINE / bytes), rest, LINE / bytes));
      turnStrip(f, p, bytes, f.let(at(p.source, row, bytes)), f.let(at(p.target, row, p.rowStride)), height);
    });
  });
}

/** A line of columns at a time, then a block; what is left over goes one by one. */
function turnStrip(f: Func, p: Params, bytes: 4 | 8, source: Int, target: Int, height: Int): void {
  const blocks = f.let(op("i32.and", height, -SIDE));
  const left = f.let(p.columns);
  for (const width of [LINE / bytes, SIDE]) {
    f.while(op("i32.ge_s", left, width), () => {
      turnColumns(f, p, bytes, source, target, { blocks, height, width });
      f.inc(source, op("i32.mul", p.columnStride, width));
      f.inc(target, bytes * width);
      f.inc(left, -width);
    });
  }
  turnSingles(f, p, bytes, source, target, height, left);
}

interface Columns {
  /** Rows that fill blocks, of the `height`. */
  readonly blocks: Int;
  readonly height: Int;
  readonly width: number;
}

function turnColumns(
  f: Func,
  p: Params,
  bytes: 4 | 8,
  source: Int,
  target: Int,
  { blocks, height, width }: Columns,
): void {
  const [row, column, from, to] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
  f.for(row, 0, blocks, SIDE, () => {
    f.set(from, at(source, row, bytes));
    f.set(to, at(target, row, p.rowStride));
    f.for(column, 0, width, SIDE, () => {
      turnBlock(f, p, bytes, from, to);
      f.inc(from, op("i32.mul", p.columnStride, SIDE));
      f.inc(to, bytes * SIDE);
    });
  });
  const rest = op("i32.sub", height, blocks);
  turnSingles(f, p, bytes, f.let(at(source, blocks, bytes)), f.let(at(target, blocks, p.rowStride)), rest, width);
}

function turnBlock(f: Func, p: Params, bytes: 4 | 8, source: Int, target: Int): void {
  const parts = bytes / 4;
  const from = f.let(source);
  const columns = Array.from({ length: SIDE }, () => {
    const column = Array.from({ length: parts }, (_, k) => f.let(load("v128.load", from, 16 * k)));
    f.inc(from, p.columnStride);
    return column;
  });
  const to = f.let(target);
  for (const row of parts === 1 ? turned(f, columns.flat()) : turnedWide(columns)) {
    for (const [k, vector] of row.entries()) f.store("v128.store", to, vector, 16 * k);
    f.inc(to, p.rowStride);
  }
}

type Vector = Local<"v128">;
type Row = readonly Expr<"v128">[];

function turned(f: Func, [a, b, c, d]: readonly Vector[]): Row[] {
  const halves = (lanes: readonly number[]): Row[] => {
    const [x, y] = [f.let(shuffle(a!, b!, lanes)), f.let(shuffle(c!, d!, lanes))];
    return [[shuffle(x, y, [0, 2])], [shuffle(x, y, [1, 3])]];
  };
  return [...halves([0, 4, 1, 5]), ...halves([2, 6, 3, 7])];
}

/** Of columns of two vectors. */
function turnedWide([a, b, c, d]: readonly (readonly Vector[])[]): Row[] {
  return [0, 1, 2, 3].map((row) => {
    const lanes = row % 2 === 0 ? [0, 2] : [1, 3];
    const half = row >> 1;
    return [shuffle(a![half]!, b![half]!, lanes), shuffle(c![half]!, d![half]!, lanes)];
  });
}

function turnSingles(
  f: Func,
  p: Params,
  bytes: 4 | 8,
  source: Int,
  target: Int,
  rows: Expr<"i32">,
  columns: Expr<"i32"> | number,
): void {
  const [from, to] = [f.local("i32"), f.local("i32")];
  const count = f.let(rows);
  f.range(columns, (column) => {
    f.set(from, at(source, column, p.columnStride));
    f.set(to, at(target, column, bytes));
    f.range(count, () => {
      if (bytes === 4) f.store("i32.store", to, load("i32.load", from));
      else f.store("i64.store", to, load("i64.load", from));
      f.inc(from, bytes);
      f.inc(to, p.rowStride);
    });
  });
}
