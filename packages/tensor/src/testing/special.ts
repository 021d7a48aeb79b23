/** Special functions in float64, by series and recurrences: slow and plain, to compare fast kernels with. */

/** Series below 3, continued fraction (Lentz) above. @see Abramowitz & Stegun 7.1.5, 7.1.14 */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (size > 6) return Math.sign(x);
  if (size > 3) return Math.sign(x) * (1 - erfc(size));
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

export function erfc(x: number): number {
  if (Number.isNaN(x) || x < 3) return 1 - erf(x);
  if (x === Number.POSITIVE_INFINITY) return 0;
  let fraction = x;
  for (let k = 120; k > 0; k--) fraction = x + k / 2 / fraction;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction;
}

/** Newton's method on erf from Winitzki's estimate. */
export function erfinv(y: number): number {
  if (Math.abs(y) >= 1) return Math.abs(y) === 1 ? y * Number.POSITIVE_INFINITY : Number.NaN;
  const l = Math.log(1 - y * y);
  const a = 2 / (Math.PI * 0.147) + l / 2;
  let x = Math.sign(y) * Math.sqrt(Math.sqrt(a * a - l / 0.147) - a);
  for (let i = 0; i < 4; i++) x -= (erf(x) - y) / ((2 / Math.sqrt(Math.PI)) * Math.exp(-x * x));
  return x;
}

/** Newton's method on the logarithm of a tail, from where its density is about p. */
export function ndtri(p: number): number {
  if (!(p >= 0 && p <= 1)) return Number.NaN;
  if (p > 0.5) return -ndtri(1 - p);
  if (p === 0 || p >= 0.01) return erfinv(2 * p - 1) * Math.SQRT2;
  const goal = Math.log(p);
  const size = Math.sqrt(-2 * goal);
  let x = size - (Math.log(size) + Math.log(2 * Math.PI) / 2) / size;
  for (let i = 0; i < 4; i++) {
    const share = erfc(x * Math.SQRT1_2) / 2;
    x += ((Math.log(share) - goal) * share * Math.sqrt(2 * Math.PI)) / Math.exp((-x * x) / 2);
  }
  return -x;
}

/** log |Γ(x)|: Stirling's series above 10, the recurrence and the reflection below. */
export function lgamma(x: number): number {
  if (x <= 0 && Number.isInteger(x)) return Number.POSITIVE_INFINITY;
  if (x < 0.5) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))) - lgamma(1 - x);
  let shift = 0;
  let z = x;
  for (; z < 10; z++) shift += Math.log(z);
  const r = 1 / (z * z);
  const series = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r / 1188)))) / z;
  return (z - 0.5) * Math.log(z) - z + Math.log(2 * Math.PI) / 2 + series - shift;
}

/** The derivative of lgamma. */
export function digamma(x: number): number {
  if (x === 0) return Object.is(x, -0) ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  if (x < 0) return Number.isInteger(x) ? Number.NaN : digamma(1 - x) - Math.PI / Math.tan(Math.PI * x);
  let sum = 0;
  let z = x;
  for (; z < 10; z++) sum -= 1 / z;
  const r = 1 / (z * z);
  return sum + Math.log(z) - 0.5 / z - r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r / 132))));
}

/** The derivative of digamma. */
export function trigamma(x: number): number {
  if (x < 0.5) return (Math.PI / Math.sin(Math.PI * x)) ** 2 - trigamma(1 - x);
  let sum = 0;
  let z = x;
  for (; z < 10; z++) sum += 1 / (z * z);
  const r = 1 / (z * z);
  return sum + 1 / z + r / 2 + (r * (1 / 6 - r * (1 / 30 - r * (1 / 42 - r * (1 / 30 - (r * 5) / 66))))) / z;
}
