/** Copies of transposed planes of elements of four or eight bytes, by threads: a unit of work is a part of a strip of one plane. */
import { dtypes, isContiguous, sizeOf, type View } from "@dl/tensor";
import { at, ceilDiv, min, shareOf } from "../dense/element.ts";
import { LINE, turner } from "../dense/turned.ts";
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

/** The planes of a view of such elements; `undefined` if it lies otherwise, or is too small to care. */
export function turnedPlanes({ shape, strides, dtype }: View): Planes | undefined {
  const { bytes } = dtypes[dtype];
  if (bytes < 4 || sizeOf(shape) < SMALLEST || isContiguous(shape, strides)) return undefined;
  const planes = planesOf(merged(shape.map((size, dim) => ({ size, stride: strides[dim]! }))), bytes);
  return planes !== undefined && planes.rows * planes.columns >= SMALLEST ? planes : undefined;
}

/** Copies them row-major to `target`. */
export function copyTurned(from: View, planes: Planes, target: number): void {
  const { count, rows, columns, columnStride, rowStride, sourcePlane, targetPlane } = planes;
  const bytes = dtypes[from.dtype].bytes as 4 | 8;
  const units = count * Math.ceil(columns / BLOCK) * Math.ceil((rows * bytes) / LINE);
  const places = [addressOf(from), target, rows, columns, columnStride, rowStride, sourcePlane, targetPlane];
  const key = `turn ${bytes}`;
  const kernels = engine.module<"turn">(key, (m) => buildTurn(m, bytes));
  if (count * rows * columns < PARALLEL) kernels.turn(0, 1, units, ...places);
  else threads.parallel(key, "turn", Math.min(units, 64), [units, ...places]);
}

/** At most three merged dimensions: the columns are the last, and differ; the rows have stride 1, the third counts planes. */
function planesOf(levels: readonly Level[], bytes: number): Planes | undefined {
  const last = levels.length - 1;
  const at = levels.findIndex(({ stride }) => stride === 1);
  if (last < 1 || last > 2 || at < 0 || at === last || levels[last]!.stride === 0) return undefined;
  const target = levels.map((_, i) => levels.slice(i + 1).reduce((product, { size }) => product * size, bytes));
  const [rows, columns, planes] = [levels[at]!, levels[last]!, last === 2 ? levels[1 - at] : undefined];
  return {
    count: planes?.size ?? 1,
    rows: rows.size,
    columns: columns.size,
    columnStride: bytes * columns.stride,
    rowStride: target[at]!,
    sourcePlane: bytes * (planes?.stride ?? 0),
    targetPlane: planes ? target[1 - at]! : 0,
  };
}

const params = [
  ...(["chunk", "chunks", "units", "source", "target", "rows", "columns"] as const),
  ...(["columnStride", "rowStride", "sourcePlane", "targetPlane"] as const),
] as const;

function buildTurn(m: Module, bytes: 4 | 8): void {
  const turn = turner(m, bytes);
  m.func("turn", params, (f, p) => {
    const strips = f.let(ceilDiv(p.rows, LINE / bytes));
    const blocks = ceilDiv(p.columns, BLOCK);
    shareOf(f, p, p.units, (unit) => {
      const block = f.let(op("i32.div_u", unit, strips));
      const plane = f.let(op("i32.div_u", block, blocks));
      const column = f.let(op("i32.mul", op("i32.rem_u", block, blocks), BLOCK));
      const row = f.let(op("i32.mul", op("i32.rem_u", unit, strips), LINE / bytes));
      const height = min(f, op("i32.sub", p.rows, row), LINE / bytes);
      const width = min(f, op("i32.sub", p.columns, column), BLOCK);
      const source = at(at(at(p.source, plane, p.sourcePlane), row, bytes), column, p.columnStride);
      const target = at(at(at(p.target, plane, p.targetPlane), row, p.rowStride), column, bytes);
      f.call(turn, source, target, p.columnStride, p.rowStride, height, width);
    });
  });
}
