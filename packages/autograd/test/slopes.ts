/** Gradients of first and second order against slopes, cheaply: all outputs are weighed into one number. */
import { grad, gradcheck } from "@dl/autograd";
import { type Tensor, tensor, zeros } from "@dl/tensor";

export type Fn = (...inputs: Tensor[]) => Tensor;

/** Different for every element, so that mixed-up elements show. */
function weights({ shape }: Tensor): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: size }, (_, i) => 1 + ((i * 5) % 7) / 10);
  return tensor(values, { dtype: "float64" }).view(shape);
}

/** One number for all outputs: a pass instead of one for each element. */
export const weighed = (outputs: readonly Tensor[]): Tensor =>
  outputs.map((x) => x.mul(weights(x)).sum()).reduce((a, b) => a.add(b));

/** Slopes of a large tensor are taken along a few directions, one for each element of `by`. */
interface Moving {
  readonly by: Tensor;
  readonly at: (by: Tensor) => Tensor;
}

function moving(x: Tensor): Moving {
  if (!x.requiresGrad || x.numel() < 40) return { by: x, at: (by) => by };
  const values = Array.from({ length: 5 * x.numel() }, (_, i) => Math.sin(i * i + 1));
  const directions = tensor(values, { dtype: "float64" }).view(5, -1);
  const at = (by: Tensor): Tensor => x.detach().add(by.matmul(directions).view(x.shape));
  return { by: zeros(5, { dtype: "float64", requiresGrad: true }), at };
}

/** The gradient is the slope, and so is the gradient of the gradient, also for what backward starts from. */
export function checkBoth(f: Fn, inputs: readonly Tensor[]): void {
  const paths = inputs.map(moving);
  const start = moving(weights(f(...inputs)).requiresGrad_());
  const place = (steps: readonly Tensor[]): Tensor[] => steps.map((by, i) => paths[i]!.at(by));
  const second = (v: Tensor, ...steps: Tensor[]): Tensor => {
    const xs = place(steps);
    const wanted = xs.filter(({ requiresGrad }) => requiresGrad);
    return weighed(grad(f(...xs), wanted, { gradOutputs: start.at(v), createGraph: true, materializeGrads: true }));
  };
  const steps = paths.map(({ by }) => by);
  gradcheck((...by) => weighed([f(...place(by))]), steps);
  gradcheck(second, [start.by, ...steps]);
}
