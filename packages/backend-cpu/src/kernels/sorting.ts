/**
 * Sorting by lines of one dimension: stable, NaN largest. Elements become unsigned keys of one or two words whose order is
 * the order wanted; then long lines are sorted digit by digit, and short ones, or the few best, by insertion.
 */
import type { DType } from "@dl/tensor";
import { type ArrayKernel, type ArrayView, axisOf, elements, putIndex, wordsOf } from "./array-kernel.ts";

/** Up to this many elements are kept in order by insertion. */
const FEW = 64;
const DIGIT = 11;
const SIGN = -0x80000000;

/** The key of element `place`: the low word; the high word is 0 unless the dtype has 64 bits. */
interface KeyReader {
  readonly wide: boolean;
  readonly low: (place: number) => number;
  readonly high: (place: number) => number;
}

/** Sign and magnitude to an order: negative numbers upside down, below the others. −0 is 0. */
function ofFloat(word: number): number {
  if (word === SIGN) return SIGN;
  return word < 0 ? ~word : word ^ SIGN;
}

const narrow = (low: (place: number) => number): KeyReader => ({ wide: false, low, high: () => 0 });

const readers: { readonly [D in DType]?: (x: ArrayView) => KeyReader } = {
  float32: (x) => {
    const words = wordsOf(x);
    const isNan = (word: number): boolean => (word & 0x7fffffff) > 0x7f800000;
    return narrow((i) => (isNan(words[i]!) ? -1 : ofFloat(words[i]!)));
  },
  float64: (x) => {
    const words = wordsOf(x);
    const values = elements(x);
    const isNan = (i: number): boolean => Number.isNaN(values[i]);
    const low = (i: number): number => (words[2 * i + 1]! < 0 ? ~words[2 * i]! : words[2 * i]!);
    return {
      wide: true,
      low: (i) => (isNan(i) ? -1 : values[i] === 0 ? 0 : low(i)),
      high: (i) => (isNan(i) ? -1 : values[i] === 0 ? SIGN : ofFloat(words[2 * i + 1]!)),
    };
  },
  int64: (x) => {
    const words = wordsOf(x);
    return { wide: true, low: (i) => words[2 * i]!, high: (i) => words[2 * i + 1]! ^ SIGN };
  },
};

function readerOf(x: ArrayView): KeyReader {
  const values = elements(x);
  return readers[x.dtype]?.(x) ?? narrow((i) => values[i]! ^ SIGN);
}

class LineSorter {
  readonly #low: Uint32Array;
  readonly #high: Uint32Array;
  readonly #wide: boolean;
  #order: Uint32Array;
  #other: Uint32Array;
  readonly #counts = new Uint32Array(2 ** DIGIT);

  constructor(size: number, wide: boolean) {
    this.#wide = wide;
    this.#low = new Uint32Array(size);
    this.#high = new Uint32Array(wide ? size : 0);
    this.#order = new Uint32Array(size);
    this.#other = new Uint32Array(size);
  }

  /** Reads a line and gives the positions of its first `keep` elements in order. */
  sort(reader: KeyReader, start: number, step: number, down: boolean, keep: number): Uint32Array {
    const flip = down ? -1 : 0;
    const size = this.#low.length;
    for (let i = 0; i < size; i++) this.#low[i] = reader.low(start + i * step) ^ flip;
    if (this.#wide) for (let i = 0; i < size; i++) this.#high[i] = reader.high(start + i * step) ^ flip;
    if (keep <= FEW) this.#insert(keep);
    else this.#byDigits();
    return this.#order;
  }

  #isBelow(a: number, b: number): boolean {
    if (this.#wide && this.#high[a] !== this.#high[b]) return this.#high[a]! < this.#high[b]!;
    return this.#low[a]! < this.#low[b]!;
  }

  /** Keeps the first `keep` of the elements so far in order. */
  #insert(keep: number): void {
    const order = this.#order;
    const size = this.#low.length;
    for (let i = 0, count = 0; i < size; i++) {
      if (count === keep && !this.#isBelow(i, order[count - 1]!)) continue;
      let place = count < keep ? count++ : count - 1;
      for (; place > 0 && this.#isBelow(i, order[place - 1]!); place--) order[place] = order[place - 1]!;
      order[place] = i;
    }
  }

  #byDigits(): void {
    for (let i = 0; i < this.#order.length; i++) this.#order[i] = i;
    for (const keys of this.#wide ? [this.#low, this.#high] : [this.#low]) {
      for (let shift = 0; shift < 32; shift += DIGIT) this.#byDigit(keys, shift);
    }
  }

  /** One stable pass; none where all elements have the same digit. */
  #byDigit(keys: Uint32Array, shift: number): void {
    const [order, other, counts] = [this.#order, this.#other, this.#counts];
    const mask = 2 ** DIGIT - 1;
    counts.fill(0);
    for (let i = 0; i < keys.length; i++) counts[(keys[i]! >>> shift) & mask]!++;
    if (counts[(keys[0]! >>> shift) & mask] === keys.length) return;
    for (let digit = 0, total = 0; digit < counts.length; digit++) {
      const count = counts[digit]!;
      counts[digit] = total;
      total += count;
    }
    for (let i = 0; i < order.length; i++) {
      const at = order[i]!;
      other[counts[(keys[at]! >>> shift) & mask]!++] = at;
    }
    this.#order = other;
    this.#other = order;
  }
}

function sortLines(
  x: ArrayView,
  dim: number,
  down: boolean,
  keep: number,
  [values, indices]: readonly ArrayView[],
): void {
  const { outer, size, inner } = axisOf(x.shape, dim);
  if (keep === 0) return;
  const [from, to, words] = [elements(x), elements(values!), wordsOf(indices!)];
  const reader = readerOf(x);
  const sorter = new LineSorter(size, reader.wide);
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      const start = o * size * inner + j;
      const order = sorter.sort(reader, start, inner, down, keep);
      for (let i = 0, place = o * keep * inner + j; i < keep; i++, place += inner) {
        to[place] = from[start + order[i]! * inner]!;
        putIndex(words, place, order[i]!);
      }
    }
  }
}

export const sort: ArrayKernel<"sort"> = ([x], { dim, descending }, outputs) => {
  sortLines(x!, dim, descending, x!.shape[dim] ?? 1, outputs);
};

export const topk: ArrayKernel<"topk"> = ([x], { dim, k, largest }, outputs) => {
  sortLines(x!, dim, largest, x!.shape.length === 0 ? 1 : k, outputs);
};
