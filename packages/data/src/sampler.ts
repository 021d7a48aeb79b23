/** The orders in which indices are drawn. Each iteration is a new epoch. */
import {
  type Arguments,
  fail,
  type Generator,
  isTensor,
  permutation,
  readArguments,
  showValue,
  type Tensor,
} from "@dl/tensor";
import { checkCount, indexList, isOrder, lengthOf, type Sized } from "./checks.ts";
import { checkGenerator, uniforms } from "./random.ts";

/**
 * Indices in some order, as often as it is iterated. Extend it, or pass any object with `length` and `[Symbol.iterator]`.
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.Sampler
 * @example
 * class Backwards extends Sampler {
 *   readonly length = 3;
 *   *[Symbol.iterator]() {
 *     yield* [2, 1, 0];
 *   }
 * }
 */
export abstract class Sampler<I = number> {
  abstract readonly length: number;
  abstract [Symbol.iterator](): Iterator<I>;
}

/** A sampler, or a list of indices in its place. @throws TensorError for what does not iterate */
export function checkSampler<I>(op: string, sampler: Sampler<I>): Sampler<I> {
  if (isTensor(sampler)) return indexList(op, sampler) as unknown as Sampler<I>;
  if (isOrder(sampler)) return sampler;
  return fail(op, `the sampler is ${showValue(sampler)}, needs a sampler or a list of indices`);
}

/**
 * 0, 1, 2, …
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.SequentialSampler
 * @example
 * [...new SequentialSampler([5, 6, 7])]; // [0, 1, 2]
 */
export class SequentialSampler implements Sampler {
  readonly #source: Sized;

  constructor(dataSource: Sized) {
    lengthOf("SequentialSampler", dataSource);
    this.#source = dataSource;
  }

  get length(): number {
    return this.#source.length;
  }

  *[Symbol.iterator](): Iterator<number, void, undefined> {
    for (let i = 0; i < this.length; i++) yield i;
  }
}

type RandomArguments = [replacement?: boolean, numSamples?: number | null, generator?: Generator | null];

/**
 * A new random order in every epoch, from the generator that `manualSeed` seeds or one of its own; with `replacement` each
 * index is drawn independently of what was drawn before. `numSamples` is the data set's length if left out.
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.RandomSampler
 * @example
 * const dataset = new TensorDataset(arange(100));
 * const sampler = new RandomSampler(dataset, { replacement: true, numSamples: 10 });
 * new DataLoader(dataset, { sampler, batchSize: 5 }).length; // 2
 */
export class RandomSampler implements Sampler {
  static readonly names = ["replacement", "numSamples", "generator"] as const;
  readonly #source: Sized;
  readonly #replacement: boolean;
  readonly #numSamples: number | undefined;
  readonly #generator: Generator | undefined;

  constructor(dataSource: Sized, ...args: Arguments<typeof RandomSampler.names, RandomArguments>) {
    const [replacement = false, numSamples, generator] = readArguments<RandomArguments>(RandomSampler, args);
    this.#source = dataSource;
    this.#replacement = replacement;
    this.#numSamples = numSamples == null ? undefined : checkCount("RandomSampler", "numSamples", numSamples);
    if (lengthOf("RandomSampler", dataSource) === 0 && this.#numSamples) {
      fail("RandomSampler", `cannot draw numSamples = ${numSamples} from a data set without samples`);
    }
    this.#generator = checkGenerator("RandomSampler", generator);
  }

  get length(): number {
    return this.#numSamples ?? this.#source.length;
  }

  *[Symbol.iterator](): Iterator<number, void, undefined> {
    const generator = this.#generator;
    const n = this.#source.length;
    if (n === 0) return;
    if (this.#replacement) {
      for (const u of uniforms(this.length, generator)) yield Math.floor(u * n);
      return;
    }
    for (let left = this.length; left > 0; left -= n) yield* permutation(n, generator).subarray(0, left);
  }
}

type SubsetArguments = [generator?: Generator | null];

/**
 * The given indices in a new random order each epoch.
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.SubsetRandomSampler
 * @example
 * [...new SubsetRandomSampler([3, 5, 8])]; // in some order: 3, 5 and 8
 */
export class SubsetRandomSampler implements Sampler {
  static readonly names = ["generator"] as const;
  readonly #indices: ArrayLike<number>;
  readonly #generator: Generator | undefined;

  constructor(
    indices: ArrayLike<number> | Tensor,
    ...args: Arguments<typeof SubsetRandomSampler.names, SubsetArguments>
  ) {
    const [generator] = readArguments<SubsetArguments>(SubsetRandomSampler, args);
    this.#indices = indexList("SubsetRandomSampler", indices);
    this.#generator = checkGenerator("SubsetRandomSampler", generator);
  }

  get length(): number {
    return this.#indices.length;
  }

  *[Symbol.iterator](): Iterator<number, void, undefined> {
    for (const i of permutation(this.length, this.#generator)) yield this.#indices[i]!;
  }
}

type WeightedArguments = [numSamples: number, replacement?: boolean, generator?: Generator | null];

/**
 * `numSamples` indices, each with a chance in proportion to its weight; weights need not add up to 1. Without
 * `replacement` no index comes twice.
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.WeightedRandomSampler
 * @example
 * [...new WeightedRandomSampler([1, 1, 98], 5)]; // five indices, mostly 2
 */
export class WeightedRandomSampler implements Sampler {
  static readonly names = ["numSamples", "replacement", "generator"] as const;
  readonly length: number;
  readonly #weights: readonly number[];
  readonly #replacement: boolean;
  readonly #generator: Generator | undefined;

  constructor(
    weights: Tensor | Iterable<number>,
    ...args: Arguments<typeof WeightedRandomSampler.names, WeightedArguments>
  ) {
    const [numSamples, replacement = true, generator] = readArguments<WeightedArguments>(WeightedRandomSampler, args);
    this.#weights = isTensor(weights) ? (weights.flatten().toArray() as number[]) : [...weights];
    this.length = checkCount("WeightedRandomSampler", "numSamples", numSamples);
    this.#replacement = replacement;
    this.#generator = checkGenerator("WeightedRandomSampler", generator);
    const wrong = this.#weights.findIndex((weight) => !(weight >= 0 && weight < Number.POSITIVE_INFINITY));
    if (wrong >= 0)
      fail("WeightedRandomSampler", `weight ${wrong} is ${this.#weights[wrong]}, needs a number from 0 up`);
    const possible = this.#weights.filter((weight) => weight > 0).length;
    const needed = replacement ? 1 : numSamples;
    if (possible < needed) {
      const remedy = "Draw fewer, or with replacement, or give more indices a chance";
      fail("WeightedRandomSampler", `${possible} weights are above 0, ${needed} are needed`, remedy);
    }
  }

  [Symbol.iterator](): Iterator<number, void, undefined> {
    const generator = this.#generator;
    return (this.#replacement ? this.#independent(generator) : this.#distinct(generator))[Symbol.iterator]();
  }

  /** Where a uniform number falls among the running sums. */
  *#independent(generator: Generator | undefined): Iterable<number, void, undefined> {
    let sum = 0;
    const ends = this.#weights.map((weight) => (sum += weight));
    for (const u of uniforms(this.length, generator)) yield firstAbove(ends, u * sum);
  }

  /** The first to ring among exponential clocks that run at the speed of their weights (Efraimidis and Spirakis, 2006). */
  #distinct(generator: Generator | undefined): Iterable<number> {
    const draws = uniforms(this.#weights.length, generator);
    const clocks = this.#weights.map((weight, index) => ({ index, rings: -Math.log1p(-draws[index]!) / weight }));
    const running = clocks.filter(({ index }) => this.#weights[index]! > 0);
    return running
      .sort((a, b) => a.rings - b.rings)
      .slice(0, this.length)
      .map(({ index }) => index);
  }
}

/** The first position whose value exceeds `x`, by halving. */
function firstAbove(ascending: readonly number[], x: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! > x) high = middle;
    else low = middle + 1;
  }
  return low;
}

type BatchArguments = [sampler: Sampler, batchSize: number, dropLast?: boolean];

/**
 * Lists of `batchSize` indices from another sampler.
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.BatchSampler
 * @example
 * [...new BatchSampler(new SequentialSampler([5, 6, 7]), 2)]; // [[0, 1], [2]]
 */
export class BatchSampler implements Sampler<readonly number[]> {
  static readonly names = ["sampler", "batchSize", "dropLast"] as const;
  readonly sampler: Sampler;
  readonly batchSize: number;
  readonly dropLast: boolean;

  constructor(...args: Arguments<typeof BatchSampler.names, BatchArguments>) {
    const [sampler, batchSize, dropLast = false] = readArguments<BatchArguments>(BatchSampler, args);
    this.sampler = checkSampler("BatchSampler", sampler);
    this.batchSize = checkCount("BatchSampler", "batchSize", batchSize);
    this.dropLast = dropLast;
  }

  get length(): number {
    return (this.dropLast ? Math.floor : Math.ceil)(
      lengthOf("BatchSampler", this.sampler, "the sampler") / this.batchSize,
    );
  }

  *[Symbol.iterator](): Iterator<readonly number[], void, undefined> {
    let batch: number[] = [];
    for (const index of this.sampler) {
      batch.push(index);
      if (batch.length < this.batchSize) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0 && !this.dropLast) yield batch;
  }
}
