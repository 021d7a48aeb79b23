/** Exponentials in float64 over whole vectors and the full range, within a unit of the last place, two where they are divided. */

import { heap } from "../runtime/index.ts";
import {
  abs,
  add,
  and,
  beyond,
  bits,
  constant,
  div,
  float,
  fma,
  lt,
  mul,
  type Node,
  neg,
  patch,
  pmax,
  pmin,
  polynomial,
  select,
  shl,
  shrUnsigned,
  square,
  sub,
  upperHalf,
  withSign,
} from "./expression.ts";
import { extended } from "./patches.ts";
import { lookup, ROWS, table } from "./tables.ts";

const i64 = (value: bigint): Node => constant("i64", value);
/** Adding 1.5 · 2⁵² rounds to a whole number, which then stands in the low bits. */
export const ROUND: number = 1.5 * 2 ** 52;
/** ln 2 in two parts; products of the first with whole numbers up to 2¹¹ are exact. */
export const LN2_HIGH = 0.6931471805598903;
export const LN2_LOW = 5.497923018708371e-14;
/** Up to here powers of e are normal numbers. */
const LIMIT = 708;

/** ln 2 / 256 in two parts; products of the first with whole numbers up to 2¹⁹ are exact. */
const [STEP, REST_OF_STEP] = [0.0027076061737716373, 2.9064910585985925e-13];
/** 2¹ᐟ²⁵⁶ · 2¹²⁰ */
const ROOT = 0x100b1afa5abcbed6129ab13ec11dc95n;

/** The bits of 2ⁱᐟ²⁵⁶ less those of i · 2⁴⁴, which the whole number n = … 256 + i adds; and the part of it that is lost by rounding. */
const powersOfTwo = table(ROWS, (start) => {
  for (let i = 0, power = 1n << 120n; i < ROWS; i++, power = (power * ROOT) >> 120n) {
    const high = Number(power);
    heap.f64[start + 2 * i] = high * 2 ** -120;
    heap.i64[start + 2 * i]! -= BigInt(i) << 44n;
    heap.f64[start + 2 * i + 1] = Number(power - BigInt(high)) / high;
  }
});

/** A power of e as 2ⁿᐟ²⁵⁶ (1 + r + rest). */
interface Power {
  readonly r: Node;
  readonly rest: Node;
  /** As an integer, plus the bits of `ROUND`. */
  readonly n: Node;
}

/** As far as e to the r is asked for as a number or with 1 taken away: that has digits of its own near 0. Of (eʳ - 1 - r) / r², for r up to ln 2 / 512. */
const PLAIN = [0.0416666705410345, 0.16666667994700687, 0.49999999999999756] as const;
const EXACT = [0.008333333963745969, 0.04166667021247761, 0.16666666666666619, 0.499999999999998] as const;

/** Whole steps of ln 2 / 256 in x, and x less their upper part. */
function reduce(x: Node): { readonly shifted: Node; readonly whole: Node } {
  const shifted = fma(x, 256 / Math.LN2, ROUND);
  return { shifted, whole: sub(shifted, ROUND) };
}

function powerOf(r: Node, n: Node): Power {
  return { r, rest: fma(square(r), polynomial(r, ...PLAIN), lookup(n, powersOfTwo() + 8)), n };
}

/** e to the x + `more`, which is below 1e-4. */
function splitPower(x: Node, more?: Node): Power {
  const { shifted, whole } = reduce(x);
  const r = fma(whole, -REST_OF_STEP, fma(whole, -STEP, x));
  return powerOf(more ? add(r, more) : r, bits(shifted));
}

/** 2ⁿᐟ²⁵⁶ where it is a normal number: the shift drops the bits of `ROUND`. */
function rootOfTwo(n: Node): Node {
  return float(add(bits(lookup(n, powersOfTwo())), shl(n, 44)));
}

type Scaling = (power: Power) => Node;

const inside: Scaling = ({ r, rest, n }) => {
  const scale = rootOfTwo(n);
  return fma(scale, add(r, rest), scale);
};

/**
 * In two steps, so that n may leave float64's exponents: results become subnormal, 0 or infinite. Far below them the power in
 * the first step is 0: results that round to it in the second take a hundred times as long.
 */
const anywhere =
  (less = 0): Scaling =>
  ({ n, ...parts }) => {
    const down = lt(shl(n, 32), 0);
    const whole = add(n, select(down, i64(256n * 1078n), 256 * (1022 - less)));
    const near = inside({ ...parts, n: and(n, i64(255n)) });
    const power = float(shl(shrUnsigned(whole, 8), 52));
    return mul(mul(near, power), select(down, constant("f64", 2 ** -55), 2));
  };

/** e to the x + `more` where it is a normal number. */
export function expInside(x: Node, more?: Node): Node {
  return inside(splitPower(x, more));
}

/** e to the x + `more`. */
export function exp(x: Node, more?: Node): Node {
  const careful = (y: Node, z?: Node): Node => anywhere()(splitPower(pmin(pmax(y, -747), 711), z));
  return extended(beyond(x, LIMIT), expInside(x, more), careful, x, ...(more ? [more] : []));
}

/** eˣ for x ≤ 0, with less than a normal number below that, and 0 at last: softmax may meet -∞ in every other place. */
export function expNegative(x: Node): Node {
  return expInside(pmax(x, -1023 * Math.LN2));
}

function exp2Of(x: Node, scaled: Scaling): Node {
  const shifted = add(x, ROUND / 256);
  const r = mul(sub(x, sub(shifted, ROUND / 256)), Math.LN2);
  return scaled(powerOf(r, bits(shifted)));
}

export function exp2(x: Node): Node {
  return extended(beyond(x, 1021), exp2Of(x, inside), (y) => exp2Of(pmin(pmax(y, -1078), 1025), anywhere()), x);
}

/** A sum of a number and what its rounding lost. */
export interface Sum {
  readonly high: Node;
  readonly low: Node;
}

/** eˣ − 1, exact near 0, for |x| up to 709. */
function expm1Of(x: Node): Sum {
  const { shifted, whole } = reduce(x);
  const [near, far] = [fma(whole, -STEP, x), mul(whole, -REST_OF_STEP)];
  const r = add(near, far);
  const n = bits(shifted);
  const small = fma(square(r), polynomial(r, ...EXACT), add(far, lookup(n, powersOfTwo() + 8)));
  const scale = rootOfTwo(n);
  const base = sub(scale, 1);
  const main = fma(scale, near, base);
  const lost = add(fma(scale, near, sub(base, main)), sub(scale, add(base, 1)));
  const rest = fma(scale, small, lost);
  const high = add(main, rest);
  return { high, low: add(sub(main, high), rest) };
}

export function expm1(x: Node): Node {
  const far = (y: Node): Node => sub(exp(pmax(y, -60)), 1);
  return patch(beyond(x, LIMIT), withSign(expm1Of(x).high, x), far, x);
}

/** eˣ / 2 for x ≥ 0: eˣ itself may be too large. */
function halfExp(x: Node): Node {
  return anywhere(1)(splitPower(pmin(x, 711)));
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
  return patch(beyond(x, LIMIT), withSign(size, x), (y) => withSign(halfExp(abs(y)), y), x);
}

export function tanh(x: Node): Node {
  const e = expm1Of(mul(pmin(abs(x), 22), 2));
  return withSign(quotient(e, plus(e, 2)), x);
}

/** Where e^-x overflows, what is left of it is eˣ; where it vanishes, 1. */
export function sigmoid(x: Node): Node {
  return patch(beyond(x, LIMIT), div(1, add(expInside(neg(x)), 1)), (y) => exp(pmin(y, 0)), x);
}
