import { type Arguments, readArguments } from "./ops/signature.ts";
import { noGrad } from "./recorder.ts";
import { state } from "./state.ts";
import type { Tensor } from "./tensor.ts";

/** Call it when a tensor gets `grad` as its gradient: as long as that is so, the gradient outlives scopes. */
export function holdGradient(grad: Tensor | null): void {
  if (grad === null || (grad.kept && grad.holders === 0)) return;
  grad.kept = true;
  grad.holders++;
}

/**
 * Call it when `grad` is no longer the gradient of a tensor. Somebody may still hold it, so it is not disposed here but
 * by the innermost scope or, if there is none, by the garbage collector.
 */
export function dropGradient(grad: Tensor | null): void {
  if (grad === null || grad.holders === 0 || --grad.holders > 0) return;
  grad.kept = false;
  state.scope?.push(grad);
}

/** The arguments of `zeroGrad` of modules and optimizers. */
export type ZeroGradArguments = Arguments<["setToNone"], [setToNone?: boolean]>;

/** The body of `zeroGrad`: drops the gradients of `tensors`, or fills them with zeros. */
export function clearGradients(tensors: Iterable<Tensor>, ...args: ZeroGradArguments): void {
  const [setToNone = true] = readArguments<[boolean?]>({ name: "zeroGrad", names: ["setToNone"] }, args);
  for (const tensor of tensors) {
    const { grad } = tensor;
    if (grad === null) continue;
    if (setToNone) tensor.grad = null;
    else noGrad(() => grad.detach().zero_());
  }
}
