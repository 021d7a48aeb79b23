/** Softmax, its logarithm and their gradients along one dimension. */
import type { SoftmaxOp, View } from "@dl/tensor";
import { sizeOf } from "@dl/tensor";
import { engine, threads } from "../runtime/index.ts";
import { addressOf } from "../storage.ts";
import { axisOf } from "./array-kernel.ts";
import { convert } from "./copy.ts";
import type { Kernel, Output } from "./kernel.ts";
import { buildSoftmax, columnsPerUnit } from "./softmax-loops.ts";
import { withTemporaries } from "./temporary.ts";

const PARALLEL = 2 ** 14;

function alongLines<K extends SoftmaxOp>(name: K): Kernel<K> {
  return ({ inputs, attrs }, [out]) => {
    const { dim } = attrs as { readonly dim: number };
    const dtype = out!.dtype === "float64" ? "float64" : "float32";
    withTemporaries(out!, (temporaries) => {
      const xs = (inputs as readonly View[]).map((x) => temporaries.rowMajor(x, dtype));
      if (out!.dtype === dtype) launch(name, dtype, xs, dim, out!);
      else {
        const result = temporaries.make(out!.shape, dtype);
        launch(name, dtype, xs, dim, result);
        convert(result, out!);
      }
    });
  };
}

function launch(name: SoftmaxOp, dtype: "float32" | "float64", xs: readonly View[], dim: number, out: Output): void {
  const { outer, size, inner } = axisOf(out.shape, dim);
  const key = `${name} ${dtype}`;
  const kernels = engine.module<"columns" | "rows">(key, (m) => buildSoftmax(m, name, dtype));
  const way = inner === 1 && dtype === "float32" ? "rows" : "columns";
  const units = outer * (way === "rows" ? 1 : Math.ceil(inner / columnsPerUnit(dtype)));
  const args = [units, addressOf(xs[0]!), addressOf(xs[1] ?? xs[0]!), out.address, size, inner];
  if (sizeOf(out.shape) < PARALLEL) kernels[way](0, 1, ...args);
  else threads.parallel(key, way, Math.min(units, 64), args);
}

export const softmaxes: { readonly [K in SoftmaxOp]: Kernel<K> } = {
  softmax: alongLines("softmax"),
  logSoftmax: alongLines("logSoftmax"),
  softmaxBackward: alongLines("softmaxBackward"),
  logSoftmaxBackward: alongLines("logSoftmaxBackward"),
};
