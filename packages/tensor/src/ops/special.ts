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
import { apply } from "./apply.ts";
import { where } from "./arithmetic.ts";
import { floating } from "./pointwise.ts";
import { composite } from "./signature.ts";

/** −x · log(x): 0 at 0, −∞ below. @see https://pytorch.org/docs/stable/special.html#torch.special.entr */
export const entr = composite("entr(input)", (input: Tensor): Tensor => {
  const inside = where(input.ne(0), input, 1);
  const value = where(input.gt(0), inside.mul(inside.log()).neg(), 0);
  return where(input.isnan(), input, where(input.lt(0), Number.NEGATIVE_INFINITY, value));
});

/** The share of a standard normal distribution below x. @see https://pytorch.org/docs/stable/special.html#torch.special.ndtr */
export const ndtr = composite("ndtr(input)", (input: Tensor): Tensor => input.mul(-Math.SQRT1_2).erfc().mul(0.5));

/** In float64, where the device has it: what is near 0 or far from it must not be rounded to it. */
function precise(input: Tensor): Tensor {
  return input.device === "cpu" ? input.to("float64") : floating(input);
}

const logRootTau = Math.log(2 * Math.PI) / 2;

/** The inverse of {@link ndtr}. @see https://pytorch.org/docs/stable/special.html#torch.special.ndtri */
export const ndtri = composite("ndtri(input)", (input: Tensor): Tensor => apply("ndtri", [input]));

/** log({@link ndtr}), where that is too small for a number, too. @see https://pytorch.org/docs/stable/special.html#torch.special.log_ndtr */
export const logNdtr = composite("logNdtr(input)", (input: Tensor): Tensor => {
  const x = precise(input);
  const far = x.dtype === "float64" ? -30 : -10;
  const [isFar, isLow] = [x.lt(far), x.lt(0)];
  const [tail, low, high] = [where(isFar, x, far), where(isLow, x.clamp(far), 0), where(isLow, 0, x)];
  const r = tail.square().reciprocal();
  const series = r.mul(105).sub(15).mul(r).add(3).mul(r).sub(1).mul(r).log1p();
  const leading = tail.square().mul(-0.5).sub(tail.neg().log()).sub(logRootTau);
  const near = where(isLow, ndtr(low).log(), ndtr(high.neg()).neg().log1p());
  return where(isFar, leading.add(series), near).to(floating(input).dtype);
});
