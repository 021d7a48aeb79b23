/** Launches the kernels of `standardize-loops.ts`. */
import { type StandardizeOp, sizeOf, type View } from "@dl/tensor";
import { elements } from "../dense/element.ts";
import { engine, threads } from "../runtime/index.ts";
import { addressOf } from "../storage.ts";
import { convert } from "./copy.ts";
import type { Kernel, Output } from "./kernel.ts";
import { buildStandardize, SUMS_BYTES } from "./standardize-loops.ts";
import { withTemporaries } from "./temporary.ts";

/** Elements below which a second thread does not pay. */
const PARALLEL = 2 ** 14;
const MAX_CHUNKS = 64;

/** 16-bit floats are computed in float32. */
function channelwise<K extends StandardizeOp>(name: K): Kernel<K> {
  return ({ inputs, attrs }, outputs) => {
    const dtype = outputs[0]!.dtype === "float64" ? "float64" : "float32";
    withTemporaries(outputs[0]!, (temporaries) => {
      const xs = (inputs as readonly View[]).map((x) => temporaries.rowMajor(x, dtype));
      const made = outputs.map((out) => (out.dtype === dtype ? out : temporaries.make(out.shape, dtype)));
      launch(name, dtype, xs, attrs.eps, made);
      for (const [i, out] of outputs.entries()) if (made[i] !== out) convert(made[i] as View & Output, out);
    });
  };
}

function launch(
  name: StandardizeOp,
  dtype: "float32" | "float64",
  xs: readonly View[],
  eps: number,
  [y, mean, variance]: readonly Output[],
): void {
  const [outer, channels, inner] = y!.shape as [number, number, number];
  if (sizeOf(y!.shape) === 0) return;
  const key = `${name} ${dtype}`;
  engine.module(key, (m) => buildStandardize(m, elements[dtype === "float64" ? "f64" : "f32"], name));
  // The gradient comes first, as in the table of ops.
  const [x, g] = [xs.at(-1)!, xs[0]!].map(addressOf);
  const args = [outer, channels, inner, eps, x!, g!, y!.address, mean?.address ?? 0, variance?.address ?? 0];
  const chunks = sizeOf(y!.shape) < PARALLEL ? 1 : Math.min(channels, MAX_CHUNKS);
  threads.parallel(key, "run", chunks, args, SUMS_BYTES);
}

export const standardizing: { readonly [K in StandardizeOp]: Kernel<K> } = {
  standardize: channelwise("standardize"),
  standardizeBackward: channelwise("standardizeBackward"),
};
