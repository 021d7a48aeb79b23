/** ★ The breadth of PyTorch's functions on tensors: each module's functions are exported and are methods. */
export * from "./aliases.ts";
export * from "./asking.ts";
export * from "./comparing.ts";
export * from "./complex.ts";
export * from "./diagonals.ts";
export * from "./differences.ts";
export * from "./fresh.ts";
export { mvlgamma, polygamma } from "./gammas.ts";
export * from "./histograms.ts";
export { cholesky } from "./matrix/factoring.ts";
export { matrixPower } from "./matrix/multiplying.ts";
export {
  choleskyInverse,
  choleskySolve,
  matrixExp,
  qr,
  svd,
  triangularSolve,
  vander,
} from "./matrix/older.ts";
export { det, inv as inverse, logdet, slogdet } from "./matrix/solving.ts";
export { pinv as pinverse } from "./matrix/values.ts";
export { cdist, dist, norm, renorm } from "./norms.ts";
export * from "./placing.ts";
export {
  addcdiv,
  addcmul,
  clampMax,
  clampMin,
  deg2rad,
  floatPower,
  frac,
  heaviside,
  isfinite,
  isneginf,
  isposinf,
  isreal,
  lcm,
  ldexp,
  lerp,
  logaddexp,
  logaddexp2,
  logit,
  nanToNum,
  positive,
  rad2deg,
  sgn,
  sinc,
  xlog1py,
  xlogy,
} from "./pointwise.ts";
export * from "./products.ts";
export * from "./quantiles.ts";
export * from "./ranks.ts";
export * from "./rearranging.ts";
export { bernoulli, multinomial } from "./sampling.ts";
export * from "./searching.ts";
export * from "./splitting.ts";
export * from "./statistics.ts";
