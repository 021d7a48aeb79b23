/** Copies of transposed planes of four-byte elements, by threads: a unit of work is a part of a strip of one plane. */
import { dtypes, isContiguous, sizeOf, type View } from "@dl/tensor";
import { at, ceilDiv, min, shareOf } from "../dense/element.ts";
import { STRIP, turner } from "../dense/turned.ts";
import { engine, threads } from "../runtime/index.ts";
import { addressOf } from "../storage.ts";
import { type Module, op } from "../wasm/emitter.ts";
import { type Level, merged } from "./fold-plan.ts";

const PARALLEL = 2 ** 16;
const SMALLEST = 256;
/** Columns that strips take before the next ones: each may lie in a page of its own. */
const BLOCK = 256;

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
  const units = count * Math.ceil(columns / BLOCK) * Math.ceil(rows / STRIP);
  const places = [addressOf(from), target, rows, columns, columnStride, rowStride, sourcePlane, targetPlane];
  const kernels = engine.module<"turn">("turn", buildTurn);
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

function buildTurn(m: Module): void {
  const turn = turner(m);
  m.func("turn", params, (f, p) => {
    const strips = f.let(ceilDiv(p.rows, STRIP));
    const blocks = ceilDiv(p.columns, BLOCK);
    shareOf(f, p, p.units, (unit) => {
      const block = f.let(op("i32.div_u", unit, strips));
      const plane = f.let(op("i32.div_u", block, blocks));
      const column = f.let(op("i32.mul", op("i32.rem_u", block, blocks), BLOCK));
      const row = f.let(op("i32.mul", op("i32.rem_u", unit, strips), STRIP));
      const height = min(f, op("i32.sub", p.rows, row), STRIP);
      const width = min(f, op("i32.sub", p.columns, column), BLOCK);
      const source = at(at(at(p.source, plane, p.sourcePlane), row, 4), column, p.columnStride);
      const target = at(at(at(p.target, plane, p.targetPlane), row, p.rowStride), column, 4);
      f.call(turn, source, target, p.columnStride, p.rowStride, height, width);
    });
  });
}
