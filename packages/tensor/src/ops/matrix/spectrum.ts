/** Eigenvalues and singular values of one matrix by Jacobi's rotations: slow but accurate, and simple. */
import { type Dense, identity, transposed } from "./dense.ts";

export type { Dense };

const sweeps = 60;

/** Eigenvalues of a symmetric matrix, ascending, and its eigenvectors as columns. */
export function eigh(matrix: Dense, n: number): { values: Float64Array; vectors: Dense } {
  const a = matrix.slice();
  const v = identity(n);
  const scale = Math.max(...a.map(Math.abs), 0);
  for (let sweep = 0; sweep < sweeps && offDiagonal(a, n) > 1e-16 * scale; sweep++) {
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotateSymmetric(a, v, n, p, q);
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[i * n + i]! - a[j * n + j]!);
  return {
    values: Float64Array.from(order, (i) => a[i * n + i]!),
    vectors: Float64Array.from({ length: n * n }, (_, at) => v[Math.floor(at / n) * n + order[at % n]!]!),
  };
}

function offDiagonal(a: Dense, n: number): number {
  let most = 0;
  for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) most = Math.max(most, Math.abs(a[i * n + j]!));
  return most;
}

/** Makes the element (p, q) zero. */
function rotateSymmetric(a: Dense, v: Dense, n: number, p: number, q: number): void {
  const apq = a[p * n + q]!;
  if (apq === 0) return;
  const [c, s] = rotation((a[q * n + q]! - a[p * n + p]!) / (2 * apq));
  for (let k = 0; k < n; k++) turn(a, k * n + p, k * n + q, c, s);
  for (let k = 0; k < n; k++) turn(a, p * n + k, q * n + k, c, s);
  for (let k = 0; k < n; k++) turn(v, k * n + p, k * n + q, c, s);
}

/** Cosine and sine of the smaller angle with cot 2θ = theta. */
function rotation(theta: number): [cosine: number, sine: number] {
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  return [c, t * c];
}

function turn(a: Dense, i: number, j: number, c: number, s: number): void {
  const [x, y] = [a[i]!, a[j]!];
  a[i] = c * x - s * y;
  a[j] = s * x + c * y;
}

export interface SVD {
  /** rows × k */
  readonly u: Dense;
  /** k = min(rows, columns) values, descending. */
  readonly s: Float64Array;
  /** columns × k */
  readonly v: Dense;
}

/** A = U diag(s) Vᵀ, by one-sided rotations that make the columns orthogonal. */
export function svd(matrix: Dense, rows: number, columns: number): SVD {
  if (rows < columns) {
    const { u, s, v } = svd(transposed(matrix, rows, columns), columns, rows);
    return { u: v, s, v: u };
  }
  const a = matrix.slice();
  const v = identity(columns);
  for (let sweep = 0, turned = true; turned && sweep < sweeps; sweep++) {
    turned = false;
    for (let p = 0; p < columns; p++) {
      for (let q = p + 1; q < columns; q++) turned = orthogonalize(a, v, rows, columns, p, q) || turned;
    }
  }
  const norms = Array.from({ length: columns }, (_, j) => columnNorm(a, rows, columns, j));
  const order = norms.map((_, j) => j).sort((i, j) => norms[j]! - norms[i]!);
  const pick = (m: Dense, size: number, scaled: boolean): Dense =>
    Float64Array.from({ length: size * columns }, (_, at) => {
      const j = order[at % columns]!;
      const x = m[Math.floor(at / columns) * columns + j]!;
      return scaled ? (norms[j] === 0 ? 0 : x / norms[j]!) : x;
    });
  const u = complete(pick(a, rows, true), rows, columns);
  return { u, s: Float64Array.from(order, (j) => norms[j]!), v: pick(v, columns, false) };
}

function columnNorm(a: Dense, rows: number, columns: number, j: number): number {
  let norm = 0;
  for (let i = 0; i < rows; i++) norm = Math.hypot(norm, a[i * columns + j]!);
  return norm;
}

function orthogonalize(a: Dense, v: Dense, rows: number, columns: number, p: number, q: number): boolean {
  let [alpha, beta, gamma] = [0, 0, 0];
  for (let i = 0; i < rows; i++) {
    const [x, y] = [a[i * columns + p]!, a[i * columns + q]!];
    alpha += x * x;
    beta += y * y;
    gamma += x * y;
  }
  if (Math.abs(gamma) <= 1e-16 * Math.sqrt(alpha * beta) || gamma === 0) return false;
  const [c, s] = rotation((beta - alpha) / (2 * gamma));
  for (let i = 0; i < rows; i++) turn(a, i * columns + p, i * columns + q, c, s);
  for (let i = 0; i < columns; i++) turn(v, i * columns + p, i * columns + q, c, s);
  return true;
}

/** Zero columns (of zero singular values) become unit vectors orthogonal to the others. */
function complete(u: Dense, rows: number, columns: number): Dense {
  for (let j = 0; j < columns; j++) {
    for (let e = 0; e < rows && columnNorm(u, rows, columns, j) < 0.5; e++) {
      for (let i = 0; i < rows; i++) u[i * columns + j] = i === e ? 1 : 0;
      for (let other = 0; other < columns; other++) if (other !== j) project(u, rows, columns, j, other);
      const norm = columnNorm(u, rows, columns, j);
      for (let i = 0; i < rows; i++) u[i * columns + j] = norm > 1e-6 ? u[i * columns + j]! / norm : 0;
    }
  }
  return u;
}

function project(u: Dense, rows: number, columns: number, j: number, other: number): void {
  let dot = 0;
  for (let i = 0; i < rows; i++) dot += u[i * columns + j]! * u[i * columns + other]!;
  for (let i = 0; i < rows; i++) u[i * columns + j]! -= dot * u[i * columns + other]!;
}

/** size × (size − k): what makes the k orthonormal columns of `u` a whole basis. */
export function beyond(u: Dense, size: number, k: number): Dense {
  const wide = Float64Array.from({ length: size * size }, (_, at) =>
    at % size < k ? u[Math.floor(at / size) * k + (at % size)]! : 0,
  );
  const basis = complete(wide, size, size);
  const rest = size - k;
  return Float64Array.from({ length: size * rest }, (_, at) => basis[Math.floor(at / rest) * size + k + (at % rest)]!);
}
