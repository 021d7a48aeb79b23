/** Eigenvalues and singular values in order, of matrices of any scale. */
import { allFinite, type Block, blockOf, type Products, packed, part, place, turned } from "./block.ts";
import { eigenOf } from "./eigen.ts";
import { basis, exponentOf, Reflections, triangulate } from "./reflections.ts";
import { type Singular, singularOf } from "./singular.ts";

/** Whether a triangle of fewer rows is worth it. */
function isTall(m: number, n: number): boolean {
  return n >= 48 && m >= 2 * n;
}

/** Values, and vectors as rows. */
export interface Spectrum {
  readonly values: Float64Array;
  readonly vectors: Float64Array | null;
}

/** Finds ascending eigenvalues of symmetric matrices from their upper triangles, which it uses up; `null` if it cannot. */
export function eighOf(n: number, vectors: boolean, products: Products): (a: Block) => Spectrum | null {
  const solve = eigenOf(n, vectors, products);
  return (a) => {
    for (let i = 1; i < n; i++) for (let j = 0; j < i; j++) a.data[i * n + j] = 0;
    const exponent = normalize(a.data);
    const found = Number.isNaN(exponent) ? null : solve(a);
    if (!found) return null;
    const order = orderOf(found.values, 1);
    return { values: picked(found.values, order, exponent), vectors: found.rows && sorted(found.rows, order) };
  };
}

export interface SVD {
  readonly values: Float64Array;
  readonly left: Float64Array | null;
  readonly right: Float64Array | null;
}

/**
 * Finds descending singular values of matrices that have no fewer rows than columns and are used up, so many left vectors and
 * all right ones, or none of both; `null` if it cannot.
 */
export function svdOf(m: number, n: number, vectors: number | null, products: Products): (a: Block) => SVD | null {
  const solve = (isTall(m, n) ? tallOf : singularOf)(m, n, vectors, products);
  return (a) => {
    const exponent = normalize(a.data);
    const found = Number.isNaN(exponent) ? null : solve(a);
    if (!found) return null;
    const { values, left, right } = found;
    const order = orderOf(values, -1);
    return {
      values: picked(values, order, exponent),
      left: left && sorted(left, order),
      right: right && sorted(right, order),
    };
  };
}

/** By the triangle of Q R, which has the same values and right vectors. */
function tallOf(m: number, n: number, vectors: number | null, products: Products): (a: Block) => Singular | null {
  const made = new Reflections(n, m);
  const solve = singularOf(n, n, vectors && n, products);
  const q = blockOf(new Float64Array((vectors ?? 0) * m), vectors ?? 0, m);
  return (a) => {
    const rows = packed(turned(a));
    triangulate(rows, made, products);
    const found = solve(packed(turned(part(rows, 0, 0, n, n))));
    if (!found?.left) return found;
    basis(q, made, products, true);
    place(products.product(found.left, part(q, 0, 0, n)), q, 0, 0);
    return { ...found, left: q };
  };
}

/** Scales elements by a power of two that makes the largest about 1, and returns its exponent; NaN if they are not finite. */
function normalize(x: Float64Array): number {
  if (!allFinite(x)) return Number.NaN;
  const exponent = exponentOf(x, 0, x.length);
  if (exponent !== 0) for (let i = 0; i < x.length; i++) x[i]! *= 2 ** -exponent;
  return exponent;
}

/** Ascending or, by the sign, descending. */
function orderOf(values: Float64Array, sign: number): number[] {
  const order: number[] = [];
  for (let i = 0; i < values.length; i++) order.push(i);
  return order.sort((i, j) => sign * (values[i]! - values[j]!));
}

function picked(values: Float64Array, order: readonly number[], exponent: number): Float64Array {
  const made = new Float64Array(values.length);
  for (let i = 0; i < made.length; i++) made[i] = values[order[i]!]! * 2 ** exponent;
  return made;
}

/** Rows in order; those beyond it stay. */
function sorted({ data, rows, columns }: Block, order: readonly number[]): Float64Array {
  const made = new Float64Array(data.length);
  for (let i = 0, to = 0; i < rows; i++) {
    for (let from = (order[i] ?? i) * columns, j = 0; j < columns; j++) made[to++] = data[from++]!;
  }
  return made;
}
