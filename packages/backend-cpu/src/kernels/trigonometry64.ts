/** Trigonometric functions in float64 over whole vectors, within a unit of the last place, `tan` two. */

import { ROUND } from "./exponential64.ts";
import {
  abs,
  add,
  and,
  beyond,
  bits,
  constant,
  div,
  eq,
  float,
  fma,
  host,
  mul,
  type Node,
  patch,
  polynomial,
  select,
  shl,
  square,
  sub,
  xor,
} from "./expression.ts";

/** π / 2 in parts of 33 bits, whose products with whole numbers up to 2²⁰ are exact, and a rest. */
const QUARTER_TURN = [1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21] as const;
/** Up to here what is left of an angle is exact enough even beside a zero. */
const LIMIT = 2 ** 13;

interface Angle {
  readonly sine: Node;
  /** Negated, which saves an instruction. */
  readonly cosine: Node;
  /** Quarter turns and an offset, in the low bits. */
  readonly quadrant: Node;
}

/** Of x less its quarter turns times π / 2. */
function reduceAngle(x: Node, offset: number): Angle {
  const [high, middle, low] = QUARTER_TURN;
  const shifted = fma(x, 2 / Math.PI, ROUND + offset);
  const turns = sub(shifted, ROUND + offset);
  const exact = fma(turns, -high, x);
  const r = fma(turns, -middle, exact);
  const rest = fma(turns, -low, fma(turns, -middle, sub(exact, r)));
  return { ...sineAndCosine(r, rest), quadrant: bits(shifted) };
}

/** Of r + `rest`. What rounding takes from r² / 2 - 1 is added to the smaller terms. */
function sineAndCosine(r: Node, rest: Node): Pick<Angle, "sine" | "cosine"> {
  const z = square(r);
  const p = polynomial(z, 1.5896748019171236e-10, -2.505075732358327e-8, 2.7557313687067723e-6, -1.9841269829794472e-4, 8.333333333322398e-3, -0.16666666666666632); // biome-ignore format: one list
  const q = polynomial(z, 1.13584805572962e-11, -2.087569978684548e-9, 2.7557314171731386e-7, -2.480158728882623e-5, 1.3888888888873017e-3, -4.1666666666666595e-2); // biome-ignore format: one list
  const base = fma(z, 0.5, -1);
  const lost = fma(z, 0.5, sub(-1, base));
  return { sine: add(r, fma(mul(r, z), p, rest)), cosine: add(base, fma(square(z), q, fma(r, rest, lost))) };
}

const ONE = constant("i64", 1n);
const SIGN = constant("i64", -0x8000000000000000n);
const isEven = (quadrant: Node): Node => eq(and(quadrant, ONE), constant("i64", 0));

/** The sign that the second bit of the quadrant says, with the offset that makes that so. */
function turned(value: Node, quadrant: Node): Node {
  return xor(bits(value), shl(and(quadrant, constant("i64", 2n)), 62));
}

function sinOf(x: Node): Node {
  const { sine, cosine, quadrant } = reduceAngle(abs(x), 1);
  return float(xor(turned(select(isEven(quadrant), cosine, sine), quadrant), and(bits(x), SIGN)));
}

function cosOf(x: Node): Node {
  const { sine, cosine, quadrant } = reduceAngle(x, 2);
  return float(turned(select(isEven(quadrant), cosine, sine), quadrant));
}

function tanOf(x: Node): Node {
  const { sine, cosine, quadrant } = reduceAngle(abs(x), 1);
  const turn = isEven(quadrant);
  const value = div(select(turn, cosine, sine), select(turn, sine, cosine));
  return float(xor(xor(bits(value), shl(quadrant, 63)), and(bits(x), SIGN)));
}

/** What lies too far out is left to the host. */
const within =
  (name: "sin" | "cos" | "tan", near: (x: Node) => Node) =>
  (x: Node): Node =>
    patch(beyond(x, LIMIT), near(x), (y) => host(name, y), x);

export const sin: (x: Node) => Node = within("sin", sinOf);
export const cos: (x: Node) => Node = within("cos", cosOf);
export const tan: (x: Node) => Node = within("tan", tanOf);
