/** Eigenvalues of symmetric matrices: a tridiagonal matrix by reflections, whose other diagonals implicit shifts wear away. */
import type { Block, Products } from "./block.ts";
import { basis, Reflections, reflector } from "./reflections.ts";
import { Rotating, TINY, Turns, wearAway } from "./rotations.ts";

/** Eigenvalues in any order, and eigenvectors as rows if asked for. */
export interface Eigen {
  readonly values: Float64Array;
  readonly rows: Block | null;
}

/**
 * Finds those of symmetric matrices from their upper triangles, which it uses up; `null` where sweeps do not end. The next call
 * writes over its result.
 */
export function eigenOf(n: number, vectors: boolean, products: Products): (a: Block) => Eigen | null {
  const [values, beside, scratch] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  const made = new Reflections(Math.max(n - 1, 0), n);
  const turns = new Turns(n);
  const rotating = vectors ? new Rotating(n, n, products) : null;
  return (a) => {
    tridiagonalize(a, values, beside, made, scratch);
    if (rotating) basis(rotating.rows, made, products, false);
    const done = wearAway(values, beside, (low, high) => {
      const end = sweep(values, beside, low, high, turns);
      rotating?.sweep(low, end, turns);
    });
    if (!done) return null;
    rotating?.finish();
    return { values, rows: rotating?.rows ?? null };
  };
}

/** One row after the other becomes a diagonal element and one beside it. */
function tridiagonalize(
  { data: a, at, rows: n, row }: Block,
  diagonal: Float64Array,
  beside: Float64Array,
  made: Reflections,
  scratch: Float64Array,
): void {
  const { data: v } = made.v;
  for (let k = 0; k < n - 1; k++) {
    const line = at + k * row;
    diagonal[k] = a[line + k]!;
    for (let j = k + 1; j < n; j++) v[k * n + j] = a[line + j]!;
    beside[k] = reflector(made, k, k + 1);
    if (made.taus[k] !== 0) reflectBoth(a, at, row, n, k + 1, v, k * n, made.taus[k]!, scratch);
  }
  if (n > 0) diagonal[n - 1] = a[at + (n - 1) * (row + 1)]!;
}

/** H A H for the upper triangle from row and column `k` on: A − vᵀ w − wᵀ v, with w = τ (v A − τ/2 (v A vᵀ) v). */
function reflectBoth(
  a: Float64Array,
  at: number,
  row: number,
  n: number,
  k: number,
  v: Float64Array,
  from: number,
  tau: number,
  w: Float64Array,
): void {
  w.fill(0, k, n);
  for (let i = k; i < n; i++) {
    const line = at + i * row;
    const x = v[from + i]!;
    let sum = a[line + i]! * x;
    for (let j = i + 1; j < n; j++) {
      sum += a[line + j]! * v[from + j]!;
      w[j]! += a[line + j]! * x;
    }
    w[i]! += sum;
  }
  let dot = 0;
  for (let i = k; i < n; i++) dot += w[i]! * v[from + i]!;
  for (let i = k; i < n; i++) w[i] = tau * (w[i]! - (tau / 2) * dot * v[from + i]!);
  for (let i = k; i < n; i++) {
    const line = at + i * row;
    const [x, y] = [v[from + i]!, w[i]!];
    for (let j = i; j < n; j++) a[line + j]! -= x * w[j]! + y * v[from + j]!;
  }
}

/** One implicit step of Q R with Wilkinson's shift, from `low` to `high`; the row where it ended. */
function sweep(d: Float64Array, e: Float64Array, low: number, high: number, { cosines, sines }: Turns): number {
  const apart = (d[high - 1]! - d[high]!) / (2 * e[high - 1]!);
  const root = Math.hypot(apart, 1);
  let g = d[low]! - d[high]! + e[high - 1]! / (apart + (apart < 0 ? -root : root));
  let [c, s, p] = [1, 1, 0];
  for (let i = low; i < high; i++) {
    const f = s * e[i]!;
    const b = c * e[i]!;
    const square = f * f + g * g;
    const r = square < TINY ? 0 : Math.sqrt(square);
    if (i > low) e[i - 1] = r;
    if (r === 0) {
      d[i]! -= p;
      return i;
    }
    s = f / r;
    c = g / r;
    g = d[i]! - p;
    const q = (d[i + 1]! - g) * s + 2 * c * b;
    p = s * q;
    d[i] = g + p;
    g = c * q - b;
    cosines[i] = c;
    sines[i] = s;
  }
  d[high]! -= p;
  e[high - 1] = g;
  return high;
}
