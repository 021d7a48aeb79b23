/** The smallest and the largest elements by one kernel: for ops that need both, no op of its own. */
import { fail, showShape } from "../errors.ts";
import { isGradEnabled } from "../recorder.ts";
import { normalizeDims, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { applyAll } from "./apply.ts";
import type { Dims } from "./reduce.ts";
import type { ReduceOp } from "./table.ts";

export function extremes(input: Tensor, dim?: Dims, keepdim: boolean = false): readonly [min: Tensor, max: Tensor] {
  if ((input.requiresGrad && isGradEnabled()) || !input.backend.supports("extremes")) {
    return [input.amin(dim, keepdim), input.amax(dim, keepdim)];
  }
  needElements("amin", input, dim);
  const dims = normalizeDims("amin", dim, input.ndim);
  return applyAll("extremes", [input], { dims, keepdim }) as [Tensor, Tensor];
}

/** @throws TensorError where there is nothing to choose from */
export function needElements(name: ReduceOp, input: Tensor, dim: Dims | undefined): void {
  if (input.ndim > 64) fail(name, `takes at most 64 dimensions, got ${input.ndim}`);
  const dims = normalizeDims(name, dim, input.ndim);
  if (sizeOf(dims.map((d) => input.shape[d]!)) === 0) {
    fail(
      name,
      `cannot reduce zero elements along [${dims}] of ${showShape(input.shape)}`,
      "Give dimensions of size > 0",
    );
  }
}
