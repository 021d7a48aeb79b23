/**
 * Transcendental functions in float32 as polynomials over whole vectors, over the full range, within 2 ulp.
 * Coefficients are minimax fits (relative error below 3e-9) unless said otherwise.
 */
import {
  abs,
  add,
  and,
  beyond,
  bits,
  constant,
  convert,
  div,
  eq,
  float,
  fma,
  gt,
  horner,
  lt,
  mul,
  type Node,
  neg,
  or,
  patch,
  pmax,
  pmin,
  polynomial,
  select,
  shl,
  shrUnsigned,
  singleBits,
  sqrt,
  square,
  sub,
  withSign,
} from "./expression.ts";
import { extended } from "./patches.ts";

const INFINITY = Number.POSITIVE_INFINITY;
/** Adding 1.5 · 2²³ rounds to a whole number, which then stands in the low bits. */
const ROUND = 12582912;
const ROUND_BITS = 0x4b400000;
/** ln 2 in two parts; products of the first with small whole numbers are exact. */
const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.1219444005469057e-4;

interface Power {
  /** x = n ln 2 + r. */
  readonly r: Node;
  /** n + bias as an integer, plus the bits of `ROUND`; with the other sign, -n + bias. */
  readonly n: Node;
}

function splitPower(x: Node, bias = 0, sign: 1 | -1 = 1): Power {
  const shifted = fma(x, sign * Math.LOG2E, ROUND + bias);
  const whole = sub(shifted, ROUND + bias);
  return { r: fma(whole, -sign * LN2_LOW, fma(whole, -sign * LN2_HIGH, x)), n: bits(shifted) };
}

/** 2ⁿ, from n + 127 plus the bits of `ROUND`, which the shift drops. */
function biasedPower(n: Node): Node {
  return float(shl(n, 23));
}

/**
 * x · 2ⁿ for n from -151 to 129, in two steps, so that n may leave float32's exponents: results become subnormal, 0 or
 * infinite. At -151 the first step has 0: results that round to it in the second take a hundred times as long.
 */
function scale(x: Node, n: Node): Node {
  const down = lt(n, ROUND_BITS);
  const power = biasedPower(add(n, select(down, constant("i32", 151), 126)));
  return mul(mul(x, power), select(down, constant("f32", 2 ** -24), 2));
}

/** x · 2ⁿ where the result is a normal number: n is added to the exponent; the shift drops the bits of `ROUND`. */
function scaleInside(x: Node, n: Node): Node {
  return float(add(bits(x), shl(n, 23)));
}

/** e to the r, or to the -r. */
function expNear(r: Node, sign: 1 | -1 = 1): Node {
  const first = constant("f32", 1.38158689e-3);
  return horner(r, first, sign * 8.37318413e-3, 4.16685343e-2, sign * 0.166664481, 0.499999911, sign, 1);
}

function expOf({ r, n }: Power, scaled: (x: Node, n: Node) => Node): Node {
  return scaled(expNear(r), n);
}

export function exp(x: Node): Node {
  const careful = (y: Node): Node => expOf(splitPower(pmin(pmax(y, -105), 89)), scale);
  return extended(beyond(x, 87), expOf(splitPower(x), scaleInside), careful, x);
}

/**
 * eˣ for x ≤ 0, with 0 for what is no normal number: softmax may meet -∞ in every other place. Shares of a sum may do with
 * one multiply-add less, a fit to what counts at the last place, within 1.8 units.
 */
export function expNegative(x: Node): Node {
  // At -88, n is -127, whose power of two comes out as 0.
  const { r, n } = splitPower(pmax(x, -88), 127);
  const first = constant("f32", 8.26707017e-3);
  return mul(horner(r, first, 4.19026725e-2, 0.166681305, 0.499991, 0.999999464, 1), biasedPower(n));
}

export function exp2(x: Node): Node {
  const careful = (y: Node): Node => exp2Of(pmin(pmax(y, -151), 129), scale);
  return extended(beyond(x, 125), exp2Of(x, scaleInside), careful, x);
}

function exp2Of(x: Node, scaled: (x: Node, n: Node) => Node): Node {
  const shifted = add(x, ROUND);
  const r = sub(x, sub(shifted, ROUND));
  // The last coefficient is ln 2; what float32 cannot hold of it is in the one before.
  const p = horner(r, constant("f32", 1.53529444e-4), 1.33993919e-3, 9.6184425e-3, 5.55033125e-2, 0.24022648);
  const q = fma(r, fma(r, p, 2.0914594e-8), mul(r, Math.fround(Math.LN2)));
  return scaled(add(q, 1), bits(shifted));
}

/** eˣ − 1 for x in [-87, 87], exact near 0. */
function expm1Of(x: Node): Node {
  const { r, n } = splitPower(x, 127);
  const q = polynomial(r, 1.38982257e-3, 8.3660474e-3, 4.16675e-2, 0.16666548, 0.5);
  const power = biasedPower(n);
  return fma(mul(square(r), power), q, fma(r, power, sub(power, 1)));
}

export function expm1(x: Node): Node {
  return patch(beyond(x, 87), withSign(expm1Of(x), x), (y) => sub(exp(y), 1), x);
}

/** x = 2ᵉ (1 + f), and log(1 + f) = f + curve · f². */
interface Logarithm {
  /** e · 2²³. */
  readonly e: Node;
  readonly f: Node;
  readonly curve: Node;
}

const SQRT_HALF_BITS = 0x3f3504f3;
const UNIT = 2 ** -23;
/** The bits of an exponent and a sign. */
const EXPONENT = -0x800000;

/** Negative unless x is from 2ᵏ⁻¹²⁷ up to, but not, 2¹²⁹⁻ᵏ. */
function outside(x: Node, k: number): Node {
  return or(add(bits(x), k * EXPONENT), sub(bits(x), k * EXPONENT));
}

/** e of a positive normal number, in place. */
function exponentOf(x: Node): Node {
  return and(sub(bits(x), SQRT_HALF_BITS), EXPONENT);
}

function logarithmOf(e: Node, f: Node): Logarithm {
  const p = polynomial(f, -0.0763450265, 0.127615914, -0.13160187, 0.142017558, -0.166233569, 0.200012267, -0.250008225, 0.333333313); // biome-ignore format: one list
  return { e: convert(e, "f32"), f, curve: fma(f, p, -0.5) };
}

function splitLogarithm(x: Node): Logarithm {
  const e = exponentOf(x);
  return logarithmOf(e, sub(float(sub(bits(x), e)), 1));
}

/** A logarithm from what it is for positive normal numbers. */
function logarithm(x: Node, of: (parts: Logarithm) => Node): Node {
  const careful = (y: Node): Node => {
    const subnormal = lt(y, 2 ** -126);
    const { e, ...parts } = splitLogarithm(select(subnormal, mul(y, 2 ** 23), y));
    const value = of({ e: sub(e, select(subnormal, constant("f32", 23 / UNIT), 0)), ...parts });
    const none = select(eq(y, 0), constant("f32", -INFINITY), Number.NaN);
    return select(gt(y, 0), select(lt(y, INFINITY), value, y), none);
  };
  return extended(outside(x, 1), of(splitLogarithm(x)), careful, x);
}

const nearOne = ({ f, curve }: Logarithm): Node => fma(square(f), curve, f);
const logOf = (parts: Logarithm): Node => fma(parts.e, Math.LN2 * UNIT, nearOne(parts));

export function log(x: Node): Node {
  return logarithm(x, logOf);
}

const restOf = ({ f, curve }: Logarithm): Node => mul(square(f), curve);

/** log₂ e = 1 + 0.4427: the 1 is not multiplied. */
export function log2(x: Node): Node {
  return logarithm(x, (parts) => {
    const more = fma(restOf(parts), Math.LOG2E, mul(parts.f, Math.LOG2E - 1));
    return fma(parts.e, UNIT, add(more, parts.f));
  });
}

export function log10(x: Node): Node {
  const [high, twoHigh] = [0.43359375, 0.30078125];
  return logarithm(x, (parts) => {
    const rest = restOf(parts);
    const low = mul(add(parts.f, rest), Math.LOG10E - high);
    const near = fma(parts.f, high, fma(rest, high, low));
    return fma(parts.e, twoHigh * UNIT, fma(parts.e, (Math.log10(2) - twoHigh) * UNIT, near));
  });
}

/** log(1 + x): the fraction is x · 2⁻ᵉ + (2⁻ᵉ − 1), whatever rounding 1 + x would lose. */
export function log1p(x: Node): Node {
  const u = add(x, 1);
  const e = exponentOf(u);
  const power = float(sub(singleBits(1), e));
  const value = withSign(logOf(logarithmOf(e, fma(x, power, sub(power, 1)))), x);
  const careful = (y: Node): Node => select(eq(y, -1), constant("f32", -INFINITY), log(y));
  return patch(outside(u, 3), value, careful, x);
}

/**
 * 1/√x: the exponent halved, with the other sign, is within 5 % of 0.82 times that, so that the polynomial which brings it
 * near begins with 1. A step of Newton's method follows.
 */
export function rsqrt(x: Node): Node {
  const guess = float(sub(0x5f111128, shrUnsigned(bits(x), 1)));
  const u = mul(mul(x, guess), guess);
  const near = mul(guess, fma(sub(u, 2.253305673599243), u, 2.2825191020965576));
  const minusHalf = float(add(bits(near), 0x7f800000));
  // Moved by the same constant, positive normal numbers are the lowest whole ones.
  const isOther = gt(add(bits(x), 0x7f800000), 2 * EXPONENT - 1);
  return patch(isOther, fma(minusHalf, fma(mul(x, near), near, -1), near), (y) => div(1, sqrt(y)), x);
}

/** eˣ / 2 for x ≥ 0: eˣ itself may be too large. */
function halfExp(x: Node): Node {
  const careful = (y: Node): Node => expOf(splitPower(pmin(y, 90)), (p, n) => scale(p, sub(n, 1)));
  return patch(beyond(x, 87), mul(expOf(splitPower(x), scaleInside), 0.5), careful, x);
}

export function cosh(x: Node): Node {
  const e = halfExp(abs(x));
  return add(e, div(0.25, e));
}

export function sinh(x: Node): Node {
  const e = halfExp(abs(x));
  const p = polynomial(square(x), 2.03721938e-4, 8.33028369e-3, 0.166667163);
  const near = fma(mul(square(x), x), p, x);
  return select(lt(abs(x), 1), near, withSign(sub(e, div(0.25, e)), x));
}

export function tanh(x: Node): Node {
  const e = expm1Of(mul(pmin(abs(x), 20), 2));
  return withSign(div(e, add(e, 2)), x);
}

/** Where e^-x overflows, what is left of it is eˣ; where it vanishes, 1. */
export function sigmoid(x: Node): Node {
  const { r, n } = splitPower(x, 127, -1);
  return patch(beyond(x, 87), div(1, fma(expNear(r, -1), biasedPower(n), 1)), (y) => exp(pmin(y, 0)), x);
}

/** Near 0 an odd polynomial, beyond it 1 - exp(polynomial). @see N. Juffa's fits */
export function erf(x: Node): Node {
  const size = abs(x);
  const t = pmin(size, 4);
  const s = mul(t, t);
  const high = fma(t, -1.7285347e-5, 3.83197126e-4);
  const low = fma(t, -3.88396438e-3, 2.42546219e-2);
  const p = horner(t, fma(high, s, low), -1.06777877e-1, -6.34846687e-1, -1.28717512e-1);
  const far = sub(1, expOf(splitPower(fma(p, t, neg(t))), scaleInside));
  const q = polynomial(
    square(x),
    -5.96761703e-4,
    4.99119423e-3,
    -2.67681349e-2,
    1.12819925e-1,
    -3.76125336e-1,
    1.28379166e-1,
  );
  return select(gt(size, 0.927734375), withSign(far, x), fma(q, x, x));
}
