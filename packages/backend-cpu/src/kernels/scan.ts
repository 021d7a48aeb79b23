/** Running folds along one dimension: shares of the lines for threads. */
import type { ScanOp } from "@dl/tensor";
import { engine, threads } from "../runtime/index.ts";
import { type ArrayKernel, type ArrayView, axisOf } from "./array-kernel.ts";
import { ABREAST, buildExtreme, buildFold, COLUMNS, type RunningExtreme, type RunningFold } from "./scan-loops.ts";

const PARALLEL = 2 ** 14;
const MAX_CHUNKS = 64;

function launch(key: string, together: number, x: ArrayView, dim: number, outputs: readonly ArrayView[]): void {
  const { outer, size, inner } = axisOf(x.shape, dim);
  if (x.data.length === 0) return;
  const [name, units] =
    inner === 1 ? ["along", Math.ceil(outer / together)] : ["abreast", outer * Math.ceil(inner / COLUMNS)];
  const places = [x, ...outputs].map(({ data }) => data.byteOffset);
  const args = [units, outer, size, inner, ...places];
  const chunks = x.data.length < PARALLEL ? 1 : Math.min(units, MAX_CHUNKS);
  threads.parallel(key, name, chunks, outputs.length === 1 ? [...args, 0] : args, 8 * COLUMNS);
}

/** Totals of whole numbers are int64, those of floats float64. */
const running =
  <K extends RunningFold>(name: K): ArrayKernel<K> =>
  ([x], { dim }, [out]) => {
    const key = `${name} ${x!.dtype} ${out!.dtype}`;
    engine.module(key, (m) => buildFold(m, name, x!.dtype, out!.dtype));
    launch(key, ABREAST, x!, dim, [out!]);
  };

const runningExtreme =
  <K extends RunningExtreme>(name: K): ArrayKernel<K> =>
  ([x], { dim }, outputs) => {
    const key = `${name} ${x!.dtype}`;
    engine.module(key, (m) => buildExtreme(m, name, x!.dtype));
    launch(key, 1, x!, dim, outputs);
  };

export const scans: { readonly [K in ScanOp]: ArrayKernel<K> } = {
  cumsum: running("cumsum"),
  cumprod: running("cumprod"),
  logcumsumexp: running("logcumsumexp"),
  cummax: runningExtreme("cummax"),
  cummin: runningExtreme("cummin"),
};
