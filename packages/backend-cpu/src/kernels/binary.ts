/** ★ Element-wise functions of two operands: a row gives the tree for the type that it is computed in. */
import type { BinaryOp } from "@dl/tensor";
import * as a64 from "./arcs64.ts";
import { exp } from "./exponential64.ts";
import {
  abs,
  add,
  and,
  constant,
  convert,
  copySign,
  div,
  eq,
  floor,
  ge,
  gt,
  helper,
  isFloatType,
  isNan,
  le,
  lt,
  max,
  min,
  mul,
  type Node,
  type NumberType,
  ne,
  nearDouble,
  nearWhole,
  neg,
  nonzero,
  or,
  patch,
  pmax,
  pmin,
  rem,
  select,
  shl,
  shr,
  sqrt,
  sub,
  trunc,
  xor,
} from "./expression.ts";
import * as m64 from "./math64.ts";
import * as n32 from "./normal32.ts";
import { power } from "./power64.ts";
import * as quotients from "./quotients.ts";
import * as t32 from "./trigonometry32.ts";
import * as w32 from "./wide32.ts";

type Row = (a: Node, b: Node) => Node;

type Division = (a: Node, b: Node) => Node;

/** Doubles hold the quotients of whole numbers up to 2⁵¹ so well that none is rounded up to a whole number, and the rest exactly. */
function whole(a: Node, b: Node, divided: Division, careful: Division): Node {
  if (a.type === "i32") return convert(nearWhole(divided(convert(a, "f64"), convert(b, "f64"))), "i32");
  const [x, y] = [nearDouble(a), nearDouble(b)];
  // Beside a last element lies anything, zeros too.
  const slow: Division = (c, d) => careful(c, select(eq(d, 0), constant("i64", 1), d));
  return patch(or(x.signs, y.signs), nearWhole(divided(x.double, y.double)), slow, a, b);
}

/** What is left of a when b is taken away as often as the quotient says. */
const restBy =
  (round: (quotient: Node) => Node): Division =>
  (a, b) =>
    sub(a, mul(round(div(a, b)), b));

function fmod(a: Node, b: Node): Node {
  return isFloatType(a.type) ? quotients.fmod(a, b) : whole(a, b, restBy(trunc), rem);
}

function remainder(a: Node, b: Node): Node {
  const careful: Division = (x, y) => quotients.towards(rem(x, y), y);
  return isFloatType(a.type) ? quotients.remainder(a, b) : whole(a, b, restBy(floor), careful);
}

function floorDivide(a: Node, b: Node): Node {
  if (isFloatType(a.type)) return quotients.floorDivide(a, b);
  return whole(a, b, (x, y) => floor(div(x, y)), floorDivideWholes);
}

/** The smallest number divided by -1 wraps around, where the instruction traps. */
function floorDivideWholes(a: Node, b: Node): Node {
  const quotient = select(eq(b, -1), neg(a), div(a, select(eq(b, -1), constant(b.type, 1), b)));
  const rest = rem(a, b);
  return sub(quotient, convert(and(ne(rest, 0), xor(lt(rest, 0), lt(b, 0))), a.type as "i32" | "i64"));
}

function pow(a: Node, b: Node): Node {
  if (a.type === "f32") return w32.power(a, b);
  return a.type === "f64" ? power(a, b) : helper("power", a, b);
}

function hypot(a: Node, b: Node): Node {
  if (a.type === "f32") return t32.hypot(a, b);
  const [x, y] = [abs(convert(a, "f64")), abs(convert(b, "f64"))];
  const infinite = or(eq(x, Number.POSITIVE_INFINITY), eq(y, Number.POSITIVE_INFINITY));
  const root = a.type === "f64" ? scaledRoot(x, y) : sqrt(add(mul(x, x), mul(y, y)));
  return convert(select(infinite, constant("f64", Number.POSITIVE_INFINITY), root), a.type as NumberType);
}

/** √(x² + y²). Squares far from 1 leave the range of float64: a power of two brings those numbers nearer. */
function scaledRoot(x: Node, y: Node): Node {
  const size = pmax(x, y);
  const [isLarge, isSmall] = [gt(size, 2 ** 500), lt(size, 2 ** -500)];
  const power = (exponent: number): Node =>
    select(isLarge, constant("f64", 2 ** -exponent), select(isSmall, constant("f64", 2 ** exponent), 1));
  const [p, q] = [mul(x, power(600)), mul(y, power(600))];
  return mul(sqrt(add(mul(p, p), mul(q, q))), power(-600));
}

function geluBackward(gradient: Node, x: Node): Node {
  if (x.type === "f32") return mul(gradient, n32.geluSlope(x));
  const below = mul(m64.erfc(mul(x, -Math.SQRT1_2)), 0.5);
  const density = mul(exp(mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return mul(gradient, add(below, mul(x, density)));
}

export const binary: { readonly [K in BinaryOp]: Row } = {
  add,
  sub,
  mul,
  div,
  floorDivide,
  remainder,
  fmod,
  pow,
  maximum: max,
  minimum: min,
  fmax: (a, b) => (isFloatType(a.type) ? select(isNan(a), b, select(isNan(b), a, pmax(a, b))) : max(a, b)),
  fmin: (a, b) => (isFloatType(a.type) ? select(isNan(a), b, select(isNan(b), a, pmin(a, b))) : min(a, b)),
  atan2: (a, b) => (a.type === "f32" ? t32.atan2(a, b) : a64.atan2(a, b)),
  hypot,
  copysign: copySign,
  gcd: (a, b) => helper("gcd", a, b),
  bitwiseAnd: and,
  bitwiseOr: or,
  bitwiseXor: xor,
  bitwiseLeftShift: shl,
  bitwiseRightShift: shr,
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  logicalAnd: (a, b) => and(nonzero(a), nonzero(b)),
  logicalOr: (a, b) => or(nonzero(a), nonzero(b)),
  logicalXor: (a, b) => xor(nonzero(a), nonzero(b)),
  huber: (x, limit) => {
    const size = abs(x);
    const low = pmin(size, limit);
    return mul(low, sub(size, mul(0.5, low)));
  },
  reluBackward: (gradient, y) => select(le(y, 0), 0, gradient),
  sigmoidBackward: (gradient, y) => mul(mul(gradient, y), sub(1, y)),
  tanhBackward: (gradient, y) => mul(gradient, sub(1, mul(y, y))),
  geluBackward,
};
