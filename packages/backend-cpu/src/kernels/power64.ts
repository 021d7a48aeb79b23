/** Powers in float64 over whole vectors: e to the y log x, with the logarithm to 65 bits; within a unit of the last place. */

import { exp, expInside, LN2_HIGH, LN2_LOW, type Sum } from "./exponential64.ts";
import {
  abs,
  add,
  and,
  beyond,
  bits,
  constant,
  eq,
  float,
  fma,
  isNan,
  lt,
  mul,
  type Node,
  ne,
  or,
  patch,
  pmax,
  pmin,
  polynomial,
  select,
  signBit,
  square,
  sub,
  trunc,
  upperHalf,
  xor,
} from "./expression.ts";
import { isUnusual, type Logarithm, splitAnyLogarithm, splitLogarithm } from "./logarithm64.ts";

const f64 = (value: number): Node => constant("f64", value);
const INFINITY = Number.POSITIVE_INFINITY;

/** Of r, in high digits so few that their products are exact, and the rest. */
function logOf({ e, high, lost, r }: Logarithm): Sum {
  const main = fma(e, LN2_HIGH, high);
  const upper = upperHalf(r);
  const half = mul(upper, -0.5);
  const second = mul(upper, half);
  const sum = upperHalf(add(main, add(r, second)));
  const exact = add(add(sub(main, sum), r), second);
  const more = fma(sub(r, upper), fma(r, -0.5, half), fma(e, LN2_LOW, lost));
  const p = polynomial(r, 0.14285904517645168, -0.1666682101666511, 0.1999999999901766, -0.24999999999557249, 0.33333333333333337); // biome-ignore format: one list
  return { high: sum, low: add(exact, fma(mul(square(r), r), p, more)) };
}

/** y log x. */
function exponentOf(x: Logarithm, y: Node): Sum {
  const { high, low } = logOf(x);
  const upper = upperHalf(y);
  return { high: mul(upper, high), low: fma(sub(y, upper), high, mul(y, low)) };
}

export function power(x: Node, y: Node): Node {
  const size = abs(x);
  const { high, low } = exponentOf(splitLogarithm(size), y);
  const value = withoutFractions(turned(expInside(high, low), x, y), x, y);
  return patch(or(isUnusual(size), beyond(high, 708)), value, (a, b) => signed(a, b, anySize), x, y);
}

const within = (x: Node, limit: number): Node => pmin(pmax(x, -limit), limit);

/** Exponents beyond 2⁶⁴ have the results of those at 2⁶⁴. */
function anySize(x: Node, y: Node): Node {
  const { high, low } = exponentOf(splitAnyLogarithm(x), within(y, 2 ** 64));
  const [rising, falling] = [select(lt(y, 0), f64(INFINITY), 0), select(lt(y, 0), 0, f64(INFINITY))];
  return select(eq(x, 0), rising, select(eq(x, INFINITY), falling, exp(high, within(low, 0.25))));
}

/** Odd powers have the sign of x. */
export function turned(power: Node, x: Node, y: Node): Node {
  const half = mul(y, 0.5);
  return float(xor(bits(power), select(ne(trunc(half), half), signBit(x), 0)));
}

/** What is less than 0 has no others than whole powers. */
export function withoutFractions(power: Node, x: Node, y: Node): Node {
  const whole = bits(power);
  return float(select(and(lt(x, 0), ne(trunc(y), y)), constant(whole.type, -1), whole));
}

/** Powers of any numbers by those of sizes; 1 where an operand does not matter. */
export function signed(x: Node, y: Node, ofSize: (x: Node, y: Node) => Node): Node {
  const size = abs(x);
  const magnitude = ofSize(size, y);
  const value = select(eq(trunc(y), y), turned(magnitude, x, y), magnitude);
  const proper = select(eq(size, INFINITY), value, withoutFractions(value, x, y));
  const known = or(eq(y, 0), or(eq(x, 1), and(eq(x, -1), eq(abs(y), INFINITY))));
  return select(known, f64(1), select(or(isNan(x), isNan(y)), f64(Number.NaN), proper));
}
