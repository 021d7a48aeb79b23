/** Functions in float64 that `Math` lacks; float32 takes them too, where vectors are not worth the code. */

import { exp, expInside } from "./exponential64.ts";
import {
  abs,
  add,
  and,
  constant,
  copySign,
  div,
  eq,
  floor,
  fma,
  ge,
  gt,
  isNan,
  lt,
  mul,
  type Node,
  ne,
  nearest,
  neg,
  or,
  pmin,
  polynomial,
  select,
  sqrt,
  square,
  sub,
  upperHalf,
  withSign,
} from "./expression.ts";
import { log } from "./logarithm64.ts";
import { sin, tan } from "./trigonometry64.ts";

const INFINITY = Number.POSITIVE_INFINITY;
const f64 = (value: number): Node => constant("f64", value);

/** A fit of erfc(t) · exp(t²) · (1 + 2t) in the variable (t - 4) / (t + 4), good to 2e-18 up to 27.5. */
const ERFC = [
  1.2537550125450752e-9, 1.8368212617851957e-9, -1.4096503348569252e-8, -1.7920360316356552e-8, 1.1011918537215051e-7,
  7.464016908895004e-8, -8.255610031719535e-7, 2.938175156873787e-7, 5.70985344176465e-6, -1.122205415946788e-5,
  -2.4399274806735163e-5, 1.5062169605217738e-4, -1.9925667587989877e-4, -7.577732964763434e-4, 5.031969974293165e-3,
  -1.6197734056192747e-2, 3.716751553792265e-2, -6.633036581238866e-2, 9.37328349983214e-2, -0.1010390660362956,
  6.809705425469348e-2, 1.5379652102619577e-2, -0.13962111684056253, 1.2329951186255526,
];

/** erf(x) / x - 1 as a polynomial in x², good to 2e-19 up to 0.85. */
const ERF = [
  -8.837207342835496e-10, 1.4189584294135369e-8, -1.6300495998065118e-7, 1.6457676496214065e-6, -1.4925450090912942e-5,
  1.2055326932054655e-4, -8.548326902886471e-4, 5.223977623916789e-3, -2.686617064501726e-2, 0.11283791670954685,
  -0.3761263890318375, 0.12837916709551256,
];

/** erfc for t ≥ 0; the square in the exponent is taken in two parts. */
function upperErfc(t: Node, power: typeof expInside): Node {
  const high = upperHalf(t);
  const bell = power(neg(mul(high, high)), mul(sub(high, t), add(t, high)));
  const ratio = div(polynomial(div(sub(t, 4), add(t, 4)), ...ERFC), add(mul(t, 2), 1));
  return mul(bell, ratio);
}

const nearErf = (x: Node): Node => fma(x, polynomial(square(x), ...ERF), x);

export function erf(x: Node): Node {
  const size = abs(x);
  const far = withSign(sub(1, upperErfc(pmin(size, 7), expInside)), x);
  return select(lt(size, 0.85), nearErf(x), select(isNan(x), x, far));
}

export function erfc(x: Node): Node {
  const size = abs(x);
  const tail = upperErfc(pmin(size, 27.5), exp);
  return select(lt(size, 0.5), sub(1, nearErf(x)), select(lt(x, 0), sub(2, tail), tail));
}

/** From |y| and 1 - |y|: Halley's method from Winitzki's estimate, on erfc where y is near 1. */
function inverseErf(size: Node, rest: Node): Node {
  const l = log(mul(rest, add(size, 1)));
  const a = add(mul(l, 0.5), 2 / (Math.PI * 0.147));
  const start = sqrt(sub(sqrt(sub(mul(a, a), div(l, 0.147))), a));
  const step = (x: Node): Node => {
    const difference = select(lt(size, 0.5), sub(erf(x), size), sub(rest, erfc(x)));
    const u = div(difference, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI)));
    return sub(x, div(u, add(mul(x, u), 1)));
  };
  const small = mul(size, Math.sqrt(Math.PI) / 2);
  const inside = select(lt(size, 1e-8), small, step(step(step(start))));
  return select(gt(rest, 0), inside, select(eq(rest, 0), f64(INFINITY), Number.NaN));
}

export function erfinv(y: Node): Node {
  return withSign(inverseErf(abs(y), sub(1, abs(y))), y);
}

export function ndtri(p: Node): Node {
  const y = sub(mul(p, 2), 1);
  return withSign(mul(inverseErf(abs(y), mul(pmin(p, sub(1, p)), 2)), Math.SQRT2), y);
}

/** sin(πx): the remainder is exact, so zeros are where they belong. */
function sinPi(x: Node): Node {
  const whole = nearest(x);
  const value = sin(mul(sub(x, whole), Math.PI));
  const odd = ne(mul(nearest(mul(whole, 0.5)), 2), whole);
  return select(odd, neg(value), value);
}

/** Of log Γ(x): the rest of Stirling's formula times x, in 1/x², from 8 on (Sun's fit). */
const STIRLING = [
  -1.6309293409657527e-3, 8.363399189962821e-4, -5.9518755745034e-4, 7.936505586430196e-4, -2.7777777772877554e-3,
  8.333333333333297e-2,
];
/** log Γ(x + 2) / x from 0 to 1: Moshier's ratio of polynomials. */
const ABOVE_2 = [
  -1378.2515256912086, -38801.631513463784, -331612.9927388712, -1162370.974927623, -1721737.0082083966,
  -853555.6642457654,
];
const BELOW_2 = [
  1, -351.81570143652345, -17064.210665188115, -220528.59055385445, -1139334.4436798252, -2532523.0717758294,
  -2018891.4143353277,
];

/** log Γ(x) for x ≥ 1: below 8 that of its like between 2 and 3, and the logarithm of the factors between them. */
function lgammaAbove(x: Node): Node {
  let [u, product] = [x, f64(1)];
  for (let i = 0; i < 5; i++) {
    const above = ge(u, 3);
    u = select(above, sub(u, 1), u);
    product = select(above, mul(product, u), product);
  }
  const [below, far] = [lt(x, 2), ge(x, 8)];
  const l = log(select(or(below, far), x, product));
  const rest = select(below, sub(x, 1), sub(u, 2));
  const near = mul(rest, div(polynomial(rest, ...ABOVE_2), polynomial(rest, ...BELOW_2)));
  const r = div(1, x);
  const main = add(mul(sub(x, 0.5), sub(l, 1)), Math.log(2 * Math.PI) / 2 - 0.5);
  const stirling = add(main, mul(r, polynomial(mul(r, r), ...STIRLING)));
  return select(far, stirling, select(below, sub(near, l), add(near, l)));
}

/** log |Γ(x)|: from that of x + 1 below 1, with the reflection below 0. */
export function lgamma(x: Node): Node {
  const size = abs(x);
  const below = lt(x, 1);
  const reflected = lt(x, 0);
  const value = lgammaAbove(select(reflected, sub(1, x), select(below, add(x, 1), x)));
  const part = log(select(reflected, mul(abs(sinPi(x)), 1 / Math.PI), size));
  const pole = and(eq(x, floor(x)), below);
  const infinite = or(eq(size, INFINITY), pole);
  return select(infinite, f64(INFINITY), select(below, sub(select(reflected, neg(value), value), part), value));
}

/** Adds `term(z)` and moves on to z + 1 until z ≥ 10, where asymptotic series hold. */
function climb(x: Node, term: (z: Node) => Node): { readonly z: Node; readonly sum: Node } {
  let z = x;
  let sum = f64(0);
  for (let i = 0; i < 10; i++) {
    const below = lt(z, 10);
    sum = select(below, add(sum, term(z)), sum);
    z = select(below, add(z, 1), z);
  }
  return { z, sum };
}

/** The derivative of lgamma. */
export function digamma(x: Node): Node {
  const reflected = lt(x, 0);
  const { z, sum } = climb(select(reflected, sub(1, x), x), (y) => div(1, y));
  const r = div(1, mul(z, z));
  const series = mul(r, polynomial(r, 1 / 12, -691 / 32760, 1 / 132, -1 / 240, 1 / 252, -1 / 120, 1 / 12));
  const value = sub(sub(sub(log(z), div(0.5, z)), series), sum);
  const turn = mul(sub(x, nearest(x)), Math.PI);
  const mirror = sub(value, div(Math.PI, tan(turn)));
  const pole = and(reflected, eq(x, floor(x)));
  return select(
    eq(x, 0),
    copySign(f64(INFINITY), neg(x)),
    select(pole, f64(Number.NaN), select(reflected, mirror, value)),
  );
}

/** The derivative of digamma. */
export function trigamma(x: Node): Node {
  const reflected = lt(x, 0.5);
  const { z, sum } = climb(select(reflected, sub(1, x), x), (y) => div(1, mul(y, y)));
  const r = div(1, mul(z, z));
  const series = mul(polynomial(r, 7 / 6, -691 / 2730, 5 / 66, -1 / 30, 1 / 42, -1 / 30, 1 / 6), r);
  const value = add(sum, div(add(add(series, 1), div(0.5, z)), z));
  const sine = sinPi(x);
  return select(reflected, sub(div(Math.PI ** 2, mul(sine, sine)), value), value);
}
