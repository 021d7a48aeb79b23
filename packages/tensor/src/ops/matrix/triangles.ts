/** Triangular factors and systems, in place: halves of the columns in turn, so that most of the work is products. */
import { type Block, type Products, packed, part, place, reversed, subtractRows, turned } from "./block.ts";

/** Columns that are not halved any more. */
const NARROW = 16;

function half(n: number): number {
  return Math.ceil(n / 2 / NARROW) * NARROW;
}

/**
 * Gaussian elimination with the largest pivot of each column: then A has L below the diagonal (ones on it), and U on and
 * above it. Its rows are swapped, and those of B with them; the sign of that permutation.
 */
export function eliminate(a: Block, b: Block | null, products: Products): number {
  return eliminateColumns(a, 0, a.columns, b, products);
}

function eliminateColumns(a: Block, from: number, to: number, b: Block | null, products: Products): number {
  if (to - from <= NARROW) return eliminateNarrow(a, from, to, b);
  const middle = from + half(to - from);
  const [width, rest, below] = [middle - from, to - middle, a.rows - middle];
  const sign = eliminateColumns(a, from, middle, b, products);
  const right = part(a, from, middle, width, rest);
  solveLower(part(a, from, from, width, width), right, true, products);
  products.subtract(part(a, middle, middle, below, rest), part(a, middle, from, below, width), right);
  return sign * eliminateColumns(a, middle, to, b, products);
}

/** Columns `from` … `to` below the row `from`, as a copy: a column of a large matrix lies in few places of a cache. */
function eliminateNarrow(a: Block, from: number, to: number, b: Block | null): number {
  const isWhole = to - from === a.columns;
  const panel = isWhole ? a : packed(part(a, from, from, a.rows - from, to - from));
  let sign = 1;
  for (let k = 0; k < panel.columns; k++) {
    const pivot = eliminateColumn(panel, k);
    if (pivot === k) continue;
    sign = -sign;
    if (!isWhole) swapRows(a, from + k, from + pivot);
    if (b) swapRows(b, from + k, from + pivot);
  }
  if (!isWhole) place(panel, a, from, from);
  return sign;
}

/** The row that became row k. */
function eliminateColumn(a: Block, k: number): number {
  const { data: x, at, rows, columns, row } = a;
  const top = at + k * row;
  const pivot = largest(x, top + k, row, rows - k) + k;
  if (pivot !== k) swapRows(a, k, pivot);
  const head = x[top + k]!;
  if (head === 0) return pivot;
  for (let i = k + 1; i < rows; i++) {
    const line = at + i * row;
    const factor = x[line + k]! / head;
    x[line + k] = factor;
    for (let j = k + 1; j < columns; j++) x[line + j]! -= factor * x[top + j]!;
  }
  return pivot;
}

function largest(x: Float64Array, at: number, step: number, count: number): number {
  let found = 0;
  let most = Math.abs(x[at]!);
  for (let i = 1; i < count; i++) {
    const size = Math.abs(x[at + i * step]!);
    if (size > most) [most, found] = [size, i];
  }
  return found;
}

function swapRows({ data: x, at, columns, row }: Block, i: number, k: number): void {
  const [first, second] = [at + i * row, at + k * row];
  for (let j = 0; j < columns; j++) {
    const kept = x[first + j]!;
    x[first + j] = x[second + j]!;
    x[second + j] = kept;
  }
}

/** B becomes L⁻¹ B; infinite or NaN where L is singular. With `unit` its diagonal counts as ones. */
export function solveLower(l: Block, b: Block, unit: boolean, products: Products): void {
  const n = l.rows;
  if (n <= NARROW) {
    solveRows(l, b, unit);
    return;
  }
  const middle = half(n);
  const top = part(b, 0, 0, middle);
  solveLower(part(l, 0, 0, middle, middle), top, unit, products);
  products.subtract(part(b, middle, 0), part(l, middle, 0, n - middle, middle), top);
  solveLower(part(l, middle, middle), part(b, middle, 0), unit, products);
}

function solveRows({ data, at, row, column }: Block, b: Block, unit: boolean): void {
  const { data: x, columns } = b;
  for (let i = 0; i < b.rows; i++) {
    const line = at + i * row;
    const to = b.at + i * b.row;
    subtractRows(x, to, columns, data, line, column, i, x, b.at, b.row);
    if (unit) continue;
    const head = data[line + i * column]!;
    for (let j = 0; j < columns; j++) x[to + j]! /= head;
  }
}

/** B becomes U⁻¹ B: from its last row on, U is a lower triangle. */
export function solveUpper(u: Block, b: Block, unit: boolean, products: Products): void {
  solveLower(turned(reversed(turned(reversed(u)))), reversed(b), unit, products);
}

/** The upper triangle of A becomes that of U with Uᵀ U = A; whether A is positive definite. */
export function cholesky(a: Block, products: Products): boolean {
  const n = a.rows;
  if (n <= NARROW) return choleskyRows(a);
  const middle = half(n);
  const first = part(a, 0, 0, middle, middle);
  if (!cholesky(first, products)) return false;
  const [right, rest] = [part(a, 0, middle, middle), part(a, middle, middle)];
  solveLower(turned(first), right, false, products);
  products.subtract(rest, turned(right), right);
  return cholesky(rest, products);
}

function choleskyRows({ data: x, at, rows, row }: Block): boolean {
  for (let k = 0; k < rows; k++) {
    const head = at + k * row + k;
    subtractRows(x, head, rows - k, x, at + k, row, k, x, at + k, row);
    if (!(x[head]! > 0)) return false;
    const root = Math.sqrt(x[head]!);
    x[head] = root;
    for (let j = 1; j < rows - k; j++) x[head + j]! /= root;
  }
  return true;
}
