/** Moments and counts of elements. */

import { type DType, isFloat } from "../dtype.ts";
import { fail, showShape } from "../errors.ts";
import { state } from "../state.ts";
import type { Tensor } from "../tensor.ts";
import { where } from "./arithmetic.ts";
import { std, variance } from "./composite.ts";
import { tensor } from "./creation.ts";
import { extremes } from "./extremes.ts";
import type { Dims } from "./reduce.ts";
import { asVector } from "./scattering.ts";
import { composite } from "./signature.ts";

type Unbiased = boolean | number | null;

/**
 * {@link variance} and mean.
 * @see https://pytorch.org/docs/stable/generated/torch.var_mean.html
 * @example
 * varMean(floatTensor([1, 2, 3])); // [tensor(1.), tensor(2.)]
 */
export const varMean = composite(
  "varMean(input, dim?, unbiased?, keepdim?, correction?)",
  (
    input: Tensor,
    dim?: Dims | boolean,
    unbiased?: Unbiased,
    keepdim: boolean = false,
    correction?: number | null,
  ): [variance: Tensor, mean: Tensor] => [
    variance(input, dim, unbiased, keepdim, correction),
    input.mean(typeof dim === "boolean" ? null : dim, keepdim),
  ],
);

/** {@link std} and mean. @see https://pytorch.org/docs/stable/generated/torch.std_mean.html */
export const stdMean = composite(
  "stdMean(input, dim?, unbiased?, keepdim?, correction?)",
  (
    input: Tensor,
    dim?: Dims | boolean,
    unbiased?: Unbiased,
    keepdim: boolean = false,
    correction?: number | null,
  ): [std: Tensor, mean: Tensor] => [
    std(input, dim, unbiased, keepdim, correction),
    input.mean(typeof dim === "boolean" ? null : dim, keepdim),
  ],
);

/**
 * The sum without NaN.
 * @see https://pytorch.org/docs/stable/generated/torch.nansum.html
 * @example
 * floatTensor([1, NaN, 2]).nansum(); // tensor(3.)
 */
export const nansum = composite(
  "nansum(input, dim?, keepdim?, dtype?)",
  (input: Tensor, dim?: Dims, keepdim: boolean = false, dtype?: DType | null): Tensor =>
    (isFloat(input.dtype) ? where(input.isnan(), 0, input) : input).sum(dim, keepdim, dtype),
  "NansumBackward0",
);

/** The mean without NaN. @see https://pytorch.org/docs/stable/generated/torch.nanmean.html */
export const nanmean = composite(
  "nanmean(input, dim?, keepdim?)",
  (input: Tensor, dim?: Dims, keepdim: boolean = false): Tensor => {
    if (!isFloat(input.dtype)) fail("nanmean", `needs a float dtype, got ${input.dtype}`, 'Cast with .to("float32")');
    const count = input.isnan().logicalNot().to(input.dtype).sum(dim, keepdim);
    return nansum(input, dim, keepdim).div(count);
  },
);

/**
 * How many elements are not zero.
 * @see https://pytorch.org/docs/stable/generated/torch.count_nonzero.html
 * @example
 * tensor([0, 1, 2]).countNonzero(); // tensor(2)
 */
export const countNonzero = composite(
  "countNonzero(input, dim?)",
  (input: Tensor, dim?: Dims): Tensor => input.ne(0).sum(dim),
);

/** Smallest and largest elements. */
export type MinMax = [min: Tensor, max: Tensor] & { readonly min: Tensor; readonly max: Tensor };

/**
 * The smallest and the largest element.
 * @see https://pytorch.org/docs/stable/generated/torch.aminmax.html
 * @example
 * const { min, max } = tensor([3, 1, 2]).aminmax();
 * [min, max]; // [tensor(1), tensor(3)]
 */
export const aminmax = composite(
  "aminmax(input, dim?, keepdim?)",
  (input: Tensor, dim?: number | null, keepdim: boolean = false): MinMax => {
    const x = dim == null ? input : asVector(input);
    const [min, max] = extremes(x, dim, keepdim);
    return Object.assign([min, max] as [Tensor, Tensor], { min, max });
  },
);

/**
 * Covariances of the rows of a matrix (variables) over its columns (observations).
 * @see https://pytorch.org/docs/stable/generated/torch.cov.html
 * @example
 * floatTensor([[0, 1, 2], [2, 1, 0]]).cov(); // tensor([[ 1., -1.], [-1., 1.]])
 */
export const cov = composite(
  "cov(input, correction?, fweights?, aweights?)",
  (input: Tensor, correction: number = 1, fweights: Tensor | null = null, aweights: Tensor | null = null): Tensor => {
    if (input.dtype === "bool") fail("cov", "bool tensors have no arithmetic", "Cast to a float dtype");
    if (input.ndim > 2) fail("cov", `needs at most 2 dimensions, got ${showShape(input.shape)}`);
    const rows = isFloat(input.dtype) ? input : input.to(state.defaultDType);
    const x = rows.ndim < 2 ? rows.reshape(1, -1) : rows;
    const count = x.shape[1]!;
    checkWeights("fweights", fweights, count, false);
    checkWeights("aweights", aweights, count, true);
    const weights = [fweights, aweights]
      .flatMap((w) => (w ? [w.to(x.dtype)] : []))
      .reduce<Tensor | null>((a, b) => a?.mul(b) ?? b, null);
    const total = weights?.sum() ?? tensor(count, { dtype: x.dtype, device: x.device });
    const mean = (weights ? x.mul(weights) : x).sum(1, true).div(total);
    const lost = aweights && weights ? weights.mul(aweights).sum().div(total).mul(correction) : correction;
    const freedom = total.sub(lost).clamp(0);
    const centered = x.sub(mean);
    return centered
      .matmul((weights ? centered.mul(weights) : centered).t())
      .div(freedom)
      .squeeze();
  },
);

function checkWeights(name: string, weights: Tensor | null, count: number, float: boolean): void {
  if (!weights) return;
  if (weights.ndim > 1) fail("cov", `${name} need at most 1 dimension, got ${showShape(weights.shape)}`);
  if (isFloat(weights.dtype) !== float)
    fail("cov", `${name} need ${float ? "a float" : "an integer"} dtype, got ${weights.dtype}`);
  if (weights.numel() !== count) fail("cov", `there are ${count} observations and ${weights.numel()} ${name}`);
  if (count > 0 && weights.amin().item() < 0) fail("cov", `${name} must not be negative`);
}

/**
 * Correlations of the rows of a matrix.
 * @see https://pytorch.org/docs/stable/generated/torch.corrcoef.html
 * @example
 * floatTensor([[0, 1, 2], [2, 1, 0]]).corrcoef(); // tensor([[ 1., -1.], [-1., 1.]])
 */
export const corrcoef = composite("corrcoef(input)", (input: Tensor): Tensor => {
  if (input.ndim > 2) fail("corrcoef", `needs at most 2 dimensions, got ${showShape(input.shape)}`);
  const c = cov(input);
  if (c.ndim === 0) return c.div(c);
  const deviation = c.diagonal().sqrt();
  return c.div(deviation.unsqueeze(1)).div(deviation.unsqueeze(0)).clamp(-1, 1);
});
