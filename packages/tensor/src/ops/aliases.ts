/** ★ PyTorch's other names for the same functions: one row each. */
import { atan2, div, ge, gt, le, lt, mul, ne, sub } from "./arithmetic.ts";
import { clamp } from "./composite.ts";
import { abs, acos, acosh, asin, asinh, atan, atanh, neg, trunc } from "./elementwise.ts";

export {
  /** {@link abs} under its other name. */
  abs as absolute,
  /** {@link acos} under its other name. */
  acos as arccos,
  /** {@link acosh} under its other name. */
  acosh as arccosh,
  /** {@link asin} under its other name. */
  asin as arcsin,
  /** {@link asinh} under its other name. */
  asinh as arcsinh,
  /** {@link atan} under its other name. */
  atan as arctan,
  /** {@link atan2} under its other name. */
  atan2 as arctan2,
  /** {@link atanh} under its other name. */
  atanh as arctanh,
  /** {@link clamp} under its other name. */
  clamp as clip,
  /** {@link div} under its other name. */
  div as divide,
  /** {@link div} under its other name. */
  div as trueDivide,
  /** {@link ge} under its other name. */
  ge as greaterEqual,
  /** {@link gt} under its other name. */
  gt as greater,
  /** {@link le} under its other name. */
  le as lessEqual,
  /** {@link lt} under its other name. */
  lt as less,
  /** {@link mul} under its other name. */
  mul as multiply,
  /** {@link ne} under its other name. */
  ne as notEqual,
  /** {@link neg} under its other name. */
  neg as negative,
  /** {@link sub} under its other name. */
  sub as subtract,
  /** {@link trunc} under its other name. */
  trunc as fix,
};
