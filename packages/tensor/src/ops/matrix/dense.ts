/**
 * Factorizations of one row-major matrix in float64 on the host. They give the values; derivatives are tensor algebra
 * around them (see expand.ts).
 */

/** Rows × columns elements, row-major. */
export type Dense = Float64Array;

export function identity(n: number): Dense {
  return Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
}

export function transposed(a: Dense, rows: number, columns: number): Dense {
  return Float64Array.from({ length: a.length }, (_, i) => a[(i % rows) * columns + Math.floor(i / rows)]!);
}

export interface LU {
  /** L below the diagonal (ones on it), U on and above it. */
  readonly factors: Dense;
  /** Row `order[i]` of the matrix became row i. */
  readonly order: readonly number[];
  readonly sign: 1 | -1;
}

/** Gaussian elimination with the largest pivot of each column. */
export function lu(matrix: Dense, n: number): LU {
  const a = matrix.slice();
  const order = Array.from({ length: n }, (_, i) => i);
  let sign: 1 | -1 = 1;
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(a[i * n + k]!) > Math.abs(a[pivot * n + k]!)) pivot = i;
    if (pivot !== k) {
      for (let j = 0; j < n; j++) [a[k * n + j], a[pivot * n + j]] = [a[pivot * n + j]!, a[k * n + j]!];
      [order[k], order[pivot]] = [order[pivot]!, order[k]!];
      sign = sign === 1 ? -1 : 1;
    }
    if (a[k * n + k] === 0) continue;
    for (let i = k + 1; i < n; i++) {
      const factor = (a[i * n + k]! /= a[k * n + k]!);
      for (let j = k + 1; j < n; j++) a[i * n + j]! -= factor * a[k * n + j]!;
    }
  }
  return { factors: a, order, sign };
}

/** X with A X = B, by substitution; infinite or NaN where A is singular. */
export function solveLU({ factors: a, order }: LU, n: number, b: Dense, columns: number): Dense {
  const x = new Float64Array(n * columns);
  for (let c = 0; c < columns; c++) {
    for (let i = 0; i < n; i++) {
      let sum = b[order[i]! * columns + c]!;
      for (let j = 0; j < i; j++) sum -= a[i * n + j]! * x[j * columns + c]!;
      x[i * columns + c] = sum;
    }
    for (let i = n - 1; i >= 0; i--) {
      let sum = x[i * columns + c]!;
      for (let j = i + 1; j < n; j++) sum -= a[i * n + j]! * x[j * columns + c]!;
      x[i * columns + c] = sum / a[i * n + i]!;
    }
  }
  return x;
}

/** L with L Lᵀ = A, from the lower triangle; `null` unless A is positive definite. */
export function cholesky(a: Dense, n: number): Dense | null {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= l[i * n + k]! * l[j * n + k]!;
      if (i !== j) l[i * n + j] = sum / l[j * n + j]!;
      else if (sum > 0) l[i * n + i] = Math.sqrt(sum);
      else return null;
    }
  }
  return l;
}

/** Q (rows × rows, orthogonal) and R (rows × columns) by Householder reflections. */
export function qr(matrix: Dense, rows: number, columns: number): { q: Dense; r: Dense } {
  const r = matrix.slice();
  const q = identity(rows);
  for (let k = 0; k < Math.min(rows - 1, columns); k++) {
    const v = new Float64Array(rows);
    let norm = 0;
    for (let i = k; i < rows; i++) norm = Math.hypot(norm, (v[i] = r[i * columns + k]!));
    if (norm === 0) continue;
    v[k]! += v[k]! < 0 ? -norm : norm;
    const scale = 2 / v.reduce((sum, x) => sum + x * x, 0);
    reflect(r, v, scale, rows, columns, 1, columns);
    reflect(q, v, scale, rows, rows, rows, 1);
  }
  for (let i = 1; i < rows; i++) for (let j = 0; j < Math.min(i, columns); j++) r[i * columns + j] = 0;
  return { q, r };
}

/** a − scale · v (vᵀ a) over lines: `across` from one line to the next, `along` within. */
function reflect(a: Dense, v: Dense, scale: number, size: number, lines: number, across: number, along: number): void {
  for (let line = 0; line < lines; line++) {
    let dot = 0;
    for (let i = 0; i < size; i++) dot += v[i]! * a[line * across + i * along]!;
    for (let i = 0; i < size; i++) a[line * across + i * along]! -= scale * dot * v[i]!;
  }
}
