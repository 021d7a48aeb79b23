/** Launches the kernels of `standardize-loops.ts`, and adds up the gradients of weights that they leave in parts. */
import { type Attrs, dtypes, type StandardizeOp, sizeOf, type View } from "@dl/tensor";
import { elements } from "../dense/element.ts";
import { engine, threads } from "../runtime/index.ts";
import { addressOf } from "../storage.ts";
import { convert, fill } from "./copy.ts";
import type { Kernel, Output } from "./kernel.ts";
import { folds } from "./reduce.ts";
import { standardizeColumns } from "./standardize-columns.ts";
import { APART, buildStandardize, type Kind } from "./standardize-loops.ts";
import { SUMS_BYTES } from "./standardize-sums.ts";
import { type Temporaries, type Temporary, viewOf, withTemporaries } from "./temporary.ts";

/** Elements below which a second thread does not pay. */
const PARALLEL = 2 ** 14;
const MAX_CHUNKS = 64;
/** Segments whose gradients are added one after the other: more would round too often. */
const ROWS = 256;

interface Plan {
  readonly kind: Kind["weights"];
  /** Elements of a segment. */
  readonly run: number;
  /** Weights. */
  readonly size: number;
  readonly chunks: number;
}

/** 16-bit floats are computed in float32. */
function channelwise<K extends StandardizeOp>(name: K): Kernel<K> {
  return ({ inputs, attrs }, outputs) => {
    const dtype = outputs[0]!.dtype === "float64" ? "float64" : "float32";
    withTemporaries(outputs[0]!, (temporaries) => {
      const xs = (inputs as readonly View[]).map((x) => temporaries.rowMajor(x, dtype));
      const made = outputs.map((out) => (out.dtype === dtype ? out : temporaries.make(out.shape, dtype)));
      const [outer, , inner] = outputs[0]!.shape as [number, number, number];
      (inner === 1 && outer > 1 ? standardizeColumns : launch)(name, xs, attrs, made, temporaries);
      for (const [i, out] of outputs.entries()) if (made[i] !== out) convert(viewOf(made[i]!), out);
    });
  };
}

function launch(
  name: StandardizeOp,
  inputs: readonly View[],
  attrs: Attrs<StandardizeOp>,
  outputs: readonly Output[],
  temporaries: Temporaries,
): void {
  const isBackward = name === "standardizeBackward";
  const y = outputs[0]!;
  const x = inputs[isBackward ? 1 : 0]!;
  const [w, b] = inputs.slice(isBackward ? 3 : 1);
  const moments = isBackward ? addressOf(inputs[2]!) : outputs[1]!.address;
  const plan = planOf(y, isBackward, attrs.run, w);
  const { kind, run, size, chunks } = plan;
  const type = y.dtype === "float64" ? "f64" : "f32";
  const key = `${name} ${type} ${kind}`;
  engine.module(key, (m) => buildStandardize(m, { e: elements[type], name, weights: kind }));
  const [outer, channels, inner] = y.shape as [number, number, number];
  const parts = isBackward && w ? [partial(plan, y, temporaries), partial(plan, y, temporaries)] : [];
  const weights = w ? [addressOf(w), b ? addressOf(b) : zeros(w, temporaries)] : [0, 0];
  const operands = [addressOf(x), addressOf(inputs[0]!), ...weights, y.address, moments];
  const sums = parts.length > 0 ? parts.map(({ address }) => address) : [0, 0];
  const args = [outer, channels, inner, run, size, attrs.eps, ...operands, ...sums];
  threads.parallel(key, "run", chunks, args, scratchOf(plan, y, isBackward));
  for (const [i, part] of parts.entries()) addUp(part, outputs[1 + i]!, temporaries);
}

function planOf({ shape }: Output, isBackward: boolean, run: number, w: View | undefined): Plan {
  const [, channels, inner] = shape as [number, number, number];
  const size = w ? sizeOf(w.shape) : 1;
  const kind = !w ? "none" : run === 1 && inner === size ? "element" : "segment";
  const chunks = sizeOf(shape) < PARALLEL ? 1 : Math.min(channels, MAX_CHUNKS);
  const least = isBackward && kind === "element" ? Math.min(Math.ceil(channels / ROWS), 2 ** 12) : 1;
  return { kind, run: Math.max(1, kind === "segment" ? run : inner), size, chunks: Math.max(chunks, least, 1) };
}

/** Sums of segments, or of what elements have weights. */
function scratchOf({ kind, run }: Plan, { shape, dtype }: Output, isBackward: boolean): number {
  if (!isBackward || kind === "none") return SUMS_BYTES;
  if (kind === "element") return 2 * (APART + run * dtypes[dtype].bytes);
  return SUMS_BYTES * Math.max(1, (shape[0]! * shape[2]!) / run);
}

function partial({ kind, run, size, chunks }: Plan, { shape, dtype }: Output, temporaries: Temporaries): Temporary {
  if (kind === "element") return temporaries.make([chunks, size], dtype);
  return temporaries.make([sizeOf(shape) / Math.max(1, run * size), size], "float64");
}

function zeros({ shape, dtype }: View, temporaries: Temporaries): number {
  const made = temporaries.make(shape, dtype);
  fill(made, 0);
  return made.address;
}

function addUp(part: Temporary, out: Output, temporaries: Temporaries): void {
  const sum = part.dtype === out.dtype ? out : temporaries.make(out.shape, part.dtype);
  const call = { op: "sum", inputs: [part], attrs: { dims: [0], keepdim: false }, outputs: [sum] } as const;
  folds.sum(call, [sum]);
  if (sum !== out) convert(viewOf(sum), out);
}

export const standardizing: { readonly [K in StandardizeOp]: Kernel<K> } = {
  standardize: channelwise("standardize"),
  standardizeBackward: channelwise("standardizeBackward"),
};
