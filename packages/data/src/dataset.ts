/** Data sets: things with a length and an item for each index, and streams. */
import { fail, fromArray, isTensor, showValue, type Tensor } from "@dl/tensor";
import { checkIndex, lengthOf } from "./checks.ts";
import type { Collated } from "./collate.ts";

/**
 * Samples by index. Extend it with a `length` and a `get`, or pass any object that has both. `T` is the type of a sample,
 * usually `[input, target]`. Tensors in samples must have one shape to be stacked into batches; numbers become tensors, int64
 * where all are whole, so give `floatTensor([x])` where some are not.
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.Dataset
 * @example
 * class Squares extends Dataset<[x: Tensor, y: Tensor]> {
 *   readonly length = 100;
 *   get(index: number): [x: Tensor, y: Tensor] {
 *     const x = index / 100;
 *     return [floatTensor([x]), floatTensor([x ** 2])];
 *   }
 * }
 * for (const [x, y] of new DataLoader(new Squares(), { batchSize: 10 })) {
 *   [x.shape, y.shape]; // [10, 1] [10, 1], ten times
 * }
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

/** A data set, or a list of its samples. */
export type Source<T> = Dataset<T> | readonly T[];

/** A list is a data set too. */
export function asDataset<T>(source: Source<T>): Dataset<T> {
  if (!Array.isArray(source)) return source as Dataset<T>;
  return {
    get length() {
      return source.length;
    },
    get: (index) => source[checkIndex("Array", index, source.length)] as T,
  };
}

/** {@link asDataset}. @throws TensorError for streams, and for what is no data set at all */
export function needDataset<T>(op: string, source: Source<T>): Dataset<T> {
  const given = source as Partial<Dataset<T>> | null | undefined;
  if (!Array.isArray(source) && typeof given?.get !== "function") {
    const remedy = "Give it length and get(index); streams are joined by ChainDataset, tensors go into a TensorDataset";
    fail(op, `needs a data set or a list, got ${showValue(source)}`, remedy);
  }
  const dataset = asDataset(source);
  lengthOf(op, dataset);
  return dataset;
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
    const wrong = tensors.findIndex((x) => !isTensor(x));
    if (wrong >= 0) {
      const remedy = "Spread a list of tensors: ...list; make a tensor of numbers with tensor(list)";
      fail("TensorDataset", `argument ${wrong} is ${showValue(tensors[wrong])}, needs a tensor`, remedy);
    }
    const lengths = tensors.map(({ shape }) => shape[0]);
    const [length] = lengths;
    if (length === undefined || lengths.some((other) => other !== length)) {
      fail(
        "TensorDataset",
        `needs tensors of one length, got [${lengths.map(String).join(", ")}]`,
        "All first sizes must be equal",
      );
    }
    this.tensors = tensors;
    this.length = length;
  }

  get(index: number): Row<T> {
    const at = checkIndex("TensorDataset", index, this.length);
    return this.tensors.map((x) => x.select(0, at)) as Row<T>;
  }

  override getBatch(indices: readonly number[]): Collated<Row<T>> {
    const places = BigInt64Array.from(indices, (index) => BigInt(checkIndex("TensorDataset", index, this.length)));
    const rows = this.tensors.map((x) => {
      const at = fromArray(places, [places.length], { device: x.device });
      return x.indexSelect(0, at);
    });
    return rows as Collated<Row<T>>;
  }
}
