/** Data sets: things with a length and an item for each index, and streams. */
import { fail, fromArray, type Tensor } from "@dl/tensor";
import type { Collated } from "./collate.ts";

/**
 * A map from indices to samples. Extend it, or pass any object with `length` and `get`.
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.Dataset
 * @example
 * class Squares extends Dataset<[x: number, y: number]> {
 *   readonly length = 100;
 *   get(index: number): [x: number, y: number] {
 *     return [index, index ** 2];
 *   }
 * }
 * new DataLoader(new Squares(), { batchSize: 10 }).length; // 10
 */
export abstract class Dataset<T = unknown> {
  abstract readonly length: number;
  /** The sample at `index`, 0 … length − 1; a promise where it has to be fetched. */
  abstract get(index: number): T | Promise<T>;
  /**
   * Optional and faster: what `defaultCollate` would make of the samples at `indices`; `undefined` has them asked for one
   * by one. It speaks for the `get` of its own class: a class that extends this one and gives a `get` alone is asked
   * sample by sample. Write it as a method, so that it can be told to which class it belongs.
   */
  // biome-ignore lint/suspicious/noExplicitAny: a type made of T would not let a data set of narrower samples pass for one of wider.
  getBatch?(indices: readonly number[]): any;
}

/**
 * A stream of samples, for data without random access. Give it `*[Symbol.iterator]()` or `async *[Symbol.asyncIterator]()`.
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset
 * @example
 * class Lines extends IterableDataset<string> {
 *   override async *[Symbol.asyncIterator](): AsyncGenerator<string> {
 *     yield "first";
 *     yield "second";
 *   }
 * }
 * for await (const lines of new DataLoader(new Lines(), { batchSize: 2 })) lines; // ["first", "second"]
 */
export abstract class IterableDataset<T = unknown> {
  [Symbol.iterator]?(): Iterator<T>;
  [Symbol.asyncIterator]?(): AsyncIterator<T>;
}

/** Throws unless `index` is one of a data set of this length. */
export function checkIndex(op: string, index: number, length: number): void {
  if (!(Number.isInteger(index) && index >= 0 && index < length)) {
    fail(op, `index ${index} is not in 0 … ${length - 1}`, "Indices are whole numbers below length");
  }
}

/** A sample of a {@link TensorDataset}: one row from each of its tensors. */
export type Row<T extends readonly Tensor[]> = { -readonly [K in keyof T]: T[K] };

/**
 * Samples made of one row from each tensor.
 * @throws TensorError when the tensors differ in their first size
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.TensorDataset
 * @example
 * const dataset = new TensorDataset(rand(10, 3), arange(10));
 * const [x, y] = dataset.get(4); // [3] and tensor(4)
 */
export class TensorDataset<T extends readonly Tensor[]> extends Dataset<Row<T>> {
  readonly tensors: T;
  readonly length: number;

  constructor(...tensors: T) {
    super();
    const lengths = tensors.map(({ shape }) => shape[0]);
    const [length] = lengths;
    if (length === undefined || lengths.some((other) => other !== length)) {
      fail(
        "TensorDataset",
        `needs tensors of one length, got [${lengths.join(", ")}]`,
        "All first sizes must be equal",
      );
    }
    this.tensors = tensors;
    this.length = length;
  }

  get(index: number): Row<T> {
    checkIndex("TensorDataset", index, this.length);
    return this.tensors.map((x) => x.select(0, index)) as Row<T>;
  }

  override getBatch(indices: readonly number[]): Collated<Row<T>> {
    for (const index of indices) checkIndex("TensorDataset", index, this.length);
    const rows = this.tensors.map((x) => {
      const at = fromArray(BigInt64Array.from(indices, BigInt), [indices.length], { device: x.device });
      return x.indexSelect(0, at);
    });
    return rows as Collated<Row<T>>;
  }
}
