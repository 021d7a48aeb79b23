/** Gradients limited, parameters as one vector. */
import { cat, composite, fail, isTensor, noGrad, op, scope, stack, type Tensor, tidy, zeros } from "@dl/tensor";
import { lpNorm } from "./functional/distance.ts";

export * as prune from "./prune.ts";
export * as rnn from "./sequences.ts";
export { removeSpectralNorm, type SpectralNormArguments, spectralNorm } from "./spectral-norm.ts";
export { removeWeightNorm, weightNorm } from "./weight-norm.ts";

function gradientsOf(parameters: Tensor | Iterable<Tensor>): Tensor[] {
  if (!isTensor(parameters) && typeof parameters?.[Symbol.iterator] !== "function") {
    fail("gradients", "needs tensors", "Pass model.parameters()");
  }
  const list = isTensor(parameters) ? [parameters] : [...parameters];
  return list.flatMap(({ grad }) => (grad ? [grad] : []));
}

/**
 * Scales all gradients together, in place, so that their common norm is at most `maxNorm`: that of power `normType`, where
 * `Infinity` means the largest element.
 * @returns the norm before
 * @throws TensorError for a norm that is NaN or infinite, with `errorIfNonfinite`
 * @see https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
 */
export const clipGradNorm_ = composite(
  "clipGradNorm_(parameters, maxNorm, normType?, errorIfNonfinite?)",
  (
    parameters: Tensor | Iterable<Tensor>,
    maxNorm: number,
    normType: number = 2,
    errorIfNonfinite: boolean = false,
  ): Tensor => {
    const gradients = gradientsOf(parameters);
    if (gradients.length === 0) return zeros([]);
    return noGrad(() => {
      // Gradients are written below: what waits to read them must be gone by then, or it is computed for nobody.
      const norms = gradients.map((gradient) => tidy(() => lpNorm(gradient.flatten(), normType, 0, false)));
      const total = norms.length === 1 ? norms[0]! : lpNorm(stack(norms), normType, 0, false);
      if (errorIfNonfinite && !Number.isFinite(total.item())) {
        fail(
          "clipGradNorm_",
          `the norm of the gradients is ${total.item()}`,
          "Lower the learning rate, or look for the op that made it",
        );
      }
      const factor = total.add(1e-6).reciprocal().mul(maxNorm).clamp({ max: 1 });
      for (const gradient of gradients) gradient.mul_(factor.to(gradient.dtype));
      return total;
    });
  },
);

/** Limits each element of the gradients to ±`clipValue`, in place. @see https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_value_.html */
export const clipGradValue_ = op(
  "clipGradValue_(parameters, clipValue)",
  (parameters: Tensor | Iterable<Tensor>, clipValue: number): void =>
    noGrad(() => {
      for (const gradient of gradientsOf(parameters)) gradient.clamp_(-clipValue, clipValue);
    }),
);

/** All parameters as one vector. @see https://pytorch.org/docs/stable/generated/torch.nn.utils.parameters_to_vector.html */
export function parametersToVector(parameters: Iterable<Tensor>): Tensor {
  return cat([...parameters].map((parameter) => parameter.reshape(-1)));
}

/** The opposite of {@link parametersToVector}: copies stretches of the vector into the parameters. @see https://pytorch.org/docs/stable/generated/torch.nn.utils.vector_to_parameters.html */
export function vectorToParameters(vector: Tensor, parameters: Iterable<Tensor>): void {
  const list = [...parameters];
  const wanted = list.reduce((sum, parameter) => sum + parameter.numel(), 0);
  if (vector.numel() !== wanted)
    fail("vectorToParameters", `the parameters have ${wanted} elements, the vector ${vector.numel()}`);
  noGrad(() =>
    scope(() => {
      let start = 0;
      for (const parameter of list) {
        const length = parameter.numel();
        parameter.copy_(vector.detach().narrow(0, start, length).view(parameter.shape));
        start += length;
      }
    }),
  );
}
