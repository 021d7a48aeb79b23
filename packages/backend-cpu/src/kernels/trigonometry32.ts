/** Trigonometric functions in float32 and their inverses as polynomials over whole vectors, within 2 ulp. */
import {
  abs,
  add,
  and,
  beyond,
  bits,
  constant,
  convert,
  copySign,
  div,
  eq,
  float,
  fma,
  gt,
  host,
  isNan,
  isNegative,
  lt,
  mul,
  type Node,
  or,
  patch,
  pmax,
  pmin,
  polynomial,
  select,
  shl,
  shr,
  signBit,
  singleBits,
  sqrt,
  square,
  sub,
  withSign,
  xor,
} from "./expression.ts";
import { extended } from "./patches.ts";

/** Adding 1.5 · 2²³ rounds to a whole number, which then stands in the low bits. */
const ROUND = 12582912;
/** π/2 in parts of 11 bits, whose products with quadrants up to 2¹³ are exact, and a rest. */
const QUARTER_TURN = [1.5703125, 4.837512969970703e-4, 7.549533620476723e-8, 2.563344151594519e-12] as const;
const TRIGONOMETRIC_LIMIT = 8192;

/** π/2 · `turns` taken from x but for its last two parts, and but for the last one. The former is exact. */
interface Turns {
  readonly turns: Node;
  readonly exact: Node;
  readonly rounded: Node;
  /** In the low two bits. */
  readonly quadrant: Node;
}

function quarterTurns(x: Node, offset = 0): Turns {
  const shifted = fma(x, 2 / Math.PI, ROUND + offset);
  const turns = sub(shifted, ROUND + offset);
  const exact = fma(turns, -QUARTER_TURN[1], fma(turns, -QUARTER_TURN[0], x));
  return { turns, exact, rounded: fma(turns, -QUARTER_TURN[2], exact), quadrant: bits(shifted) };
}

interface Angle {
  readonly sine: Node;
  readonly cosine: Node;
  readonly quadrant: Node;
}

function reduceAngle(x: Node, offset = 0): Angle {
  const { turns, rounded, quadrant } = quarterTurns(x, offset);
  const r = fma(turns, -QUARTER_TURN[3], rounded);
  const z = square(r);
  const sine = fma(mul(z, r), polynomial(z, -1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1), r);
  const q = polynomial(z, 2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2, -0.5);
  return { sine, cosine: fma(z, q, 1), quadrant };
}

/** The function at a quarter turn's offset: odd quadrants swap sine and cosine, the upper two negate. */
function pickQuadrant({ sine, cosine }: Angle, quadrant: Node): Node {
  const value = select(eq(and(quadrant, 1), 0), sine, cosine);
  return float(xor(bits(value), shl(and(quadrant, 2), 30)));
}

/** sin (size - π · turns), for what leaves at most a quarter turn. */
function sineBeyond(size: Node, turns: Node): Node {
  const r = QUARTER_TURN.reduce<Node>((rest, part) => fma(turns, -2 * part, rest), size);
  const z = square(r);
  return fma(mul(z, r), polynomial(z, 2.6055582e-6, -1.9809583e-4, 8.333054e-3, -0.16666657), r);
}

/** Odd half turns negate. */
export function sin(x: Node): Node {
  const size = abs(x);
  const shifted = fma(size, 1 / Math.PI, ROUND);
  const sign = xor(xor(bits(x), bits(size)), shl(bits(shifted), 31));
  const value = float(xor(bits(sineBeyond(size, sub(shifted, ROUND))), sign));
  const isFar = sub(singleBits(TRIGONOMETRIC_LIMIT), bits(size));
  return patch(isFar, value, (y) => convert(host("sin", y), "f32"), x);
}

/** Not the sine of another angle: it is exact at 0. */
export function cos(x: Node): Node {
  const angle = reduceAngle(x, 1);
  const value = pickQuadrant(angle, angle.quadrant);
  return patch(beyond(x, TRIGONOMETRIC_LIMIT), value, (y) => convert(host("cos", y), "f32"), x);
}

/** Sine and cosine of an angle that is known to be small, from one reduction. */
export function sineAndCosine(x: Node): { readonly sine: Node; readonly cosine: Node } {
  const angle = reduceAngle(x);
  return { sine: pickQuadrant(angle, angle.quadrant), cosine: pickQuadrant(angle, add(angle.quadrant, 1)) };
}

/** What rounding took from the angle is put back to first order. Odd quadrants have the reciprocal with the other sign. */
export function tan(x: Node): Node {
  const { turns, exact, rounded: r, quadrant } = quarterTurns(x);
  const lost = fma(turns, QUARTER_TURN[3], fma(turns, QUARTER_TURN[2], sub(r, exact)));
  const z = square(r);
  const p = polynomial(z, -9.3896715e-3, -3.11282417e-3, -2.44344845e-2, -5.34100868e-2, -0.133388132, -0.333331555);
  // Of -0 too the sign stays: what is taken away is 0.
  const t = bits(sub(r, fma(mul(z, r), p, fma(lost, z, lost))));
  const sign = shl(quadrant, 31);
  const swapped = and(xor(t, singleBits(1)), shr(sign, 31));
  const value = div(float(xor(xor(t, swapped), sign)), float(xor(swapped, singleBits(1))));
  return patch(beyond(x, TRIGONOMETRIC_LIMIT), value, (y) => convert(host("tan", y), "f32"), x);
}

const HALF_PI = Math.fround(Math.PI / 2);
const HALF_PI_REST = Math.PI / 2 - HALF_PI;

/** A quarter turn less an angle, without the rounding of π / 2. */
function complement(angle: Node): Node {
  return sub(HALF_PI, sub(angle, HALF_PI_REST));
}

/** The angle in a right triangle with these legs, both ≥ 0; in this order, NaN in either comes through. */
function angleOf(opposite: Node, adjacent: Node): Node {
  const t = div(pmin(opposite, adjacent), pmax(adjacent, opposite));
  const p = polynomial(square(t), 2.92068906e-3, -1.63679179e-2, 4.32118475e-2, -7.55221322e-2, 0.106660046, -0.142110556, 0.199937731, -0.333331525); // biome-ignore format: one list
  const angle = fma(mul(square(t), t), p, t);
  return select(gt(opposite, adjacent), complement(angle), angle);
}

export function atan(x: Node): Node {
  return withSign(angleOf(abs(x), constant("f32", 1)), x);
}

/** Two zeros or two infinities have no quotient. */
export function atan2(y: Node, x: Node): Node {
  const angle = angleOf(abs(y), abs(x));
  const turned = select(isNegative(x), sub(2 * HALF_PI, sub(angle, 2 * HALF_PI_REST)), angle);
  return patch(isNan(angle), copySign(turned, y), (a, b) => convert(host("atan2", a, b), "f32"), y, x);
}

/** asin |x| up to 1/2; beyond it what is left to a quarter turn. */
function arc(x: Node): { readonly isLarge: Node; readonly angle: Node } {
  const isLarge = gt(abs(x), 0.5);
  const u = select(isLarge, fma(abs(x), -0.5, 0.5), square(x));
  const t = select(isLarge, sqrt(fma(abs(x), -2, 2)), abs(x));
  const p = polynomial(u, 4.21662889e-2, 2.41795331e-2, 4.54703681e-2, 7.49529749e-2, 0.166667521);
  return { isLarge, angle: fma(mul(u, t), p, t) };
}

export function asin(x: Node): Node {
  const { isLarge, angle } = arc(x);
  return withSign(select(isLarge, complement(angle), angle), x);
}

/** The angle, with a sign, is taken from a quarter turn, or from none or two where it is what is left to one. */
export function acos(x: Node): Node {
  const { isLarge, angle } = arc(x);
  const straight = float(and(shr(bits(x), 31), singleBits(2 * HALF_PI)));
  const from = select(isLarge, straight, HALF_PI);
  const sign = xor(signBit(x), select(isLarge, constant("i32", -0x80000000), 0));
  const signed = float(xor(bits(angle), sign));
  return sub(from, fma(from, -HALF_PI_REST / HALF_PI, signed));
}

/** Squares of numbers within it and its inverse are far from the ends of float32. */
const FAR = 2 ** 60;

/** Of the two sizes, NaN comes through in one of them. */
const legs = (a: Node, b: Node): [longer: Node, shorter: Node] => [pmax(abs(a), abs(b)), pmin(abs(b), abs(a))];
const rootOf = (longer: Node, shorter: Node): Node => sqrt(fma(longer, longer, square(shorter)));

/** √(a² + b²) */
export function hypot(a: Node, b: Node): Node {
  const [longer, shorter] = legs(a, b);
  const [least, most] = [singleBits(1 / FAR), singleBits(FAR)];
  // One comparison for both ends: what is below the least wraps around to the largest numbers.
  const unusual = gt(sub(bits(longer), least - 2 ** 31), most - least - 2 ** 31);
  return extended(unusual, rootOf(longer, shorter), scaledHypot, a, b);
}

/** A power of two brings numbers far from 1 nearer. */
function scaledHypot(a: Node, b: Node): Node {
  const [longer, shorter] = legs(a, b);
  const power = (size: number): Node =>
    select(gt(longer, FAR), constant("f32", 1 / size), select(lt(longer, 1 / FAR), constant("f32", size), 1));
  const value = mul(rootOf(mul(longer, power(FAR ** 1.5)), mul(shorter, power(FAR ** 1.5))), power(FAR ** -1.5));
  const infinite = constant("f32", Number.POSITIVE_INFINITY);
  return select(or(eq(longer, infinite), eq(shorter, infinite)), infinite, value);
}
