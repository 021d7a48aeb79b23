/** Softmax, its logarithm and their gradients along one dimension. */
import type { SoftmaxOp, View } from "@dl/tensor";
import { sizeOf } from "@dl/tensor";
import { engine, threads } from "../runtime/index.ts";
import { addressOf } from "../storage.ts";
import { axisOf } from "./array-kernel.ts";
import { convert } from "./copy.ts";
import { lookThrough, type Source } from "./deferred.ts";
import type { Kernel, Output } from "./kernel.ts";
import { logSoftmax, logSoftmaxBackward } from "./log-softmax.ts";
import { PANEL, SCRATCH_BYTES } from "./softmax-columns.ts";
import type { FloatName } from "./softmax-lines.ts";
import { buildSoftmax } from "./softmax-loops.ts";
import { bySlices, withTemporaries } from "./temporary.ts";
import { settle } from "./waiting.ts";

const PARALLEL = 2 ** 14;
/** Outer places from which wide panels are enough for all threads, and the width otherwise. */
const MANY = 16;
const NARROW = 64;
/**
 * Elements of 16-bit floats that are widened together. They stay in the cache that threads share: of fewer, each thread would
 * wait for what another wrote.
 */
const NEAR = 2 ** 20;

function alongLines<K extends SoftmaxOp>(name: K): Kernel<K> {
  return ({ inputs, attrs }, [out]) => {
    const { dim } = attrs as { readonly dim: number };
    const views = inputs as readonly View[];
    const { dtype } = out!;
    if (dtype === "float32" || dtype === "float64") throughSources(name, dtype, views, dim, out!);
    else {
      settle(views);
      const cut = dim === 0 && out!.shape.length > 1 ? 1 : 0;
      const size = out!.shape[cut] ?? 1;
      const least = cut === 0 ? 1 : NARROW;
      const most = cut === dim ? size : Math.max(least, Math.floor((NEAR * size) / sizeOf(out!.shape)));
      bySlices(views, out!, cut, most, (xs, part) => throughFloats(name, xs, dim, part));
    }
  };
}

/** What the first input waits for is computed as it is read, again by each pass: less than to write and read it. */
function throughSources(name: SoftmaxOp, dtype: FloatName, views: readonly View[], dim: number, out: Output): void {
  const [first, ...others] = views as readonly [View, ...View[]];
  settle(others);
  const found = lookThrough(first);
  const source = found?.view.dtype === dtype && !found.beside ? found : undefined;
  if (!source) settle([first]);
  withTemporaries(out, (temporaries) => {
    const xs = [source?.view ?? first, ...others].map((x) => temporaries.rowMajor(x, dtype));
    launch(name, dtype, xs, dim, out, source);
  });
}

function throughFloats(name: SoftmaxOp, views: readonly View[], dim: number, out: Output): void {
  withTemporaries(out, (temporaries) => {
    const xs = views.map((x) => temporaries.rowMajor(x, "float32"));
    const result = temporaries.make(out.shape, "float32");
    launch(name, "float32", xs, dim, result);
    convert(result, out);
  });
}

/** The first input is what a source makes of `xs[0]`, if there is one. */
function launch(
  name: SoftmaxOp,
  dtype: FloatName,
  xs: readonly View[],
  dim: number,
  out: Output,
  source?: Source | undefined,
): void {
  const { outer, size, inner } = axisOf(out.shape, dim);
  const key = `${name} ${source?.name ?? ""} ${dtype}`;
  engine.module(key, (m) => buildSoftmax(m, name, dtype, source?.element));
  const way = inner === 1 ? "rows" : "columns";
  const panel = outer < MANY ? NARROW : PANEL;
  const units = outer * (way === "rows" ? 1 : Math.ceil(inner / panel));
  const args = [units, addressOf(xs[0]!), addressOf(xs[1] ?? xs[0]!), out.address, size, inner, panel];
  threads.parallel(key, way, sizeOf(out.shape) < PARALLEL ? 1 : Math.min(units, 64), args, SCRATCH_BYTES);
}

export const softmaxes: { readonly [K in SoftmaxOp]: Kernel<K> } = {
  softmax: alongLines("softmax"),
  logSoftmax: logSoftmax(alongLines("logSoftmax")),
  softmaxBackward: alongLines("softmaxBackward"),
  logSoftmaxBackward: logSoftmaxBackward(alongLines("logSoftmaxBackward")),
};
