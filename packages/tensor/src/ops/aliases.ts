/** ★ PyTorch's other names for the same functions: one row each. */
import { atan2, div, ge, gt, le, lt, mul, ne, sub } from "./arithmetic.ts";
import { clamp } from "./composite.ts";
import { abs, acos, acosh, asin, asinh, atan, atanh, neg, trunc } from "./elementwise.ts";

export {
  abs as absolute,
  acos as arccos,
  acosh as arccosh,
  asin as arcsin,
  asinh as arcsinh,
  atan as arctan,
  atan2 as arctan2,
  atanh as arctanh,
  clamp as clip,
  div as divide,
  div as trueDivide,
  ge as greaterEqual,
  gt as greater,
  le as lessEqual,
  lt as less,
  mul as multiply,
  ne as notEqual,
  neg as negative,
  sub as subtract,
  trunc as fix,
};
