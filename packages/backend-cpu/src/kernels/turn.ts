/**
 * Copies of transposed planes of four-byte elements: blocks of 4×4 turned in registers, in strips of sixteen rows, so that
 * every cache line that is touched is used up.
 */
import { dtypes, isContiguous, sizeOf, type View } from "@dl/tensor";
import { engine, threads } from "../runtime/index.ts";
import { addressOf } from "../storage.ts";
import { type Expr, type Func, type Local, load, op, select, shuffle } from "../wasm/emitter.ts";
import { eachUnit } from "./fold-loops.ts";
import { type Level, merged } from "./fold-plan.ts";

const STRIP = 16;
const PARALLEL = 2 ** 16;
const SMALLEST = 256;

/** Planes: target[r][c] = source[c][r]. All strides are in bytes; the source's rows and the target's columns lie packed. */
export interface Planes {
  readonly count: number;
  readonly rows: number;
  readonly columns: number;
  readonly columnStride: number;
  readonly rowStride: number;
  readonly sourcePlane: number;
  readonly targetPlane: number;
}

/** The planes of a view of four-byte elements; `undefined` if it lies otherwise, or is too small to care. */
export function turnedPlanes({ shape, strides, dtype }: View): Planes | undefined {
  if (dtypes[dtype].bytes !== 4 || sizeOf(shape) < SMALLEST || isContiguous(shape, strides)) return undefined;
  const planes = planesOf(merged(shape.map((size, dim) => ({ size, stride: strides[dim]! }))));
  return planes !== undefined && planes.rows * planes.columns >= SMALLEST ? planes : undefined;
}

/** Copies them row-major to `target`. */
export function copyTurned(from: View, planes: Planes, target: number): void {
  const { count, rows, columns, columnStride, rowStride, sourcePlane, targetPlane } = planes;
  const units = count * Math.ceil(rows / STRIP);
  const places = [addressOf(from), target, rows, columns, columnStride, rowStride, sourcePlane, targetPlane];
  const kernels = engine.module<"turn">("turn", (m) => m.func("turn", params, writeTurn));
  if (count * rows * columns < PARALLEL) kernels.turn(0, 1, units, ...places);
  else threads.parallel("turn", "turn", Math.min(units, 64), [units, ...places]);
}

/** At most three merged dimensions: the columns are the last, and differ; the rows have stride 1, the third counts planes. */
function planesOf(levels: readonly Level[]): Planes | undefined {
  const last = levels.length - 1;
  const at = levels.findIndex(({ stride }) => stride === 1);
  if (last < 1 || last > 2 || at < 0 || at === last || levels[last]!.stride === 0) return undefined;
  const target = levels.map((_, i) => levels.slice(i + 1).reduce((product, { size }) => product * size, 4));
  const [rows, columns, planes] = [levels[at]!, levels[last]!, last === 2 ? levels[1 - at] : undefined];
  return {
    count: planes?.size ?? 1,
    rows: rows.size,
    columns: columns.size,
    columnStride: 4 * columns.stride,
    rowStride: target[at]!,
    sourcePlane: 4 * (planes?.stride ?? 0),
    targetPlane: planes ? target[1 - at]! : 0,
  };
}

const params = [
  ...(["chunk", "chunks", "units", "source", "target", "rows", "columns"] as const),
  ...(["columnStride", "rowStride", "sourcePlane", "targetPlane"] as const),
] as const;
type Params = { readonly [K in (typeof params)[number]]: Local<"i32"> };
type Address = Expr<"i32">;

const plus = (a: Address, b: Address | number): Address => op("i32.add", a, b);
const times = (a: Address, b: Address | number): Address => op("i32.mul", a, b);

/** A unit is a strip of one plane. */
function writeTurn(f: Func, p: Params): undefined {
  const strips = f.let(op("i32.div_u", plus(p.rows, STRIP - 1), STRIP));
  const [plane, row, rest] = f.locals("i32", 3) as [Local<"i32">, Local<"i32">, Local<"i32">];
  eachUnit(f, p, (unit) => {
    f.set(plane, op("i32.div_u", unit, strips));
    f.set(row, times(op("i32.sub", unit, times(plane, strips)), STRIP));
    f.set(rest, op("i32.sub", p.rows, row));
    const height = f.let(select(op("i32.lt_s", rest, STRIP), rest, STRIP));
    const source = f.let(plus(p.source, plus(times(plane, p.sourcePlane), times(row, 4))));
    const target = f.let(plus(p.target, plus(times(plane, p.targetPlane), times(row, p.rowStride))));
    turnStrip(f, p, source, target, height);
  });
  return undefined;
}

/** Four columns at a time down the strip; what is left over goes one by one. */
function turnStrip(f: Func, p: Params, source: Local<"i32">, target: Local<"i32">, height: Local<"i32">): void {
  const [blocks, from, to] = [f.let(op("i32.and", height, -4)), f.local("i32"), f.local("i32")];
  const [column, row] = [f.local("i32"), f.local("i32")];
  f.for(column, 0, op("i32.and", p.columns, -4), 4, () => {
    f.set(from, source);
    f.set(to, target);
    f.for(row, 0, blocks, 4, () => {
      turnBlock(f, p, from, to);
      f.inc(from, 16);
      f.inc(to, times(p.rowStride, 4));
    });
    turnSingles(f, p, from, to, op("i32.sub", height, blocks), 4);
    f.inc(source, times(p.columnStride, 4));
    f.inc(target, 16);
  });
  turnSingles(f, p, source, target, height, op("i32.and", p.columns, 3));
}

function turnBlock(f: Func, p: Params, source: Local<"i32">, target: Local<"i32">): void {
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
  source: Local<"i32">,
  target: Local<"i32">,
  rows: Address,
  columns: Address | 4,
): void {
  const [from, to] = [f.local("i32"), f.local("i32")];
  const count = f.let(rows);
  const width = typeof columns === "number" ? columns : f.let(columns);
  f.range(width, (column) => {
    f.set(from, plus(source, times(column, p.columnStride)));
    f.set(to, plus(target, times(column, 4)));
    f.range(count, () => {
      f.store("i32.store", to, load("i32.load", from));
      f.inc(from, 4);
      f.inc(to, p.rowStride);
    });
  });
}
