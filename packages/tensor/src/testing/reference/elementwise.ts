/** The meaning of every element-wise row, in one line of float64 each. */
import type { BinaryOp, UnaryOp } from "../../ops/table.ts";
import { digamma, erf, erfc, erfinv, lgamma, ndtri, trigamma } from "../special.ts";

const flag = (value: boolean): number => (value ? 1 : 0);
const sqrtHalf = Math.SQRT1_2;
const density = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

function halfEven(x: number): number {
  const low = Math.floor(x);
  return x - low === 0.5 ? low + (low % 2 === 0 ? 0 : 1) : Math.round(x);
}

export const unary: { readonly [K in UnaryOp]: (x: number) => number } = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: (x) => (Number.isNaN(x) ? 0 : Math.sign(x)),
  floor: Math.floor,
  ceil: Math.ceil,
  round: halfEven,
  trunc: Math.trunc,
  relu: (x) => (Number.isNaN(x) ? x : Math.max(x, 0)),
  square: (x) => x * x,
  bitwiseNot: (x) => ~x,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  reciprocal: (x) => 1 / x,
  exp: Math.exp,
  exp2: (x) => 2 ** x,
  expm1: Math.expm1,
  log: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  erf,
  erfc,
  erfinv,
  ndtri,
  lgamma,
  digamma,
  trigamma,
  gelu: (x) => (x / 2) * (1 + erf(x * sqrtHalf)),
  logicalNot: (x) => flag(x === 0),
  isnan: (x) => flag(Number.isNaN(x)),
  isinf: (x) => flag(Math.abs(x) === Number.POSITIVE_INFINITY),
  signbit: (x) => flag(x < 0 || Object.is(x, -0)),
};

function remainder(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

function gcd(a: number, b: number): number {
  return b === 0 ? Math.abs(a) : gcd(b, a % b);
}

export const binary: { readonly [K in BinaryOp]: (a: number, b: number) => number } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  floorDivide: (a, b) => Math.floor(a / b),
  remainder,
  fmod: (a, b) => a % b,
  pow: (a, b) => (a === 1 || b === 0 ? 1 : a ** b),
  maximum: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.max(a, b)),
  minimum: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.min(a, b)),
  fmax: (a, b) => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.max(a, b)),
  fmin: (a, b) => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.min(a, b)),
  atan2: Math.atan2,
  hypot: Math.hypot,
  copysign: (a, b) => (unary.signbit(a) === unary.signbit(b) ? a : -a),
  gcd,
  bitwiseAnd: (a, b) => a & b,
  bitwiseOr: (a, b) => a | b,
  bitwiseXor: (a, b) => a ^ b,
  bitwiseLeftShift: (a, b) => a * 2 ** b,
  bitwiseRightShift: (a, b) => Math.floor(a / 2 ** b),
  eq: (a, b) => flag(a === b),
  ne: (a, b) => flag(a !== b),
  lt: (a, b) => flag(a < b),
  le: (a, b) => flag(a <= b),
  gt: (a, b) => flag(a > b),
  ge: (a, b) => flag(a >= b),
  logicalAnd: (a, b) => flag(a !== 0 && b !== 0),
  logicalOr: (a, b) => flag(a !== 0 || b !== 0),
  logicalXor: (a, b) => flag((a !== 0) !== (b !== 0)),
  huber: (x, limit) => (Math.abs(x) < limit ? 0.5 * x * x : limit * (Math.abs(x) - 0.5 * limit)),
  reluBackward: (g, y) => (y <= 0 ? 0 : g),
  sigmoidBackward: (g, y) => g * y * (1 - y),
  tanhBackward: (g, y) => g * (1 - y * y),
  geluBackward: (g, x) => g * (0.5 * (1 + erf(x * sqrtHalf)) + x * density(x)),
};
