/**
 * ★ The WGSL of every element-wise operation: a row each, as expressions, so that they compose into one kernel. Operands
 * are names (free to repeat); `kind` is what they are: floats are f32, whole numbers and bools (0 or 1) are i32.
 */
import type { BinaryOp, DTypeKind, UnaryOp } from "@dl/tensor";

export type UnaryRow = (x: string, kind: DTypeKind) => string;
export type BinaryRow = (x: string, y: string, kind: DTypeKind) => string;

const flag = (condition: string): string => `select(0, 1, ${condition})`;
/** Drivers may answer false to NaN != x, so inequality is the negation of equality. */
const nonzero = (x: string, kind: DTypeKind): string => `!(${x} == ${kind === "float" ? "0.0" : "0"})`;
/** Rounding leaves whole numbers alone. */
const rounding =
  (name: string): UnaryRow =>
  (x, kind) =>
    kind === "float" ? `${name}(${x})` : x;
const call =
  (name: string): UnaryRow =>
  (x) =>
    `${name}(${x})`;

export const unary: { readonly [K in UnaryOp]: UnaryRow } = {
  neg: (x) => `-${x}`,
  abs: call("abs"),
  sign: (x, kind) => (kind === "float" ? `f32(${x} > 0.0) - f32(${x} < 0.0)` : `sign(${x})`),
  floor: rounding("floor"),
  ceil: rounding("ceil"),
  round: rounding("round"),
  trunc: rounding("trunc"),
  relu: (x, kind) => (kind === "float" ? `dl_max(${x}, 0.0)` : `max(${x}, 0)`),
  square: (x) => `${x} * ${x}`,
  bitwiseNot: (x, kind) => (kind === "bool" ? `1 - ${x}` : `~${x}`),
  sqrt: call("sqrt"),
  rsqrt: call("inverseSqrt"),
  reciprocal: (x) => `1.0 / ${x}`,
  exp: call("dl_exp"),
  exp2: call("dl_exp2"),
  expm1: call("dl_expm1"),
  log: call("dl_log"),
  log2: (x) => `dl_log(${x}) * 1.4426950408889634`,
  log10: (x) => `dl_log(${x}) * 0.4342944819032518`,
  log1p: call("dl_log1p"),
  sin: (x) => `dl_sincos(${x}).x`,
  cos: (x) => `dl_sincos(${x}).y`,
  tan: call("dl_tan"),
  asin: call("dl_asin"),
  acos: call("dl_acos"),
  atan: call("dl_atan"),
  sinh: call("dl_sinh"),
  cosh: call("dl_cosh"),
  tanh: call("dl_tanh"),
  asinh: call("dl_asinh"),
  acosh: call("dl_acosh"),
  atanh: call("dl_atanh"),
  sigmoid: (x) => `1.0 / (1.0 + dl_exp(-${x}))`,
  erf: call("dl_erf"),
  erfc: call("dl_erfc"),
  erfinv: call("dl_erfinv"),
  ndtri: call("dl_ndtri"),
  lgamma: call("dl_lgamma"),
  digamma: call("dl_digamma"),
  trigamma: call("dl_trigamma"),
  gelu: call("dl_gelu"),
  logicalNot: (x, kind) => `select(1, 0, ${nonzero(x, kind)})`,
  isnan: (x, kind) => (kind === "float" ? flag(`dl_isnan(${x})`) : "0"),
  isinf: (x, kind) => (kind === "float" ? flag(`dl_isinf(${x})`) : "0"),
  signbit: (x, kind) => flag(kind === "float" ? `dl_negative(${x})` : `${x} < 0`),
};

const operator =
  (symbol: string): BinaryRow =>
  (x, y) =>
    `${x} ${symbol} ${y}`;
const compare =
  (symbol: string): BinaryRow =>
  (x, y) =>
    flag(`${x} ${symbol} ${y}`);
const logic =
  (symbol: string): BinaryRow =>
  (x, y, kind) =>
    flag(`(${nonzero(x, kind)}) ${symbol} (${nonzero(y, kind)})`);
/** One function for floats, another for whole numbers. */
const either =
  (float: string, whole: string): BinaryRow =>
  (x, y, kind) =>
    `${kind === "float" ? float : whole}(${x}, ${y})`;

export const binary: { readonly [K in BinaryOp]: BinaryRow } = {
  add: operator("+"),
  sub: operator("-"),
  mul: operator("*"),
  div: operator("/"),
  floorDivide: either("dl_floordiv", "dl_ifloordiv"),
  remainder: either("dl_remainder", "dl_iremainder"),
  fmod: (x, y, kind) => (kind === "float" ? `dl_fmod(${x}, ${y})` : `${x} % ${y}`),
  pow: either("dl_pow", "dl_ipow"),
  maximum: either("dl_max", "max"),
  minimum: either("dl_min", "min"),
  fmax: either("dl_fmax", "max"),
  fmin: either("dl_fmin", "min"),
  atan2: either("dl_atan2", "dl_atan2"),
  hypot: either("dl_hypot", "dl_hypot"),
  copysign: either("dl_copysign", "dl_copysign"),
  huber: (x, limit) => `select(${limit} * (abs(${x}) - 0.5 * ${limit}), 0.5 * ${x} * ${x}, abs(${x}) < ${limit})`,
  gcd: either("dl_gcd", "dl_gcd"),
  bitwiseAnd: operator("&"),
  bitwiseOr: operator("|"),
  bitwiseXor: operator("^"),
  bitwiseLeftShift: (x, y) => `select(${x} << (bitcast<u32>(${y}) & 31u), 0, bitcast<u32>(${y}) > 31u)`,
  bitwiseRightShift: (x, y) => `${x} >> min(bitcast<u32>(${y}), 31u)`,
  eq: compare("=="),
  ne: (x, y) => `select(1, 0, ${x} == ${y})`,
  lt: compare("<"),
  le: compare("<="),
  gt: compare(">"),
  ge: compare(">="),
  logicalAnd: logic("&&"),
  logicalOr: logic("||"),
  logicalXor: logic("!="),
  reluBackward: (g, y, kind) =>
    `select(${g}, ${kind === "float" ? "0.0" : "0"}, ${y} <= ${kind === "float" ? "0.0" : "0"})`,
  sigmoidBackward: (g, y) => `${g} * (${y} * (1.0 - ${y}))`,
  tanhBackward: (g, y) => `${g} * (1.0 - ${y} * ${y})`,
  geluBackward: (g, x) => `${g} * dl_gelu_slope(${x})`,
};

export const where = (condition: string, x: string, y: string): string => `select(${y}, ${x}, ${condition} != 0)`;

/** The value of a `from` as a `to`; narrowing to the width of short dtypes follows when it is kept. */
export function cast(x: string, from: DTypeKind, to: DTypeKind): string {
  if (to === "bool") return flag(nonzero(x, from));
  if (to === "float") return from === "float" ? x : `f32(${x})`;
  return from === "float" ? `i32(${x})` : x;
}
