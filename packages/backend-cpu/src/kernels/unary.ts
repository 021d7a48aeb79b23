/** ★ Element-wise functions of one operand: a row gives the tree for the type that it is computed in. */
import type { DType, UnaryOp } from "@dl/tensor";
import * as a64 from "./arcs64.ts";
import * as e64 from "./exponential64.ts";
import {
  abs,
  ceil,
  constant,
  convert,
  div,
  eq,
  floor,
  gt,
  isFloatType,
  isNan,
  isNegative,
  lt,
  max,
  mul,
  type Node,
  nearest,
  neg,
  nonzero,
  not,
  select,
  sqrt,
  sub,
  trunc,
} from "./expression.ts";
import * as l64 from "./logarithm64.ts";
import * as m32 from "./math32.ts";
import * as m64 from "./math64.ts";
import * as n32 from "./normal32.ts";
import * as t32 from "./trigonometry32.ts";
import * as t64 from "./trigonometry64.ts";
import * as w32 from "./wide32.ts";

type Unary = (x: Node) => Node;
type Row = (x: Node, dtype: DType) => Node;

/** Computes in float64, one by one. */
const wide =
  (f: Unary): Unary =>
  (x) =>
    convert(f(convert(x, "f64")), x.type as "f32" | "f64");
/** One tree for float32, another for float64. */
const byType =
  (single: Unary, double: Unary): Unary =>
  (x) =>
    x.type === "f32" ? single(x) : double(x);
/** Whole numbers are their own result. */
const floatOnly =
  (f: Unary): Unary =>
  (x) =>
    isFloatType(x.type) ? f(x) : x;
const floatMask =
  (f: Unary): Unary =>
  (x) =>
    isFloatType(x.type) ? f(x) : constant("m32", 0);

const gelu64: Unary = (x) => mul(mul(x, 0.5), m64.erfc(mul(x, -Math.SQRT1_2)));

export const unary: { readonly [K in UnaryOp]: Row } = {
  neg,
  abs,
  sign: (x) => sub(select(gt(x, 0), constant(x.type, 1), 0), select(lt(x, 0), constant(x.type, 1), 0)),
  floor: floatOnly(floor),
  ceil: floatOnly(ceil),
  round: floatOnly(nearest),
  trunc: floatOnly(trunc),
  relu: (x) => max(x, 0),
  square: (x) => mul(x, x),
  bitwiseNot: (x, dtype) => (dtype === "bool" ? eq(x, 0) : not(x)),
  sqrt,
  rsqrt: byType(m32.rsqrt, l64.rsqrt),
  reciprocal: (x) => div(1, x),
  exp: byType(m32.exp, e64.exp),
  exp2: byType(m32.exp2, e64.exp2),
  expm1: byType(m32.expm1, e64.expm1),
  log: byType(m32.log, l64.log),
  log2: byType(m32.log2, l64.log2),
  log10: byType(m32.log10, l64.log10),
  log1p: byType(m32.log1p, l64.log1p),
  sin: byType(t32.sin, t64.sin),
  cos: byType(t32.cos, t64.cos),
  tan: byType(t32.tan, t64.tan),
  asin: byType(t32.asin, a64.asin),
  acos: byType(t32.acos, a64.acos),
  atan: byType(t32.atan, a64.atan),
  sinh: byType(m32.sinh, e64.sinh),
  cosh: byType(m32.cosh, e64.cosh),
  tanh: byType(m32.tanh, e64.tanh),
  asinh: byType(w32.asinh, l64.asinh),
  acosh: byType(w32.acosh, l64.acosh),
  atanh: byType(w32.atanh, l64.atanh),
  sigmoid: byType(m32.sigmoid, e64.sigmoid),
  erf: byType(m32.erf, m64.erf),
  erfc: byType(w32.erfc, m64.erfc),
  erfinv: byType(w32.erfinv, m64.erfinv),
  ndtri: byType(w32.ndtri, m64.ndtri),
  lgamma: byType(w32.lgamma, m64.lgamma),
  digamma: byType(w32.digamma, m64.digamma),
  trigamma: wide(m64.trigamma),
  gelu: byType(n32.gelu, gelu64),
  logicalNot: (x) => not(nonzero(x)),
  isnan: floatMask(isNan),
  isinf: floatMask((x) => eq(abs(x), Number.POSITIVE_INFINITY)),
  signbit: isNegative,
};
