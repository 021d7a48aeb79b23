/** Eigenvalues and singular values in order, of matrices of any scale. */
import { allFinite, type Block, type Products } from "./block.ts";
import { eigenOf } from "./eigen.ts";
import { exponentOf } from "./reflections.ts";
import { singularOf } from "./singular.ts";

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
  const solve = singularOf(m, n, vectors, products);
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
