/** `special`: functions of mathematical physics under PyTorch's names, most of which have shorter ones elsewhere. */
export { logSoftmax, logsumexp, softmax } from "./composite.ts";
export {
  digamma,
  digamma as psi,
  erf,
  erfc,
  erfinv,
  exp2,
  expm1,
  lgamma as gammaln,
  log1p,
  round,
  sigmoid as expit,
} from "./elementwise.ts";
export { mvlgamma as multigammaln, polygamma, zeta } from "./gammas.ts";
export { logit, sinc, xlog1py, xlogy } from "./pointwise.ts";

import type { Tensor } from "../tensor.ts";
import { where } from "./arithmetic.ts";
import { composite } from "./signature.ts";

/** −x · log(x): 0 at 0, −∞ below. @see https://pytorch.org/docs/stable/special.html#torch.special.entr */
export const entr = composite("entr(input)", (input: Tensor): Tensor => {
  const positive = input.gt(0);
  const inside = where(positive, input, 1);
  const value = where(positive, inside.mul(inside.log()).neg(), 0);
  return where(input.isnan(), input, where(input.lt(0), Number.NEGATIVE_INFINITY, value));
});

/** The share of a standard normal distribution below x. @see https://pytorch.org/docs/stable/special.html#torch.special.ndtr */
export const ndtr = composite("ndtr(input)", (input: Tensor): Tensor => input.mul(-Math.SQRT1_2).erfc().mul(0.5));

/** The inverse of {@link ndtr}. @see https://pytorch.org/docs/stable/special.html#torch.special.ndtri */
export const ndtri = composite("ndtri(input)", (input: Tensor): Tensor => input.mul(2).sub(1).erfinv().mul(Math.SQRT2));
