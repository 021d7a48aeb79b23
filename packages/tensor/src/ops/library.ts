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
export {
  /** The lower triangular factor of a symmetric positive definite matrix. @see https://pytorch.org/docs/stable/generated/torch.cholesky.html */
  cholesky,
} from "./matrix/factoring.ts";
export {
  /** A square matrix times itself. @see https://pytorch.org/docs/stable/generated/torch.matrix_power.html */
  matrixPower,
} from "./matrix/multiplying.ts";
export {
  choleskyInverse,
  choleskySolve,
  matrixExp,
  qr,
  svd,
  triangularSolve,
  vander,
} from "./matrix/older.ts";
export {
  det,
  /** The inverse matrix, as `linalg.inv`. @see https://pytorch.org/docs/stable/generated/torch.inverse.html */
  inv as inverse,
  logdet,
  slogdet,
} from "./matrix/solving.ts";
export {
  /** The pseudoinverse, as `linalg.pinv`. @see https://pytorch.org/docs/stable/generated/torch.pinverse.html */
  pinv as pinverse,
} from "./matrix/values.ts";
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
export {
  /** 1 with the probability that an element says, else 0. @see https://pytorch.org/docs/stable/generated/torch.bernoulli.html */
  bernoulli,
  /** Positions drawn with the weights of each row. @see https://pytorch.org/docs/stable/generated/torch.multinomial.html */
  multinomial,
} from "./sampling.ts";
export * from "./searching.ts";
export * from "./splitting.ts";
export * from "./statistics.ts";
