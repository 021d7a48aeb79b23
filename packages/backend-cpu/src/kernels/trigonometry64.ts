/** Trigonometric functions in float64 over whole vectors, within a unit of the last place, `tan` two. */

import { heap } from "../runtime/index.ts";
import { ROUND } from "./exponential64.ts";
import {
  abs,
  add,
  beyond,
  bits,
  div,
  float,
  fma,
  host,
  mul,
  type Node,
  patch,
  polynomial,
  signBit,
  square,
  sub,
  xor,
} from "./expression.ts";
import { lookup, ROW_BYTES, ROWS, table } from "./tables.ts";

/** A turn / 256 in parts of 33 bits, whose products with whole numbers up to 2²⁰ are exact, and a rest. */
const STEP = [0.024543692605220713, 9.495469541099947e-13, 3.159791013743673e-23] as const;
/** Up to here what is left of an angle is exact enough even beside a zero. */
const LIMIT = 2 ** 13;
/** Rows of a quarter turn. */
const QUARTER = ROWS / 4;
/** Cosine and sine of a step, times 2¹²⁰. */
const [COSINE, SINE] = [0xffec4304266865d956575523669617n, 0x648557de8d99f7e4e29cf6e5fed06n];

/** Sines of steps, and what rounding takes from them. Cosines are sines a quarter turn later, and their slopes another. */
const sines = table(ROWS + 2 * QUARTER, (start) => {
  let [cosine, sine] = [1n << 120n, 0n];
  for (let row = 0; row < ROWS + 2 * QUARTER; row++) {
    const high = Number(sine);
    heap.f64[start + 2 * row] = high * 2 ** -120;
    heap.f64[start + 2 * row + 1] = Number(sine - BigInt(high)) * 2 ** -120;
    [cosine, sine] = [(cosine * COSINE - sine * SINE) >> 120n, (sine * COSINE + cosine * SINE) >> 120n];
  }
});

/** What is left of an angle less its whole steps. */
interface Angle {
  readonly r: Node;
  /** Sine less r, and cosine less 1. */
  readonly sine: Node;
  readonly cosine: Node;
  /** The steps, in the low bits. */
  readonly steps: Node;
}

function reduceAngle(x: Node): Angle {
  const [high, middle, low] = STEP;
  const shifted = fma(x, ROWS / (2 * Math.PI), ROUND);
  const steps = sub(shifted, ROUND);
  const exact = fma(steps, -high, x);
  const r = fma(steps, -middle, exact);
  const rest = fma(steps, -low, fma(steps, -middle, sub(exact, r)));
  const z = square(r);
  const sine = fma(mul(r, z), polynomial(z, 0.008333291725454444, -0.1666666666647277), rest);
  const cosine = mul(z, polynomial(z, -0.0013888817134457192, 0.04166666666604019, -0.5));
  return { r, sine, cosine, steps: bits(shifted) };
}

/** The sine so many rows on. */
function sineOf({ r, sine, cosine, steps }: Angle, rows: number): Node {
  const column = (row: number, second = 0): Node => lookup(steps, sines() + row * ROW_BYTES + second);
  const [value, lost, slope] = [column(rows), column(rows, 8), column(rows + QUARTER)];
  return add(value, fma(slope, r, fma(value, cosine, fma(slope, sine, lost))));
}

/** Of what is below 0 as of its size, so that zeros keep their signs. */
const odd =
  (of: (angle: Angle) => Node) =>
  (x: Node): Node =>
    float(xor(bits(of(reduceAngle(abs(x)))), signBit(x)));

/** What lies too far out is left to the host. */
const within =
  (name: "sin" | "cos" | "tan", near: (x: Node) => Node) =>
  (x: Node): Node =>
    patch(beyond(x, LIMIT), near(x), (y) => host(name, y), x);

export const sin: (x: Node) => Node = within(
  "sin",
  odd((angle) => sineOf(angle, 0)),
);
export const cos: (x: Node) => Node = within("cos", (x) => sineOf(reduceAngle(x), QUARTER));
export const tan: (x: Node) => Node = within(
  "tan",
  odd((angle) => div(sineOf(angle, 0), sineOf(angle, QUARTER))),
);
