/** Powers in float64 over whole vectors: e to the y log x, with the logarithm to 65 bits; within a unit of the last place. */

import { exp, expInside, LN2_HIGH, LN2_LOW, type Sum } from "./exponential64.ts";
import {
  abs,
  add,
  and,
  beyond,
  bits,
  constant,
  div,
  eq,
  fma,
  isNan,
  lt,
  mul,
  type Node,
  ne,
  neg,
  not,
  or,
  patch,
  pmax,
  pmin,
  polynomial,
  select,
  square,
  sub,
  trunc,
  upperHalf,
} from "./expression.ts";
import { isUnusual, splitNumber } from "./logarithm64.ts";

const f64 = (value: number): Node => constant("f64", value);
const INFINITY = Number.POSITIVE_INFINITY;
/** 2 / 3 in two parts. */
const [TWO_THIRDS, REST_OF_TWO_THIRDS] = [0.6666666567325592, 9.934107462565104e-9];

/** (m - 1) / (m + 1) as its upper half and the rest, which is what that leaves divided again. */
function ratio(m: Node): Sum & { readonly near: Node } {
  const [f, below] = [sub(m, 1), add(m, 1)];
  const inverse = div(1, below);
  const near = mul(f, inverse);
  const high = upperHalf(near);
  const [minus, upper] = [neg(high), upperHalf(below)];
  const most = fma(minus, sub(below, upper), fma(minus, upper, f));
  return { near, high, low: mul(fma(minus, sub(m, sub(below, 1)), most), inverse) };
}

/** log m as 2 / 3 · s · (3 + s² + …) for s of `ratio`; products of upper halves are exact. */
function logOf(m: Node): Sum {
  const { near, high, low } = ratio(m);
  const [z, main] = [square(near), square(high)];
  const series = polynomial(z, 0.1979455414681298, 0.19885219820923555, 0.23080136299940132, 0.27272676543823254, 0.3333333377996632, 0.42857142855148883, 0.6000000000000338); // biome-ignore format: one list
  const more = fma(square(z), series, mul(low, add(high, near)));
  const factor = upperHalf(add(main, 3));
  const product = mul(high, factor);
  const upper = upperHalf(product);
  const rest = fma(sub(more, sub(sub(factor, 3), main)), near, fma(low, factor, sub(product, upper)));
  return { high: mul(upper, TWO_THIRDS), low: fma(upper, REST_OF_TWO_THIRDS, mul(rest, 2 / 3)) };
}

/** y log x for positive normal numbers x = 2ᵉ m. */
function exponentOf({ e, m }: { readonly e: Node; readonly m: Node }, y: Node): Sum {
  const l = logOf(m);
  const main = mul(e, LN2_HIGH);
  const high = upperHalf(add(main, l.high));
  const low = sub(fma(e, LN2_LOW, l.low), sub(sub(high, main), l.high));
  const upper = upperHalf(y);
  return { high: mul(upper, high), low: fma(sub(y, upper), high, mul(y, low)) };
}

export function power(x: Node, y: Node): Node {
  const size = abs(x);
  const { high, low } = exponentOf(splitNumber(size), y);
  const unusual = or(isUnusual(size), beyond(high, 708));
  const ofSize = patch(unusual, expInside(high, low), (a, b) => settled(a, b, anySize(a, b)), size, y);
  return patch(bits(x), ofSize, withSign, ofSize, x, y);
}

const within = (x: Node, limit: number): Node => pmin(pmax(x, -limit), limit);

/** Exponents beyond 2⁶⁴ have the results of those at 2⁶⁴. */
function anySize(x: Node, y: Node): Node {
  const subnormal = lt(x, 2 ** -1022);
  const { e, m } = splitNumber(select(subnormal, mul(x, 2 ** 54), x));
  const { high, low } = exponentOf({ e: sub(e, select(subnormal, f64(54), 0)), m }, within(y, 2 ** 64));
  const [rising, falling] = [select(lt(y, 0), f64(INFINITY), 0), select(lt(y, 0), 0, f64(INFINITY))];
  return select(eq(x, 0), rising, select(eq(x, INFINITY), falling, exp(high, within(low, 0.25))));
}

/** A power of a size: 1 where an operand does not matter, else NaN where one is. */
function settled(x: Node, y: Node, power: Node): Node {
  const known = or(eq(y, 0), eq(x, 1));
  return select(known, f64(1), select(or(isNan(x), isNan(y)), f64(Number.NaN), power));
}

/** Odd powers have the sign of x; what is less than 0 has no others than whole ones. */
function withSign(power: Node, x: Node, y: Node): Node {
  const whole = eq(trunc(y), y);
  const half = mul(y, 0.5);
  const odd = and(whole, ne(trunc(half), half));
  const turned = select(and(lt(bits(x), 0), odd), neg(power), power);
  return select(and(lt(x, 0), and(ne(x, -INFINITY), not(whole))), f64(Number.NaN), turned);
}

/** Powers of any numbers by those of sizes. */
export function signed(x: Node, y: Node, ofSize: (x: Node, y: Node) => Node): Node {
  const size = abs(x);
  return withSign(settled(size, y, ofSize(size, y)), x, y);
}
