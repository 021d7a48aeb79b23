/** ★ Element-wise functions of one operand: a row gives the tree for the type that it is computed in. */
import type { DType, UnaryOp } from "@dl/tensor";
import {
  abs,
  add,
  ceil,
  constant,
  convert,
  div,
  eq,
  floor,
  gt,
  type HostFunction,
  host,
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
import * as m32 from "./math32.ts";
import * as m64 from "./math64.ts";
import * as trigonometry from "./trigonometry32.ts";
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
const hosted = (name: HostFunction): Unary => wide((x) => host(name, x));
/** Whole numbers are their own result. */
const floatOnly =
  (f: Unary): Unary =>
  (x) =>
    isFloatType(x.type) ? f(x) : x;
const floatMask =
  (f: Unary): Unary =>
  (x) =>
    isFloatType(x.type) ? f(x) : constant("m32", 0);

const sigmoid64: Unary = (x) => div(1, add(host("exp", neg(x)), 1));
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
  rsqrt: (x) => div(1, sqrt(x)),
  reciprocal: (x) => div(1, x),
  exp: byType(m32.exp, hosted("exp")),
  exp2: byType(m32.exp2, (x) => host("pow", constant("f64", 2), x)),
  expm1: byType(m32.expm1, hosted("expm1")),
  log: byType(m32.log, hosted("log")),
  log2: byType(m32.log2, hosted("log2")),
  log10: byType(m32.log10, hosted("log10")),
  log1p: byType(m32.log1p, hosted("log1p")),
  sin: byType(trigonometry.sin, hosted("sin")),
  cos: byType(trigonometry.cos, hosted("cos")),
  tan: byType(trigonometry.tan, hosted("tan")),
  asin: byType(trigonometry.asin, hosted("asin")),
  acos: byType(trigonometry.acos, hosted("acos")),
  atan: byType(trigonometry.atan, hosted("atan")),
  sinh: byType(m32.sinh, hosted("sinh")),
  cosh: byType(m32.cosh, hosted("cosh")),
  tanh: byType(m32.tanh, hosted("tanh")),
  asinh: byType(w32.asinh, hosted("asinh")),
  acosh: byType(w32.acosh, hosted("acosh")),
  atanh: byType(w32.atanh, hosted("atanh")),
  sigmoid: byType(m32.sigmoid, sigmoid64),
  erf: byType(m32.erf, m64.erf),
  erfc: byType(w32.erfc, m64.erfc),
  erfinv: byType(w32.erfinv, m64.erfinv),
  lgamma: byType(w32.lgamma, m64.lgamma),
  digamma: byType(w32.digamma, m64.digamma),
  trigamma: wide(m64.trigamma),
  gelu: byType(m32.gelu, gelu64),
  logicalNot: (x) => not(nonzero(x)),
  isnan: floatMask(isNan),
  isinf: floatMask((x) => eq(abs(x), Number.POSITIVE_INFINITY)),
  signbit: isNegative,
};
