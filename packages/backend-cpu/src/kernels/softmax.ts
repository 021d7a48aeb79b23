/** Softmax, its logarithm and their gradients along one dimension. */
import type { SoftmaxOp, View } from "@dl/tensor";
import { dtypes, sizeOf } from "@dl/tensor";
import { engine, threads } from "../runtime/index.ts";
import { addressOf } from "../storage.ts";
import { axisOf } from "./array-kernel.ts";
import type { Kernel, Output } from "./kernel.ts";
import { logSoftmax, logSoftmaxBackward } from "./log-softmax.ts";
import { lookThrough, type Source } from "./look-through.ts";
import { PANEL, RESULT_BYTES } from "./softmax-columns.ts";
import { type FloatName, type Keeping, keptAs, typeOf } from "./softmax-lines.ts";
import { buildSoftmax } from "./softmax-loops.ts";
import { withTemporaries } from "./temporary.ts";
import { settle } from "./waiting.ts";

const PARALLEL = 2 ** 14;
/** From this many outer positions on, wide panels are units enough for all threads; with fewer, panels are `NARROW`. */
const MANY = 16;
const NARROW = 64;
/** Bytes of a cache line, which is the width of the narrowest panel. */
const LINE = 64;
/** The bytes of a panel that stay in the caches, and the most for which intermediate elements are kept at all. */
const NEAR = 2 ** 19;
const MOST = 2 ** 24;

/**
 * The kernel of an op. A deferred first input is computed while it is read, again in each pass: that costs less than
 * writing and reading it.
 */
function alongLines<K extends SoftmaxOp>(name: K): Kernel<K> {
  return ({ inputs, attrs }, [out]) => {
    const { dim } = attrs as { readonly dim: number };
    const [first, ...others] = inputs as readonly [View, ...View[]];
    const dtype = out!.dtype as FloatName;
    settle(others);
    const found = lookThrough(first);
    const source = found?.view.dtype === dtype && !found.beside ? found : undefined;
    if (!source) settle([first]);
    withTemporaries(out!, (temporaries) => {
      const xs = [source?.view ?? first, ...others].map((x) => temporaries.rowMajor(x, dtype));
      launch(name, dtype, xs, dim, out!, source);
    });
  };
}

/**
 * With a `source`, `xs[0]` is the view that it reads, and the first input is what the source's formula makes of that.
 */
function launch(
  name: SoftmaxOp,
  dtype: FloatName,
  xs: readonly View[],
  dim: number,
  out: Output,
  source: Source | undefined,
): void {
  const { outer, size, inner } = axisOf(out.shape, dim);
  const least = LINE / dtypes[dtype].bytes;
  const line = size * keptAs(typeOf(dtype)).bytes;
  const widest = inner === 1 ? 1 : outer < MANY ? NARROW : PANEL;
  const keeping = xs.length === 2 || (inner > 1 && least * line > MOST) ? "nothing" : keepingOf(dtype, widest, line);
  const key = `${name} ${source?.name ?? ""} ${dtype} ${keeping}`;
  engine.module(key, (m) => buildSoftmax(m, { name, dtype, loaded: source?.element, keeping }));
  const fitting = Math.max(least, Math.floor(NEAR / line / least) * least);
  const panel = keeping === "nothing" ? widest : Math.min(widest, fitting);
  const units = outer * Math.ceil(inner / panel);
  const args = [units, addressOf(xs[0]!), addressOf(xs[1] ?? xs[0]!), out.address, size, inner, panel];
  const scratch = RESULT_BYTES + (keeping === "nothing" ? 0 : panel * line);
  const way = inner === 1 ? "rows" : "columns";
  threads.parallel(key, way, sizeOf(out.shape) < PARALLEL ? 1 : Math.min(units, 64), args, scratch);
}

/** What to keep between passes: where lines stay in the caches, elements are read again. */
function keepingOf(dtype: FloatName, width: number, line: number): Keeping {
  return dtypes[dtype].bytes >= 4 && (width === 1 || width * line <= NEAR) ? "elements" : "read";
}

export const softmaxes: { readonly [K in SoftmaxOp]: Kernel<K> } = {
  softmax: alongLines("softmax"),
  logSoftmax: logSoftmax(alongLines("logSoftmax")),
  softmaxBackward: alongLines("softmaxBackward"),
  logSoftmaxBackward: logSoftmaxBackward(alongLines("logSoftmaxBackward")),
};
