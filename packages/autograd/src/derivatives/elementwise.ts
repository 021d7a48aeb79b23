/** Derivatives of element-wise functions of one tensor. */
import { apply, type UnaryOp } from "@dl/tensor";
import { constant, linear, nonDifferentiable, ofInput, ofOutput, type Rules } from "./rule.ts";
import { tetragamma } from "./special.ts";

const rootPi = Math.sqrt(Math.PI);

export const elementwise: Rules<UnaryOp> = {
  neg: linear((g) => g.neg()),
  abs: ofInput((g, x) => g.mul(x.sign())),
  sign: constant,
  floor: constant,
  ceil: constant,
  round: constant,
  trunc: constant,
  relu: ofOutput((g, y) => apply("reluBackward", [g, y])),
  square: { name: "PowBackward0", ...ofInput((g, x) => g.mul(x.mul(2))) },
  bitwiseNot: nonDifferentiable,
  sqrt: ofOutput((g, y) => g.div(y.mul(2))),
  rsqrt: ofOutput((g, y) => g.mul(y.pow(3)).mul(-0.5)),
  reciprocal: ofOutput((g, y) => g.mul(y.square()).neg()),
  exp: ofOutput((g, y) => g.mul(y)),
  exp2: ofOutput((g, y) => g.mul(y).mul(Math.LN2)),
  // Of the output, 1 more than it, nothing is left far below 0.
  expm1: ofInput((g, x) => g.mul(x.exp())),
  log: ofInput((g, x) => g.div(x)),
  log2: ofInput((g, x) => g.div(x.mul(Math.LN2))),
  log10: ofInput((g, x) => g.div(x.mul(Math.LN10))),
  log1p: ofInput((g, x) => g.div(x.add(1))),
  sin: ofInput((g, x) => g.mul(x.cos())),
  cos: ofInput((g, x) => g.mul(x.sin()).neg()),
  tan: ofOutput((g, y) => g.mul(y.square().add(1))),
  asin: ofInput((g, x) => g.mul(x.square().neg().add(1).rsqrt())),
  acos: ofInput((g, x) => g.mul(x.square().neg().add(1).rsqrt()).neg()),
  atan: ofInput((g, x) => g.div(x.square().add(1))),
  sinh: ofInput((g, x) => g.mul(x.cosh())),
  cosh: ofInput((g, x) => g.mul(x.sinh())),
  tanh: ofOutput((g, y) => apply("tanhBackward", [g, y])),
  asinh: ofInput((g, x) => g.mul(x.square().add(1).rsqrt())),
  acosh: ofInput((g, x) => g.mul(x.square().sub(1).rsqrt())),
  atanh: ofInput((g, x) => g.div(x.square().neg().add(1))),
  sigmoid: ofOutput((g, y) => apply("sigmoidBackward", [g, y])),
  erf: ofInput((g, x) => g.mul(x.square().neg().exp()).mul(2 / rootPi)),
  erfc: ofInput((g, x) => g.mul(x.square().neg().exp()).mul(-2 / rootPi)),
  erfinv: ofOutput((g, y) => g.mul(y.square().exp()).mul(rootPi / 2)),
  lgamma: ofInput((g, x) => g.mul(x.digamma())),
  digamma: ofInput((g, x) => g.mul(apply("trigamma", [x]))),
  trigamma: ofInput((g, x) => g.mul(tetragamma(x))),
  gelu: ofInput((g, x) => apply("geluBackward", [g, x])),
  logicalNot: nonDifferentiable,
  isnan: nonDifferentiable,
  isinf: nonDifferentiable,
  signbit: nonDifferentiable,
};
