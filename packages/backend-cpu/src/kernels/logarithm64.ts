/** Logarithms in float64 over whole vectors and the full range, within a unit of the last place, and what is made of them. */

import { heap } from "../runtime/index.ts";
import { LN2_HIGH, LN2_LOW } from "./exponential64.ts";
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
  upperHalf,
  withSign,
} from "./expression.ts";
import { extended } from "./patches.ts";
import { lookup, ROW_BYTES, ROWS, table } from "./tables.ts";

const INFINITY = Number.POSITIVE_INFINITY;
const i64 = (value: bigint): Node => constant("i64", value);
const EXPONENT = 0x7ff0000000000000n;
/** Bits of a number that say its row. */
const ROW = 44;
/** Where the first row begins, near the root of a half; 1 lies in the middle of one. */
const FIRST = 0x3fe6a80000000000n;

/**
 * For each row a number k / 512 near the inverse of those in it, its exponent raised by 1023, and minus its logarithm, a multiple of 2⁻⁴² first, to which
 * multiples of `LN2_HIGH` are added exactly; in as many rows more what is left of it.
 */
const logarithms = table(2 * ROWS, (start) => {
  const sums = [0n];
  for (let k = 256; k < 724; k++) sums.push(sums.at(-1)! + 2n * inverseArtanh(BigInt(2 * k + 1)));
  for (let row = 0; row < ROWS; row++) {
    const at = start + 2 * row;
    heap.i64[at] = FIRST + (BigInt(2 * row + 1) << BigInt(ROW - 1));
    const k = Math.round(512 / heap.f64[at]!);
    const size = sums[256]! - sums[k - 256]!;
    const high = (size + (1n << 77n)) >> 78n;
    heap.f64[at] = k / 512;
    heap.i64[at]! += 1023n << 52n;
    heap.f64[at + 1] = Number(high) * 2 ** -42;
    heap.f64[at + 2 * ROWS] = Number(size - (high << 78n)) * 2 ** -120;
  }
});

/** artanh(1 / n) · 2¹²⁰ */
function inverseArtanh(n: bigint): bigint {
  let sum = 0n;
  for (let power = (1n << 120n) / n, k = 1n; power; power /= n * n, k += 2n) sum += power / k;
  return sum;
}

/** log x = e ln 2 + high + lost + log(1 + r). */
export interface Logarithm {
  readonly e: Node;
  readonly high: Node;
  readonly lost: Node;
  readonly r: Node;
}

/** Of x, or 1 + x, where that is a positive normal number below 2¹⁰²². Products with halves of x are exact, and so is r, nearly. */
export function splitLogarithm(x: Node, plus: 0 | 1 = 0): Logarithm {
  const word = add(bits(plus ? add(x, 1) : x), i64(0x3ff0000000000000n - FIRST));
  const exponent = float(or(shrUnsigned(word, 52), i64(0x4330000000000000n)));
  const column = (offset: number): Node => lookup(word, logarithms() + offset, ROW);
  const inverse = float(sub(bits(column(0)), and(word, i64(EXPONENT))));
  const upper = upperHalf(x);
  return {
    e: sub(exponent, 2 ** 52 + 1023),
    high: column(8),
    lost: column(ROWS * ROW_BYTES),
    r: fma(sub(x, upper), inverse, fma(upper, inverse, plus ? sub(inverse, 1) : -1)),
  };
}

/** The same for all positive numbers. */
export function splitAnyLogarithm(x: Node): Logarithm {
  const small = lt(x, 1);
  const { e, ...parts } = splitLogarithm(mul(x, select(small, constant("f64", 2 ** 54), 2 ** -54)));
  return { e: add(e, select(small, constant("f64", -54), 54)), ...parts };
}

/** Negative where x is no positive normal number below 2¹⁰²². */
export function isUnusual(x: Node): Node {
  const word = bits(x);
  return or(sub(word, i64(0x10000000000000n)), sub(i64(0x7fcfffffffffffffn), word));
}

/** 1/√x as in float32, with a step to the third order between. */
export function rsqrt(x: Node): Node {
  const guess = float(sub(i64(0x5fe2222500000000n), shrUnsigned(bits(x), 1)));
  const u = mul(mul(x, guess), guess);
  const near = mul(guess, fma(sub(u, 2.253305673599243), u, 2.2825191020965576));
  const error = fma(mul(x, near), near, -1);
  const nearer = fma(mul(near, error), fma(error, 0.375, -0.5), near);
  const minusHalf = float(add(bits(nearer), i64(EXPONENT)));
  const value = fma(minusHalf, fma(mul(x, nearer), nearer, -1), nearer);
  return patch(isUnusual(x), value, (y) => div(1, sqrt(y)), x);
}

/** A logarithm from what it is for positive numbers. */
function logarithm(x: Node, of: (parts: Logarithm) => Node): Node {
  const careful = (y: Node): Node => {
    const outside = select(eq(y, 0), constant("f64", -INFINITY), Number.NaN);
    return select(gt(y, 0), select(lt(y, INFINITY), of(splitAnyLogarithm(y)), y), outside);
  };
  return extended(isUnusual(x), of(splitLogarithm(x)), careful, x);
}

/** What is small in a logarithm, without multiples of log 2. */
function restOf({ r, lost }: Logarithm): Node {
  const p = polynomial(r, -0.166668666282655, 0.20000164977373427, -0.24999999999077915, 0.33333333332909953, -0.5);
  return fma(square(r), p, lost);
}

function logOf(parts: Logarithm): Node {
  const { e, high, r } = parts;
  return add(fma(e, LN2_HIGH, high), add(r, fma(e, LN2_LOW, restOf(parts))));
}

export function log(x: Node): Node {
  return logarithm(x, logOf);
}

/** log₂ e = 1 + 0.4427: the 1 is not multiplied. */
export function log2(x: Node): Node {
  const part = Math.LOG2E - 1;
  return logarithm(x, (parts) => {
    const { e, high, r } = parts;
    const rest = restOf(parts);
    return add(add(e, high), add(r, fma(add(high, r), part, fma(rest, part, rest))));
  });
}

export function log10(x: Node): Node {
  const [upper, lower, twoHigh, twoLow] = [0.43359375, 7.007319032518276e-4, 0.30102999566383914, 1.42050232272661e-13];
  return logarithm(x, (parts) => {
    const { e, high, r } = parts;
    const small = fma(e, twoLow, fma(add(high, r), lower, mul(restOf(parts), Math.LOG10E)));
    return fma(e, twoHigh, fma(high, upper, fma(r, upper, small)));
  });
}

export function log1p(x: Node): Node {
  const careful = (y: Node): Node => select(eq(y, -1), constant("f64", -INFINITY), log(y));
  const value = logOf(splitLogarithm(x, 1));
  return patch(isUnusual(add(x, 1)), withSign(value, x), careful, x);
}

/** Beyond it 1 disappears in squares, which may be infinite. */
const LARGE = 2 ** 500;
const logTwice = (x: Node): Node => add(log(x), Math.LN2);

export function asinh(x: Node): Node {
  const size = abs(x);
  const value = log1p(add(size, div(square(size), add(sqrt(add(square(size), 1)), 1))));
  return patch(beyond(x, LARGE), withSign(value, x), (y) => withSign(logTwice(abs(y)), y), x);
}

export function acosh(x: Node): Node {
  const t = sub(x, 1);
  const value = log1p(add(t, sqrt(fma(t, t, mul(t, 2)))));
  const far = (y: Node): Node => select(ge(y, 1), logTwice(y), Number.NaN);
  return patch(or(bits(t), beyond(x, LARGE)), value, far, x);
}

export function atanh(x: Node): Node {
  const size = abs(x);
  return withSign(mul(log1p(div(mul(size, 2), sub(1, size))), 0.5), x);
}
