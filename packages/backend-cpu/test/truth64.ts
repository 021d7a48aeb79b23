/** Functions of float64 numbers to fifty digits, in whole numbers of any size, rounded once: what kernels are measured by. */

/** Bits behind the point. */
const BITS = 256n;
const ONE = 1n << BITS;

const mul = (a: bigint, b: bigint): bigint => (a * b) >> BITS;
const div = (a: bigint, b: bigint): bigint => (a << BITS) / b;
const size = (a: bigint): bigint => (a < 0n ? -a : a);
const lengthOf = (a: bigint): number => a.toString(2).length;

/** A number that is no smaller than 2⁻²⁰⁰, exactly. */
function fixed(x: number): bigint {
  const word = new BigUint64Array(Float64Array.of(x).buffer)[0]!;
  const exponent = Number((word >> 52n) & 2047n);
  const mantissa = (word & 0xfffffffffffffn) | (exponent ? 1n << 52n : 0n);
  const shift = BigInt(Math.max(exponent, 1) - 1075) + BITS;
  const value = shift < 0n ? mantissa >> -shift : mantissa << shift;
  return word >> 63n ? -value : value;
}

/** The nearest float64 to a quotient. */
function rounded(a: bigint, b: bigint = ONE): number {
  if (a === 0n) return 0;
  const sign = a < 0n === b < 0n ? 1 : -1;
  const [num, den] = [size(a), size(b)];
  const exponent = Math.max(lengthOf(num) - lengthOf(den) - 54, -1075);
  const [n, d] = exponent < 0 ? [num << BigInt(-exponent), den] : [num, den << BigInt(exponent)];
  // Two bits more than fit or more, the last of which says whether anything follows.
  const quotient = ((n / d) << 1n) | (n % d ? 1n : 0n);
  const lost = BigInt(Math.max(lengthOf(quotient) - 53, exponent === -1075 ? 2 : 0));
  const kept = quotient >> lost;
  const rest = quotient - (kept << lost);
  const half = lost ? 1n << (lost - 1n) : 0n;
  const up = lost > 0n && (rest > half || (rest === half && kept & 1n));
  const power = Number(lost) + exponent - 1;
  const whole = Number(kept + (up ? 1n : 0n));
  return sign * whole * 2 ** (power >> 1) * 2 ** (power - (power >> 1));
}

/** Σ termₖ until they vanish; each from the one before. */
function series(first: bigint, next: (term: bigint, k: bigint) => bigint): bigint {
  let sum = first;
  for (let term = first, k = 1n; size(term) > 1n; k++) {
    term = next(term, k);
    sum += term;
  }
  return sum;
}

/** artanh(1 / n) and arctan(1 / n). */
const inverse = (n: bigint, sign: bigint): bigint => {
  let [sum, power] = [0n, ONE / n];
  for (let k = 1n; power; k += 2n, power = (sign * power) / (n * n)) sum += power / k;
  return sum;
};
const LN2 = 2n * inverse(3n, 1n);
const PI = 16n * inverse(5n, -1n) - 4n * inverse(239n, -1n);

/** eˣ for x above -100. */
function exp(x: bigint): bigint {
  const n = (x + LN2 / 2n) / LN2 - (x + LN2 / 2n < 0n ? 1n : 0n);
  const r = (x - n * LN2) >> 8n;
  let power = series(ONE, (term, k) => mul(term, r) / k);
  for (let i = 0; i < 8; i++) power = mul(power, power);
  return n < 0n ? power >> -n : power << n;
}

/** Of positive numbers; a step of Newton's method from float64's. */
function log(x: bigint): bigint {
  const e = BigInt(lengthOf(x)) - BITS;
  const m = e < 0n ? x << -e : x >> e;
  const near = fixed(Math.log(rounded(m)));
  const t = mul(m, exp(-near)) - ONE;
  return e * LN2 + near + series(t, (term, k) => (-mul(term, t) * k) / (k + 1n));
}

function sinCos(x: bigint): readonly [sine: bigint, cosine: bigint] {
  const turns = (2n * x + (x < 0n ? -PI : PI) / 2n) / PI;
  const r = x - (turns * PI) / 2n;
  const z = mul(r, r);
  const sine = series(r, (term, k) => -mul(term, z) / (2n * k * (2n * k + 1n)));
  const cosine = series(ONE, (term, k) => -mul(term, z) / (2n * k * (2n * k - 1n)));
  const quadrant = Number(((turns % 4n) + 4n) % 4n);
  const values = [sine, cosine, -sine, -cosine];
  return [values[quadrant]!, values[(quadrant + 1) % 4]!];
}

function sqrt(x: bigint): bigint {
  const wanted = x << BITS;
  if (wanted === 0n) return 0n;
  let root = 1n << BigInt((lengthOf(wanted) >> 1) + 1);
  for (let next = root; ; root = next) {
    next = (root + wanted / root) >> 1n;
    if (next >= root) return root;
  }
}

/** The angle of (x, y), from float64's. */
function angle(y: bigint, x: bigint): bigint {
  const near = fixed(Math.atan2(rounded(y), rounded(x)));
  const [sine, cosine] = sinCos(near);
  const t = div(mul(y, cosine) - mul(x, sine), mul(x, cosine) + mul(y, sine));
  return near + t - mul(t, mul(t, t)) / 3n;
}

/** 2 / √π · e^-x² · Σ 2ᵏ x²ᵏ⁺¹ / (2k + 1)!! */
function erf(x: bigint): bigint {
  const z = mul(x, x);
  const sum = series(x, (term, k) => (2n * mul(term, z)) / (2n * k + 1n));
  return div(2n * div(sum, exp(z)), sqrt(PI));
}

type Function = (x: bigint) => bigint | readonly [numerator: bigint, denominator: bigint];

/** ★ What is told in full. Powers of e are never small: where they would be, they stand below. */
export const truths = {
  exp: (x) => (x < 0n ? [ONE, exp(-x)] : exp(x)),
  exp2: (x) => (x < 0n ? [ONE, exp(mul(-x, LN2))] : exp(mul(x, LN2))),
  expm1: (x) => (x < 0n ? [ONE - exp(-x), exp(-x)] : exp(x) - ONE),
  log,
  log2: (x) => div(log(x), LN2),
  log10: (x) => div(log(x), log(10n * ONE)),
  log1p: (x) => log(ONE + x),
  sin: (x) => sinCos(x)[0],
  cos: (x) => sinCos(x)[1],
  tan: sinCos,
  asin: (x) => angle(x, sqrt(ONE - mul(x, x))),
  acos: (x) => angle(sqrt(ONE - mul(x, x)), x),
  atan: (x) => angle(x, ONE),
  sinh: (x) => (exp(x) - exp(-x)) / 2n,
  cosh: (x) => (exp(x) + exp(-x)) / 2n,
  tanh: (x) => [exp(2n * x) - ONE, exp(2n * x) + ONE],
  asinh: (x) => log(x + sqrt(mul(x, x) + ONE)),
  acosh: (x) => log(x + sqrt(mul(x, x) - ONE)),
  atanh: (x) => log(div(ONE + x, ONE - x)) / 2n,
  sigmoid: (x) => [ONE, ONE + exp(-x)],
  rsqrt: (x) => [ONE, sqrt(x)],
  erf,
  erfc: (x) => ONE - erf(x),
} satisfies Record<string, Function>;

export function truth(op: keyof typeof truths, x: number): number {
  const value = (truths[op] as Function)(fixed(x));
  return typeof value === "bigint" ? rounded(value) : rounded(value[0], value[1]);
}

/** xʸ for positive x. */
export function power(x: number, y: number): number {
  const product = mul(fixed(y), log(fixed(x)));
  return product < 0n ? rounded(ONE, exp(-product)) : rounded(exp(product));
}
