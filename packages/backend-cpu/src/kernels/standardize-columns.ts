/** Launches the kernels of `standardize-column-loops.ts`; between them the coefficients of each column are found. */
import { type Attrs, type StandardizeOp, sizeOf, type View } from "@dl/tensor";
import { elements } from "../dense/element.ts";
import { engine, threads } from "../runtime/index.ts";
import { addressOf, type CpuStorage } from "../storage.ts";
import type { Output } from "./kernel.ts";
import { folds } from "./reduce.ts";
import { buildColumns, columnTerms, TABLES } from "./standardize-column-loops.ts";
import { type Temporaries, viewOf } from "./temporary.ts";

/** Elements below which a second thread does not pay, and how often the work is cut for threads. */
const PARALLEL = 2 ** 14;
const CHUNKS = 16;
/** Rows that are added one after the other: more would round too often. */
const ROWS = 256;

type Floats = Float32Array | Float64Array;

interface Columns {
  readonly rows: number;
  readonly columns: number;
  /** Columns, rounded up to vectors: what rows of `table` and `sums` are long. */
  readonly width: number;
  readonly eps: number;
  readonly table: Floats;
  readonly sums: Floats;
  readonly moments: Floats;
  readonly weight: Floats | undefined;
}

/** Of [rows, columns, 1], in float32 or float64. */
export function standardizeColumns(
  name: StandardizeOp,
  inputs: readonly View[],
  { eps }: Attrs<StandardizeOp>,
  outputs: readonly Output[],
  temporaries: Temporaries,
): void {
  const isBackward = name === "standardizeBackward";
  const [x, g, w, b] = isBackward
    ? [inputs[1]!, inputs[0]!, inputs[3]]
    : [inputs[0]!, inputs[0]!, inputs[1], inputs[2]];
  const y = outputs[0]!;
  const [rows, columns] = y.shape as [number, number];
  const e = elements[y.dtype === "float64" ? "f64" : "f32"];
  const width = Math.ceil(columns / e.lanes) * e.lanes;
  const chunks = Math.min(2 ** 12, Math.max(Math.ceil(rows / ROWS), sizeOf(y.shape) < PARALLEL ? 1 : CHUNKS));
  const [tables, parts, sums] = areas(name, y, width, chunks, temporaries);
  const key = `${name} columns ${e.name}`;
  engine.module(key, (m) => buildColumns(m, e, name));
  const bases = [addressOf(x), addressOf(g), y.address, tables.address, parts.address];
  const run = (kernel: "add" | "write"): void =>
    threads.parallel(key, kernel, chunks, [rows, columns, width * e.bytes, ...bases]);
  setOrigins(tables, isBackward ? inputs[2]! : x, columns);
  run("add");
  folds.sum({ op: "sum", inputs: [parts], attrs: { dims: [0], keepdim: false }, outputs: [sums] }, [sums]);
  const [table, found, weight] = [floats(tables), floats(sums), w && floats(w)];
  const moments = floats(isBackward ? inputs[2]! : viewOf(outputs[1]!));
  const given: Columns = { rows, columns, width, eps, table, sums: found, moments, weight };
  if (isBackward) setGradients(given, ...outputs.slice(1).map((out) => floats(viewOf(out))));
  else setResults(given, b && floats(b));
  run("write");
}

/** The coefficients of columns, the sums of each chunk, and those of all. */
function areas(name: StandardizeOp, y: Output, width: number, chunks: number, temporaries: Temporaries) {
  const terms = columnTerms[name].length * width;
  const type = name === "standardize" ? "float64" : y.dtype;
  return [
    temporaries.make([TABLES, width], y.dtype),
    temporaries.make([chunks, terms], type),
    temporaries.make([terms], type),
  ] as const;
}

/** The elements of a row-major view. Do not keep them over an allocation. */
function floats({ storage, offset, shape }: View): Floats {
  return ((storage as CpuStorage).raw as Floats).subarray(offset, offset + sizeOf(shape));
}

/** Distances from what is not finite would all be NaN. */
function setOrigins(tables: View, from: View, columns: number): void {
  const [table, values] = [floats(tables), floats(from)];
  for (let i = 0; i < columns; i++) table[i] = Number.isFinite(values[i]) ? values[i]! : 0;
}

function setResults({ rows, columns, width, eps, table, sums, moments, weight }: Columns, bias?: Floats): void {
  for (let i = 0; i < columns; i++) {
    const distance = sums[i]! / rows;
    const mean = table[i]! + distance;
    const variance = Math.max(sums[width + i]! / rows - distance ** 2, 0);
    const slope = (weight?.[i] ?? 1) / Math.sqrt(variance + eps);
    table[i] = mean;
    table[width + i] = slope;
    table[2 * width + i] = (table[i]! - mean) * slope + (bias?.[i] ?? 0);
    moments[i] = mean;
    moments[columns + i] = variance;
  }
}

/** As in `coefficients`, but for x − centre in place of x̂. */
function setGradients(given: Columns, dw?: Floats, db?: Floats): void {
  const { rows, columns, width, eps, table, sums, moments, weight } = given;
  for (let i = 0; i < columns; i++) {
    const [distance, level, product] = [i, width + i, 2 * width + i].map((at) => sums[at]! / rows) as [
      number,
      number,
      number,
    ];
    const gain = 1 / Math.sqrt(moments[columns + i]! + eps);
    const along = (product - distance * level) * gain;
    const factor = (weight?.[i] ?? 1) * gain;
    table[width + i] = -factor * gain * along;
    table[2 * width + i] = factor * (distance * gain * along - level);
    table[3 * width + i] = factor;
    if (!dw || !db) continue;
    dw[i] = along * rows;
    db[i] = sums[width + i]!;
  }
}
