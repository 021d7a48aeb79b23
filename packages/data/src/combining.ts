/** Data sets made of others: cut, joined, side by side. */
import {
  type Arguments,
  fail,
  type Generator,
  isOptions,
  permutation,
  readArguments,
  showValue,
  type Tensor,
} from "@dl/tensor";
import { batchOf, type Collate, joinBatches, joined } from "./batches.ts";
import { checkIndex, indexList, iterates } from "./checks.ts";
import { type Collated, steadyCollate } from "./collate.ts";
import { Dataset, IterableDataset, needDataset, type Source } from "./dataset.ts";
import { merge } from "./merge.ts";
import type { Stream } from "./options.ts";
import { checkGenerator } from "./random.ts";

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

  constructor(source: Source<T>, indices: ArrayLike<number> | Tensor) {
    super();
    this.dataset = needDataset("Subset", source);
    this.indices = indexList("Subset", indices);
  }

  get length(): number {
    return this.indices.length;
  }

  get(index: number): T | Promise<T> {
    return this.dataset.get(this.#inner(index));
  }

  override getBatch(indices: readonly number[]): Collated<T> | Promise<Collated<T>> | undefined {
    return batchOf(
      this.dataset,
      indices.map((index) => this.#inner(index)),
    );
  }

  #inner(index: number): number {
    const inner = this.indices[checkIndex("Subset", index, this.length)]!;
    return checkIndex("Subset", inner, this.dataset.length);
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
  readonly #collate = steadyCollate();

  constructor(sources: readonly Source<T>[]) {
    super();
    if (!Array.isArray(sources)) {
      fail("ConcatDataset", `needs a list of data sets, got ${showValue(sources)}`, "Write new ConcatDataset([a, b])");
    }
    if (sources.length === 0) fail("ConcatDataset", "needs at least one data set, got none");
    let end = 0;
    this.datasets = sources.map((source) => needDataset<T>("ConcatDataset", source));
    this.cumulativeSizes = this.datasets.map(({ length }) => (end += length));
  }

  get length(): number {
    return this.cumulativeSizes.at(-1)!;
  }

  get(index: number): T | Promise<T> {
    const [which, inner] = this.#find(index);
    return this.datasets[which]!.get(inner);
  }

  override getBatch(indices: readonly number[]): Collated<T> | Promise<Collated<T>> | undefined {
    const found = indices.map((index) => this.#find(index));
    const used = [...new Set(found.map(([which]) => which))];
    const places = used.map((part) => found.flatMap(([which], place) => (which === part ? place : [])));
    const requests = used.map((part, i) => ({
      dataset: this.datasets[part]!,
      indices: places[i]!.map((place) => found[place]![1]),
      collate: this.#collate as Collate<unknown, unknown>,
    }));
    const rows: number[] = [];
    for (const [row, place] of places.flat().entries()) rows[place] = row;
    return joinBatches(requests, (batches) => (used.length === 1 ? batches[0] : merge(batches, rows)) as Collated<T>);
  }

  /** Which data set a sample is in, and where in it. */
  #find(index: number): readonly [which: number, inner: number] {
    const at = checkIndex("ConcatDataset", index, this.length);
    const which = this.cumulativeSizes.findIndex((end) => at < end);
    return [which, which === 0 ? at : at - this.cumulativeSizes[which - 1]!];
  }
}

/** What a {@link StackDataset} asks of its data sets. */
export interface Indexed {
  readonly length: number;
  get(index: number): unknown;
}

type Part = Indexed | readonly unknown[];

/** A sample of a {@link StackDataset}: one from each of its data sets, under the same names. */
export type Stacked<D> = {
  -readonly [K in keyof D]: D[K] extends { get(index: number): infer T } | readonly (infer T)[] ? Awaited<T> : never;
};

/**
 * Data sets of one length side by side: samples are lists, or objects, of one sample from each.
 * @throws TensorError when the lengths differ
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.StackDataset
 * @example
 * const stacked = new StackDataset({ x: new TensorDataset(rand(9, 2)), label: new TensorDataset(arange(9)) });
 * stacked.get(3); // { x: [tensor of 2], label: [tensor(3)] }
 */
export class StackDataset<const D extends readonly Part[] | Readonly<Record<string, Part>>> extends Dataset<
  Stacked<D>
> {
  readonly datasets: D;
  readonly length: number;
  readonly #parts: readonly { readonly dataset: Dataset; readonly collate: Collate<unknown, unknown> }[];

  constructor(datasets: D) {
    super();
    if (!Array.isArray(datasets) && !isOptions(datasets)) {
      const remedy = "Write new StackDataset([a, b]) or new StackDataset({ x: a, y: b })";
      fail("StackDataset", `needs a list or an object of data sets, got ${showValue(datasets)}`, remedy);
    }
    this.#parts = Object.values<Part>(datasets).map((source) => ({
      dataset: needDataset<unknown>("StackDataset", source as Source<unknown>),
      collate: steadyCollate(),
    }));
    const lengths = this.#parts.map(({ dataset }) => dataset.length);
    const [length = fail("StackDataset", "needs at least one data set, got none")] = lengths;
    if (lengths.some((other) => other !== length)) {
      fail("StackDataset", `needs data sets of one length, got [${lengths.join(", ")}]`, "Cut them with Subset");
    }
    this.datasets = datasets;
    this.length = length;
  }

  get(index: number): Stacked<D> | Promise<Stacked<D>> {
    const at = checkIndex("StackDataset", index, this.length);
    return joined(
      this.#parts.map(({ dataset }) => dataset.get(at)),
      (samples) => this.#join(samples) as Stacked<D>,
    );
  }

  override getBatch(indices: readonly number[]): Collated<Stacked<D>> | Promise<Collated<Stacked<D>>> | undefined {
    const at = indices.map((index) => checkIndex("StackDataset", index, this.length));
    return joinBatches(
      this.#parts.map((part) => ({ ...part, indices: at })),
      (batches) => this.#join(batches) as Collated<Stacked<D>>,
    );
  }

  /** In the form of the data sets: a list, or an object. */
  #join(parts: readonly unknown[]): unknown {
    const { datasets } = this;
    return Array.isArray(datasets) ? parts : Object.fromEntries(Object.keys(datasets).map((key, i) => [key, parts[i]]));
  }
}

/**
 * Streams one after the other, read in loops that wait.
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.ChainDataset
 * @example
 * const loader = new DataLoader(new ChainDataset([new Set([1, 2]), new Set([3])]), { batchSize: 3 });
 * for await (const batch of loader) batch; // tensor([1, 2, 3])
 */
export class ChainDataset<T> extends IterableDataset<T> {
  readonly datasets: Iterable<Stream<T>>;

  constructor(datasets: Iterable<Stream<T>>) {
    super();
    if (!iterates(datasets)) {
      fail("ChainDataset", `needs a list of streams, got ${showValue(datasets)}`, "Write new ChainDataset([a, b])");
    }
    this.datasets = datasets;
  }

  override async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (const dataset of this.datasets) {
      if (!iterates(dataset)) {
        fail(
          "ChainDataset",
          `needs streams, got ${showValue(dataset)}`,
          "ConcatDataset joins data sets with get(index)",
        );
      }
      yield* dataset as AsyncIterable<T>;
    }
  }
}

type SplitArguments = [generator?: Generator | null];

/** A subset for each length. */
export type Parts<T, L extends readonly number[]> = { -readonly [K in keyof L]: Subset<T> };

/**
 * Disjoint random subsets of the given lengths, or of given fractions that add up to 1.
 * @throws TensorError when the lengths do not add up to the data set's
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.random_split
 * @example
 * const dataset = new TensorDataset(arange(10));
 * const [train, test] = randomSplit(dataset, [0.8, 0.2], { generator: new Generator().manualSeed(0) });
 * [train.length, test.length]; // 8 2
 */
export function randomSplit<T, const L extends readonly number[]>(
  source: Source<T>,
  lengths: L,
  ...args: Arguments<["generator"], SplitArguments>
): Parts<T, L> {
  const [generator] = readArguments<SplitArguments>({ name: "randomSplit", names: ["generator"] }, args);
  const dataset = needDataset("randomSplit", source);
  const sizes = splitSizes(dataset.length, lengths);
  const order = permutation(dataset.length, checkGenerator("randomSplit", generator));
  return sizes.map((size, i) => {
    const start = sizes.slice(0, i).reduce((sum, before) => sum + before, 0);
    return new Subset(dataset, order.subarray(start, start + size));
  }) as unknown as Parts<T, L>;
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
