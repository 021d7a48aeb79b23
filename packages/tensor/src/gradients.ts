import { noGrad } from "./recorder.ts";
import { state } from "./state.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Drops the gradients of `tensors`, or fills them with zeros: what `zeroGrad` of modules and optimizers does. A dropped
 * gradient is freed by the innermost scope, or by the garbage collector where there is none, since someone may hold it.
 */
export function clearGradients(tensors: Iterable<Tensor>, setToNone: boolean = true): void {
  for (const tensor of tensors) {
    const { grad } = tensor;
    if (grad === null) continue;
    if (setToNone) {
      tensor.grad = null;
      grad.kept = false;
      state.scope?.push(grad);
    } else noGrad(() => grad.detach().zero_());
  }
}
