/** Sweeps of rotations of neighbouring rows, many of which are applied together. */
import { type Block, blockOf, identity, type Products, part, place } from "./block.ts";

/** Squares below it are imprecise. The largest elements are about 1. */
export const TINY = 1e-280;
/** Sweeps for one value: two or three are usual. */
const PATIENCE = 80;
/** Sweeps that wait, and the rotations of each that one product takes. */
const SWEEPS = 24;
/** Rows from which on rotations are gathered. */
const LONG = 64;

/** Cosines and sines of one sweep, at the first row of each pair. */
export class Turns {
  readonly cosines: Float64Array;
  readonly sines: Float64Array;

  constructor(rows: number) {
    this.cosines = new Float64Array(rows);
    this.sines = new Float64Array(rows);
  }
}

/** Rows that rotate: row i becomes c · row i + s · row i + 1, which becomes c · itself − s · row i. */
export class Rotating {
  readonly rows: Block;
  readonly #products: Products;
  /** Cosines and sines by sweep and row, and from which row to which a sweep goes. */
  readonly #cosines: Float64Array;
  readonly #sines: Float64Array;
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

  /** A sweep from the row `low` to `high`. */
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

  /** Applies what waits. */
  finish(): void {
    const count = this.#count;
    if (count === 0) return;
    // Sweep k may rotate row i as soon as the one before has done with i + 1: groups of equal (i + k) / SWEEPS.
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
        // Rows hold zeros before the first row that was touched, and after the next ones of as many sweeps.
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
 * Has a matrix with a diagonal d, and e beside it, swept from row to row until e does not matter to the values any more. False if
 * that takes too long.
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
