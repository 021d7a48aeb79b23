/** Logarithms in float64 over whole vectors and the full range, within a unit of the last place, and what is made of them. */

import { LN2_HIGH, LN2_LOW } from "./exponential64.ts";
import {
  abs,
  add,
  and,
  beyond,
  bits,
  constant,
  copySign,
  div,
  eq,
  float,
  fma,
  ge,
  gt,
  lt,
  mul,
  type Node,
  or,
  patch,
  polynomial,
  select,
  shrUnsigned,
  sqrt,
  square,
  sub,
} from "./expression.ts";

const INFINITY = Number.POSITIVE_INFINITY;
const i64 = (value: bigint): Node => constant("i64", value);
const EXPONENT = 0x7ff0000000000000n;
const SQRT_HALF = 0x3fe6a09e667f3bcdn;

interface Logarithm {
  /** x = 2ᵉ (1 + f), and log(1 + f) = f + rest. */
  readonly e: Node;
  readonly f: Node;
  readonly rest: Node;
}

/** A positive normal number as 2ᵉ m, with m about 1, and `word`, where e + 1023 are the upper bits. */
export function splitNumber(x: Node): { readonly e: Node; readonly m: Node; readonly word: Node } {
  const word = add(bits(x), i64(0x3ff0000000000000n - SQRT_HALF));
  const exponent = float(or(shrUnsigned(word, 52), i64(0x4330000000000000n)));
  const m = float(add(and(word, i64(0xfffffffffffffn)), i64(SQRT_HALF)));
  return { e: sub(exponent, 2 ** 52 + 1023), m, word };
}

/** Of x + `more` for positive normal numbers x, which for a `more` other than 0 are below 2¹⁰²². */
function splitLogarithm(x: Node, more?: Node): Logarithm {
  const { e, m, word } = splitNumber(x);
  const whole = sub(m, 1);
  const f = more ? fma(more, float(sub(i64(0x7fe0000000000000n), and(word, i64(EXPONENT)))), whole) : whole;
  const s = div(f, add(f, 2));
  const z = square(s);
  const p = polynomial(z, 0.1479610704723793, 0.15314035732520348, 0.18183564867836643, 0.22222198563534173, 0.28571428742473465, 0.3999999999941433, 0.6666666666666734); // biome-ignore format: one list
  const half = mul(square(f), -0.5);
  return { e, f, rest: fma(s, fma(z, p, mul(square(f), 0.5)), half) };
}

/** Negative where x is no positive normal number. */
export function isUnusual(x: Node): Node {
  const word = bits(x);
  return or(sub(word, i64(0x10000000000000n)), sub(i64(EXPONENT - 1n), word));
}

/** A logarithm from what it is for positive normal numbers. */
function logarithm(x: Node, of: (parts: Logarithm) => Node): Node {
  const careful = (y: Node): Node => {
    const subnormal = lt(y, 2 ** -1022);
    const { e, ...parts } = splitLogarithm(select(subnormal, mul(y, 2 ** 54), y));
    const value = of({ e: sub(e, select(subnormal, constant("f64", 54), 0)), ...parts });
    const outside = select(eq(y, 0), constant("f64", -INFINITY), Number.NaN);
    return select(gt(y, 0), select(lt(y, INFINITY), value, y), outside);
  };
  return patch(isUnusual(x), of(splitLogarithm(x)), careful, x);
}

const logOf = ({ e, f, rest }: Logarithm): Node => fma(e, LN2_HIGH, add(f, fma(e, LN2_LOW, rest)));

export function log(x: Node): Node {
  return logarithm(x, logOf);
}

/** log₂ e = 1 + 0.4427: the 1 is not multiplied. */
export function log2(x: Node): Node {
  const part = Math.LOG2E - 1;
  return logarithm(x, ({ e, f, rest }) => add(add(fma(f, part, fma(rest, part, rest)), f), e));
}

export function log10(x: Node): Node {
  const [high, twoHigh, twoLow] = [0.43359375, 0.30102999566383914, 1.42050232272661e-13];
  return logarithm(x, ({ e, f, rest }) => {
    const low = mul(add(f, rest), 7.007319032518276e-4);
    return fma(e, twoHigh, fma(f, high, fma(rest, high, fma(e, twoLow, low))));
  });
}

/** log(1 + x): what rounding 1 + x lost is put back into the fraction. */
export function log1p(x: Node): Node {
  const u = add(x, 1);
  const back = sub(u, 1);
  const lost = add(sub(1, sub(u, back)), sub(x, back));
  const word = bits(u);
  const unusual = or(sub(word, i64(1n)), sub(i64(0x7fd0000000000000n), word));
  const careful = (y: Node): Node => select(eq(y, -1), constant("f64", -INFINITY), log(y));
  return patch(unusual, copySign(logOf(splitLogarithm(u, lost)), x), careful, x);
}

/** Beyond it 1 disappears in squares, which may be infinite. */
const LARGE = 2 ** 500;
const logTwice = (x: Node): Node => add(log(x), Math.LN2);

export function asinh(x: Node): Node {
  const size = abs(x);
  const value = log1p(add(size, div(square(size), add(sqrt(add(square(size), 1)), 1))));
  return patch(beyond(x, LARGE), copySign(value, x), (y) => copySign(logTwice(abs(y)), y), x);
}

export function acosh(x: Node): Node {
  const t = sub(x, 1);
  const value = log1p(add(t, sqrt(fma(t, t, mul(t, 2)))));
  const far = (y: Node): Node => select(ge(y, 1), logTwice(y), Number.NaN);
  return patch(or(bits(t), beyond(x, LARGE)), value, far, x);
}

export function atanh(x: Node): Node {
  const size = abs(x);
  return copySign(mul(log1p(div(mul(size, 2), sub(1, size))), 0.5), x);
}
