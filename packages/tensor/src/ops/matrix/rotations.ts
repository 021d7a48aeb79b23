/**
 * Rotations of pairs of neighbouring rows, as the iterations for eigenvalues and singular values make them: one *sweep*
 * of rotations after the other. For large matrices sweeps are collected and applied together, by matrix products.
 */
import { type Block, blockOf, identity, type Products, part, place } from "./block.ts";

/** Squares below this are imprecise. (Matrices are scaled so that their largest elements are about 1.) */
export const TINY = 1e-280;
/** The most sweeps for each value; two or three are usual. */
const PATIENCE = 80;
/** How many sweeps are collected, and how many rotations of each go into one product. */
const SWEEPS = 24;
/** From this length of rows on, sweeps are collected. */
const LONG = 64;

/** The cosines and sines of one sweep, by the first row of each pair. */
export class Turns {
  readonly cosines: Float64Array;
  readonly sines: Float64Array;

  constructor(rows: number) {
    this.cosines = new Float64Array(rows);
    this.sines = new Float64Array(rows);
  }
}

/**
 * A matrix whose rows are rotated: row i becomes c · row(i) + s · row(i + 1), row i + 1 becomes c · row(i + 1) − s ·
 * row(i).
 */
export class Rotating {
  readonly rows: Block;
  readonly #products: Products;
  /** The cosines and sines of collected sweeps, by sweep and row. */
  readonly #cosines: Float64Array;
  readonly #sines: Float64Array;
  /** From which row to which row each collected sweep goes. */
  readonly #from = new Int32Array(SWEEPS);
  readonly #to = new Int32Array(SWEEPS);
  #count = 0;

  constructor(rows: number, columns: number, products: Products) {
    this.rows = blockOf(new Float64Array(rows * columns), rows, columns);
    this.#products = products;
    const size = columns < LONG ? 0 : SWEEPS * rows;
    this.#cosines = new Float64Array(size);
    this.#sines = new Float64Array(size);
  }

  /** Applies a sweep from row `low` to row `high`, or collects it. */
  sweep(low: number, high: number, { cosines, sines }: Turns): void {
    const { data, at, row, columns, rows } = this.rows;
    if (columns < LONG) {
      for (let i = low; i < high; i++) rotate(data, at + i * row, row, columns, cosines[i]!, sines[i]!);
      return;
    }
    const line = this.#count * rows;
    this.#cosines.set(cosines.subarray(low, high), line + low);
    this.#sines.set(sines.subarray(low, high), line + low);
    this.#from[this.#count] = low;
    this.#to[this.#count++] = high;
    if (this.#count === SWEEPS) this.finish();
  }

  /** Applies the collected sweeps. */
  finish(): void {
    const count = this.#count;
    if (count === 0) return;
    // Sweep k may rotate row i as soon as sweep k − 1 is done with row i + 1. So rotations may be grouped by
    // (i + k) / SWEEPS, and group by group be applied in one go.
    const last = Math.max(...this.#to.subarray(0, count)) + count;
    for (let group = 0; group < last; group += SWEEPS) this.#apply(group);
    this.#count = 0;
  }

  #apply(group: number): void {
    const { rows } = this.rows;
    const first = Math.max(0, group - this.#count + 1);
    const size = Math.min(rows, group + SWEEPS + 1) - first;
    const turn = identity(size, size);
    let any = false;
    for (let k = 0; k < this.#count; k++) {
      const to = Math.min(this.#to[k]!, group + SWEEPS - k);
      const left = Math.max(first, group - k);
      for (let i = Math.max(this.#from[k]!, left); i < to; i++) {
        any = true;
        // Both rows of the product so far are zero in all other columns.
        const columns = Math.min(first + size, i + k + 2) - left;
        const at = (i - first) * size + left - first;
        rotate(turn.data, at, size, columns, this.#cosines[k * rows + i]!, this.#sines[k * rows + i]!);
      }
    }
    if (any) place(this.#products.product(turn, part(this.rows, first, 0, size)), this.rows, first, 0);
  }
}

function rotate(x: Float64Array, at: number, row: number, columns: number, c: number, s: number): void {
  const below = at + row;
  for (let j = 0; j < columns; j++) {
    const [a, b] = [x[at + j]!, x[below + j]!];
    x[at + j] = c * a + s * b;
    x[below + j] = c * b - s * a;
  }
}

/**
 * Sweeps over a matrix with the diagonal d and the secondary diagonal e until e is negligible, so that d holds the
 * values. Returns false if that takes too many sweeps.
 */
export function wearAway(d: Float64Array, e: Float64Array, sweep: (low: number, high: number) => void): boolean {
  let patience = PATIENCE * d.length;
  for (let high = d.length - 1; high > 0; ) {
    let low = high;
    while (low > 0 && !isNegligible(e[low - 1]!, d[low - 1]!, d[low]!)) low--;
    if (low > 0) e[low - 1] = 0;
    if (low === high) high--;
    else if (patience-- === 0) return false;
    else sweep(low, high);
  }
  return true;
}

function isNegligible(e: number, a: number, b: number): boolean {
  return Math.abs(e) <= Number.EPSILON * (Math.abs(a) + Math.abs(b)) || e * e < TINY;
}
