/** Exponentials in float64 over whole vectors and the full range, within a unit of the last place, two where they are divided. */
import {
  abs,
  add,
  beyond,
  bits,
  constant,
  copySign,
  div,
  float,
  fma,
  mul,
  type Node,
  neg,
  patch,
  pmax,
  pmin,
  polynomial,
  shl,
  shr,
  square,
  sub,
  upperHalf,
} from "./expression.ts";

const i64 = (value: bigint): Node => constant("i64", value);
/** Adding 1.5 · 2⁵² rounds to a whole number, which then stands in the low bits. */
export const ROUND: number = 1.5 * 2 ** 52;
const ROUND_BITS = i64(0x4338000000000000n);
/** ln 2 in two parts; products of the first with whole numbers up to 2¹¹ are exact. */
export const LN2_HIGH = 0.6931471805598903;
export const LN2_LOW = 5.497923018708371e-14;
/** What float64 cannot hold of it. */
const LN2_REST = 2.3190468138462996e-17;
/** Up to here powers of e are normal numbers. */
const LIMIT = 708;

interface Power {
  /** x = n ln 2 + high + low. */
  readonly high: Node;
  readonly low: Node;
  /** high + low, rounded. */
  readonly r: Node;
  /** As an integer, plus the bits of `ROUND`. */
  readonly n: Node;
}

/** Of x + `more`, which is less than x. */
function splitPower(x: Node, more?: Node): Power {
  const shifted = fma(more ? add(x, more) : x, Math.LOG2E, ROUND);
  const whole = sub(shifted, ROUND);
  const high = fma(whole, -LN2_HIGH, x);
  const low = more ? fma(whole, -LN2_LOW, more) : mul(whole, -LN2_LOW);
  return { high, low, r: add(high, low), n: bits(shifted) };
}

/** e to the high + low, less 1 + high, for up to ln 2 / 2. */
function curve({ r, low }: Power): Node {
  const p = polynomial(r, 2.4978160924184862e-8, 2.7625311452314133e-7, 2.755764231344201e-6, 2.4801508394436567e-5, 1.984126946386264e-4, 1.3888888927004153e-3, 8.333333333501385e-3, 4.16666666666035e-2, 0.1666666666666643, 0.5); // biome-ignore format: one list
  return fma(square(r), p, low);
}

type Scaling = (x: Node, n: Node) => Node;

/** x · 2ⁿ where the result is a normal number: n is added to the exponent; the shift drops the bits of `ROUND`. */
const scaleInside: Scaling = (x, n) => float(add(bits(x), shl(n, 52)));

/** 2ⁿ for whole n in [-1022, 1023]; 0 for -1023. */
function powerOfTwo(n: Node): Node {
  return float(shl(add(n, i64(1023n)), 52));
}

/** x · 2ⁿ in two steps, so that n may leave float64's exponents: results become subnormal, 0 or infinite. */
const scale: Scaling = (x, shifted) => {
  const n = sub(shifted, ROUND_BITS);
  const half = shr(n, 1);
  return mul(mul(x, powerOfTwo(half)), powerOfTwo(sub(n, half)));
};

/** What rounding takes from 1 + high is added to the rest. */
function powerOf(parts: Power, scaled: Scaling): Node {
  const near = add(parts.high, 1);
  return scaled(add(near, add(add(sub(1, near), parts.high), curve(parts))), parts.n);
}

/** e to the x + `more` where it is a normal number. */
export function expInside(x: Node, more?: Node): Node {
  return powerOf(splitPower(x, more), scaleInside);
}

/** e to the x + `more`. */
export function exp(x: Node, more?: Node): Node {
  const careful = (y: Node, z?: Node): Node => powerOf(splitPower(pmin(pmax(y, -747), 711), z), scale);
  return patch(beyond(x, LIMIT), expInside(x, more), careful, x, ...(more ? [more] : []));
}

/** eˣ for x ≤ 0, with 0 below what is a normal number: softmax may meet -∞ in every other place. */
export function expNegative(x: Node): Node {
  return powerOf(splitPower(pmax(x, -709)), (y, n) => mul(y, powerOfTwo(n)));
}

function exp2Of(x: Node, scaled: Scaling): Node {
  const shifted = add(x, ROUND);
  const part = sub(x, sub(shifted, ROUND));
  const r = mul(part, Math.LN2);
  const low = fma(part, LN2_REST, fma(part, Math.LN2, neg(r)));
  return powerOf({ high: r, low, r, n: bits(shifted) }, scaled);
}

export function exp2(x: Node): Node {
  return patch(beyond(x, 1021), exp2Of(x, scaleInside), (y) => exp2Of(pmin(pmax(y, -1076), 1025), scale), x);
}

/** A sum of a number and what its rounding lost. */
export interface Sum {
  readonly high: Node;
  readonly low: Node;
}

/** eˣ − 1, exact near 0, for |x| up to 709. */
function expm1Of(x: Node): Sum {
  const parts = splitPower(x);
  const power = powerOfTwo(parts.n);
  const base = sub(power, 1);
  const main = fma(power, parts.high, base);
  const rest = fma(power, curve(parts), fma(power, parts.high, sub(base, main)));
  const high = add(main, rest);
  return { high, low: add(sub(main, high), rest) };
}

export function expm1(x: Node): Node {
  const far = (y: Node): Node => sub(exp(pmax(y, -60)), 1);
  return patch(beyond(x, LIMIT), copySign(expm1Of(x).high, x), far, x);
}

/** eˣ / 2 for x ≥ 0: eˣ itself may be too large. */
function halfExp(x: Node): Node {
  return powerOf(splitPower(pmin(x, 712)), (p, n) => scale(p, sub(n, i64(1n))));
}

export function cosh(x: Node): Node {
  const e = mul(expInside(abs(x)), 0.5);
  return patch(beyond(x, LIMIT), add(e, div(0.25, e)), (y) => halfExp(abs(y)), x);
}

/** a / b, where b is a sum too: what the quotient's upper half leaves of a is divided again. */
function quotient(a: Sum, b: Sum): Node {
  const inverse = div(1, b.high);
  const q = upperHalf(mul(a.high, inverse));
  const [minus, upper] = [neg(q), upperHalf(b.high)];
  const rest = fma(minus, sub(b.high, upper), fma(minus, upper, a.high));
  return fma(add(rest, fma(minus, b.low, a.low)), inverse, q);
}

/** e + n for n ≥ e ≥ 0; larger e have less to lose. */
function plus({ high, low }: Sum, n: number): Sum {
  const sum = add(high, n);
  return { high: sum, low: add(add(sub(n, sum), high), low) };
}

export function sinh(x: Node): Node {
  const e = expm1Of(abs(x));
  const size = mul(add(e.high, add(quotient(e, plus(e, 1)), e.low)), 0.5);
  return patch(beyond(x, LIMIT), copySign(size, x), (y) => copySign(halfExp(abs(y)), y), x);
}

export function tanh(x: Node): Node {
  const e = expm1Of(mul(pmin(abs(x), 22), 2));
  return copySign(quotient(e, plus(e, 2)), x);
}

/** Where e^-x overflows, what is left of it is eˣ; where it vanishes, 1. */
export function sigmoid(x: Node): Node {
  return patch(beyond(x, LIMIT), div(1, add(expInside(neg(x)), 1)), (y) => exp(pmin(y, 0)), x);
}
