/**
 * Householder reflections 1 − τ vᵀ v, with row vectors v. The product of several, with the first on the left, is 1 − Vᵀ
 * T V, where the rows of V are the vectors and T is upper triangular. So many reflections are applied by matrix
 * products.
 */
import { type Block, blockOf, type Products, part, turned } from "./block.ts";

/** Up to so many reflections are applied one by one. */
const FEW = 24;
/** Recursions that halve a number of reflections stop here. */
const NARROW = 8;

/** Some reflections. The memory can be used again for the next matrix. */
export class Reflections {
  /** A vector in each row. Row k is zero before its k-th element. */
  readonly v: Block;
  readonly taus: Float64Array;
  /** T, if there are enough reflections to apply them together. */
  readonly t: Block | null;

  constructor(count: number, length: number) {
    this.v = blockOf(new Float64Array(count * length), count, length);
    this.taus = new Float64Array(count);
    this.t = count > FEW ? blockOf(new Float64Array(count * count), count, count) : null;
  }
}

/**
 * Finds the reflection that makes all elements of row k of V zero, except the first (at `at`). The row is overwritten
 * by v, and the new first element is returned. If the others are zero already, τ is 0.
 */
export function reflector(made: Reflections, k: number, at: number): number {
  const { data: x, row } = made.v;
  const end = (k + 1) * row;
  const first = x[k * row + at]!;
  let sum = 0;
  for (let i = k * row + at + 1; i < end; i++) sum += x[i]! * x[i]!;
  const square = sum + first * first;
  if (!(square > 1e-280 && square < 1e300)) {
    const exponent = exponentOf(x, k * row + at, end);
    if (exponent !== 0) {
      for (let i = k * row + at; i < end; i++) x[i]! *= 2 ** -exponent;
      return reflector(made, k, at) * 2 ** exponent;
    }
  }
  const left = first < 0 ? Math.sqrt(square) : -Math.sqrt(square);
  const scale = first - left;
  made.taus[k] = sum === 0 ? 0 : -scale / left;
  if (sum !== 0) for (let i = k * row + at + 1; i < end; i++) x[i]! /= scale;
  x[k * row + at] = 1;
  return sum === 0 ? first : left;
}

/** The exponent of the largest element, limited to ±1000; 0 if all elements are 0 or one is not finite. */
export function exponentOf(x: Float64Array, from: number, to: number): number {
  let most = 0;
  for (let i = from; i < to; i++) most = Math.max(most, Math.abs(x[i]!));
  if (!(most > 0 && most < Number.POSITIVE_INFINITY)) return 0;
  return Math.max(-1000, Math.min(1000, Math.floor(Math.log2(most))));
}

/** Applies one reflection to a row. */
function reflectRow(x: Float64Array, to: number, v: Float64Array, at: number, count: number, tau: number): void {
  let dot = 0;
  for (let i = 0; i < count; i++) dot += x[to + i]! * v[at + i]!;
  dot *= tau;
  for (let i = 0; i < count; i++) x[to + i]! -= dot * v[at + i]!;
}

/** Computes the part of T for the reflections `from` … `to`. It must be zero before. */
function join(made: Reflections, products: Products, from: number, to: number): void {
  if (to - from <= NARROW) {
    for (let k = from; k < to; k++) joinOne(made, from, k);
    return;
  }
  const middle = (from + to) >> 1;
  join(made, products, from, middle);
  join(made, products, middle, to);
  joinHalves(made, products, from, middle, to);
}

/** Computes a column of T, −τ T (V vᵀ), and τ on the diagonal. */
function joinOne({ v: { data: v, row }, taus, t }: Reflections, from: number, k: number): void {
  const { data, row: size } = t!;
  data[k * (size + 1)] = taus[k]!;
  for (let p = from; p < k; p++) {
    let dot = 0;
    for (let j = k; j < row; j++) dot += v[p * row + j]! * v[k * row + j]!;
    for (let i = from; i <= p; i++) data[i * size + k]! -= taus[k]! * dot * data[i * size + p]!;
  }
}

/** Computes the part of T that joins two neighbouring products of reflections. */
function joinHalves({ v, t }: Reflections, products: Products, from: number, middle: number, to: number): void {
  const [count, rest] = [middle - from, to - middle];
  const met = products.product(part(v, from, middle, count), turned(part(v, middle, middle, rest)));
  const left = products.product(part(t!, from, from, count, count), met);
  products.subtract(part(t!, from, middle, count, rest), left, part(t!, middle, middle, rest, rest));
}

/** Applies the reflections `from` … `to` to the rows of A, in this order. */
function reflect(a: Block, { v, t }: Reflections, products: Products, from: number, to: number): void {
  const count = to - from;
  const [vectors, rows] = [part(v, from, from, count), part(a, 0, from)];
  const met = products.product(rows, turned(vectors));
  products.subtract(rows, products.product(met, part(t!, from, from, count, count)), vectors);
}

/**
 * Turns A into a lower triangular matrix by reflections of its rows. If A is the transpose of a matrix Q R, the result
 * is the transpose of R, and the product of the reflections is Q.
 */
export function triangulate(a: Block, made: Reflections, products: Products): void {
  const count = made.v.rows;
  if (!made.t) {
    for (let k = 0; k < count; k++) triangulateRow(a, made, k, a.rows);
    return;
  }
  made.t.data.fill(0);
  triangulateRows(a, made, products, 0, count);
  if (a.rows > count) reflect(part(a, count, 0), made, products, 0, count);
}

function triangulateRows(a: Block, made: Reflections, products: Products, from: number, to: number): void {
  if (to - from <= NARROW) {
    for (let k = from; k < to; k++) triangulateRow(a, made, k, to);
    join(made, products, from, to);
    return;
  }
  const middle = (from + to) >> 1;
  triangulateRows(a, made, products, from, middle);
  reflect(part(a, middle, 0, to - middle), made, products, from, middle);
  triangulateRows(a, made, products, middle, to);
  joinHalves(made, products, from, middle, to);
}

/** Finds the reflection for row k, and applies it to the rows after it, up to `to`. */
function triangulateRow(a: Block, made: Reflections, k: number, to: number): void {
  const { data: x, at, row, columns } = a;
  const { data: v } = made.v;
  const place = k * columns + k;
  for (let j = k; j < columns; j++) v[k * columns + j] = x[at + k * row + j]!;
  x[at + k * row + k] = reflector(made, k, k);
  for (let j = k + 1; j < columns; j++) x[at + k * row + j] = 0;
  const tau = made.taus[k]!;
  if (tau === 0) return;
  for (let i = k + 1; i < to; i++) reflectRow(x, at + i * row + k, v, place, columns - k, tau);
}

/**
 * Writes the first columns of the product of all reflections to the rows of `q`. T has been computed already if
 * `joined`.
 */
export function basis(q: Block, made: Reflections, products: Products, joined: boolean): void {
  const { v, t, taus } = made;
  const length = v.columns;
  q.data.fill(0);
  for (let i = 0; i < q.rows; i++) q.data[i * (length + 1)] = 1;
  if (t) {
    if (!joined) {
      t.data.fill(0);
      join(made, products, 0, v.rows);
    }
    products.subtract(q, products.product(turned(part(v, 0, 0, v.rows, q.rows)), turned(t)), v);
    return;
  }
  for (let k = v.rows - 1; k >= 0; k--) {
    if (taus[k] === 0) continue;
    for (let i = k; i < q.rows; i++) reflectRow(q.data, i * length + k, v.data, k * length + k, length - k, taus[k]!);
  }
}
