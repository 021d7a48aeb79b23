/** Data sets: things with a length and an item for each index, and the ways to cut and join them. */
import { fail, fromArray, type Generator, permutation, type Tensor } from "@dl/tensor";
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
  /** Optional and faster: what `defaultCollate` would make of the samples at `indices`. */
  getBatch?(indices: readonly number[]): Collated<T> | Promise<Collated<T>>;
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

function checkIndex(op: string, index: number, length: number): void {
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

/**
 * The samples at `indices` of another data set.
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.Subset
 * @example
 * const dataset = new TensorDataset(arange(10));
 * new Subset(dataset, [1, 3, 5]).length; // 3
 */
export class Subset<T> extends Dataset<T> {
  readonly dataset: Dataset<T>;
  readonly indices: ArrayLike<number>;
  override readonly getBatch?: (indices: readonly number[]) => Collated<T> | Promise<Collated<T>>;

  constructor(dataset: Dataset<T>, indices: ArrayLike<number>) {
    super();
    this.dataset = dataset;
    this.indices = indices;
    if (dataset.getBatch) this.getBatch = (at) => dataset.getBatch!(at.map((index) => this.#inner(index)));
  }

  get length(): number {
    return this.indices.length;
  }

  get(index: number): T | Promise<T> {
    return this.dataset.get(this.#inner(index));
  }

  #inner(index: number): number {
    checkIndex("Subset", index, this.length);
    return this.indices[index]!;
  }
}

/**
 * Data sets one after the other.
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.ConcatDataset
 * @example
 * const [a, b] = [new TensorDataset(arange(3)), new TensorDataset(arange(5))];
 * new ConcatDataset([a, b]).length; // 8
 */
export class ConcatDataset<T> extends Dataset<T> {
  readonly datasets: readonly Dataset<T>[];
  /** Where each data set ends. */
  readonly cumulativeSizes: readonly number[];

  constructor(datasets: readonly Dataset<T>[]) {
    super();
    if (datasets.length === 0) fail("ConcatDataset", "needs at least one data set, got none");
    let end = 0;
    this.datasets = datasets;
    this.cumulativeSizes = datasets.map(({ length }) => (end += length));
  }

  get length(): number {
    return this.cumulativeSizes.at(-1)!;
  }

  get(index: number): T | Promise<T> {
    checkIndex("ConcatDataset", index, this.length);
    const which = this.cumulativeSizes.findIndex((end) => index < end);
    const start = which === 0 ? 0 : this.cumulativeSizes[which - 1]!;
    return this.datasets[which]!.get(index - start);
  }
}

/**
 * Disjoint random subsets of the given lengths, or of given fractions that add up to 1.
 * @throws TensorError when the lengths do not add up to the data set's
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.random_split
 * @example
 * const dataset = new TensorDataset(arange(10));
 * const [train, test] = randomSplit(dataset, [0.8, 0.2], { generator: new Generator().manualSeed(0) });
 * [train?.length, test?.length]; // 8 2
 */
export function randomSplit<T>(
  dataset: Dataset<T>,
  lengths: readonly number[],
  { generator }: { readonly generator?: Generator | undefined } = {},
): Subset<T>[] {
  const sizes = splitSizes(dataset.length, lengths);
  const order = permutation(dataset.length, generator);
  return sizes.map((size, i) => {
    const start = sizes.slice(0, i).reduce((sum, before) => sum + before, 0);
    return new Subset(dataset, order.subarray(start, start + size));
  });
}

/** Fractions are rounded down; what is left over goes to the first parts, one each. */
function splitSizes(total: number, lengths: readonly number[]): readonly number[] {
  const sum = lengths.reduce((a, b) => a + b, 0);
  const fractions = lengths.every((part) => part >= 0 && part <= 1) && Math.abs(sum - 1) < 1e-9;
  if (fractions && !(lengths.every(Number.isInteger) && total === 1)) {
    const sizes = lengths.map((part) => Math.floor(part * total + 1e-9));
    const rest = total - sizes.reduce((a, b) => a + b, 0);
    return sizes.map((size, i) => (i < rest ? size + 1 : size));
  }
  if (sum !== total || !lengths.every((size) => Number.isInteger(size) && size >= 0)) {
    const got = `got lengths [${lengths.join(", ")}] (sum ${sum}) for ${total} samples`;
    fail("randomSplit", got, "Give whole lengths that add up to the data set's, or fractions that add up to 1");
  }
  return lengths;
}
