/** Inverses of trigonometric functions in float64 over whole vectors, within a unit of the last place or two. */
import {
  abs,
  add,
  beyond,
  constant,
  copySign,
  div,
  fma,
  gt,
  host,
  isNegative,
  le,
  lt,
  mul,
  type Node,
  patch,
  pmax,
  pmin,
  polynomial,
  select,
  sqrt,
  square,
  sub,
  withSign,
} from "./expression.ts";

const LARGE = 2 ** 1000;
const HALF_PI = Math.PI / 2;
const HALF_PI_REST = 6.123233995736766e-17;

/** A quarter turn less an angle, without the rounding of π / 2. */
function complement(angle: Node): Node {
  return sub(HALF_PI, sub(angle, HALF_PI_REST));
}

/** The angle in a right triangle with these legs, both ≥ 0. Far from both ends it is what is left to π / 4. */
function angleOf(opposite: Node, adjacent: Node, more = pmax(adjacent, opposite)): Node {
  const less = pmin(opposite, adjacent);
  const steep = gt(less, mul(more, 0.5));
  const t = div(select(steep, sub(less, more), less), select(steep, add(more, less), more));
  const z = square(t);
  const p = polynomial(z, -8.34793789238928e-3, 2.3625878535856727e-2, -3.709757967307787e-2, 4.5885545246636114e-2, -5.229769958722084e-2, 5.877762728459353e-2, -6.666217983433517e-2, 7.692276998036068e-2, -9.090907665384758e-2, 0.11111111068416461, -0.14285714284958062, 0.1999999999999324, -1 / 3); // biome-ignore format: one list
  const rest = fma(mul(t, z), p, select(steep, constant("f64", HALF_PI_REST / 2), 0));
  const whole = add(add(select(steep, constant("f64", HALF_PI / 2), 0), t), rest);
  return select(gt(opposite, adjacent), complement(whole), whole);
}

export function atan(x: Node): Node {
  return withSign(angleOf(abs(x), constant("f64", 1)), x);
}

/** Two zeros have a quotient if the larger is taken for a little more. Sums of large numbers may be infinite. */
export function atan2(y: Node, x: Node): Node {
  const [opposite, adjacent] = [abs(y), abs(x)];
  const more = pmax(pmax(adjacent, opposite), Number.MIN_VALUE);
  const angle = angleOf(opposite, adjacent, more);
  const turned = select(isNegative(x), sub(2 * HALF_PI, sub(angle, 2 * HALF_PI_REST)), angle);
  return patch(beyond(more, LARGE), copySign(turned, y), (a, b) => host("atan2", a, b), y, x);
}

/** asin |x| up to 1/2, as t + rest; beyond it the half of what is left to a quarter turn. */
function arc(x: Node): { readonly small: Node; readonly t: Node; readonly rest: Node } {
  const small = le(abs(x), 0.5);
  const half = fma(abs(x), -0.5, 0.5);
  const u = select(small, square(x), half);
  const t = select(small, abs(x), sqrt(half));
  const p = polynomial(u, 3.193490874256203e-2, -1.6256692265087296e-2, 1.954854710207837e-2, 6.52071340054857e-3, 1.217085439305134e-2, 1.3884991135153305e-2, 1.7359728863022273e-2, 2.237175649807065e-2, 3.0381959199620962e-2, 4.464285682686498e-2, 7.500000000338712e-2, 0.16666666666665403); // biome-ignore format: one list
  return { small, t, rest: mul(mul(u, t), p) };
}

export function asin(x: Node): Node {
  const { small, t, rest } = arc(x);
  const far = sub(sub(HALF_PI, mul(t, 2)), sub(mul(rest, 2), HALF_PI_REST));
  return withSign(select(small, add(t, rest), far), x);
}

export function acos(x: Node): Node {
  const { small, t, rest } = arc(x);
  const angle = add(t, rest);
  const twice = mul(angle, 2);
  const far = select(lt(x, 0), sub(2 * HALF_PI, sub(twice, 2 * HALF_PI_REST)), twice);
  return select(small, complement(copySign(angle, x)), far);
}
