import { type Arguments, readArguments } from "./ops/signature.ts";
import { noGrad } from "./recorder.ts";
import { state } from "./state.ts";
import type { Tensor } from "./tensor.ts";

/** A gradient outlives scopes as long as it is the gradient of a tensor. */
export function holdGradient(grad: Tensor | null): void {
  if (grad === null || (grad.kept && grad.holders === 0)) return;
  grad.kept = true;
  grad.holders++;
}

/** Then it is freed by the innermost scope, or by the garbage collector where there is none, since someone may hold it. */
export function dropGradient(grad: Tensor | null): void {
  if (grad === null || grad.holders === 0 || --grad.holders > 0) return;
  grad.kept = false;
  state.scope?.push(grad);
}

/** What `zeroGrad` of modules and optimizers takes. */
export type ZeroGradArguments = Arguments<["setToNone"], [setToNone?: boolean]>;

/** What it does: drops the gradients of `tensors`, or fills them with zeros. */
export function clearGradients(tensors: Iterable<Tensor>, ...args: ZeroGradArguments): void {
  const [setToNone = true] = readArguments<[boolean?]>({ name: "zeroGrad", names: ["setToNone"] }, args);
  for (const tensor of tensors) {
    const { grad } = tensor;
    if (grad === null) continue;
    if (setToNone) tensor.grad = null;
    else noGrad(() => grad.detach().zero_());
  }
}
