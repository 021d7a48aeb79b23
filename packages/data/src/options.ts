/** What a loader can be told, and which of it contradicts. */
import { fail, Generator, isOptions, readArguments } from "@dl/tensor";
import type { Dataset, IterableDataset } from "./dataset.ts";
import { RandomSampler, type Sampler, SequentialSampler, type Sized } from "./sampler.ts";
import type { AbortSignalLike } from "./signal.ts";

/** Samples that come one after the other, without indices. */
export type Stream<T> = IterableDataset<T> | Iterable<T> | AsyncIterable<T>;

/** What a loader takes: a data set with `get`, an array, or a stream. */
export type DataSource<T> = Dataset<T> | readonly T[] | Stream<T>;

/** What either kind of loader can be told: one of batches, or one of samples. */
interface CommonOptions {
  /** Draw the samples in a new random order in each epoch. */
  readonly shuffle?: boolean | undefined;
  /** The order of the samples: a sampler, or a list of indices. */
  readonly sampler?: Sampler | readonly number[] | undefined;
  /** Where the random order comes from; without it, from the generator that `manualSeed` seeds. */
  readonly generator?: Generator | undefined;
  /** A generator of its own that starts from this seed. */
  readonly seed?: number | undefined;
  /** Batches to start on ahead of the one in use, for data that arrives asynchronously; 0 if left out. */
  readonly prefetch?: number | undefined;
  /** Where the batch's tensors shall be. */
  readonly device?: string | undefined;
  /** An `AbortSignal`: ends the iteration with its reason. */
  readonly signal?: AbortSignalLike | undefined;
}

export interface DataLoaderOptions<T, B> extends CommonOptions {
  /** Samples in a batch; 1 if left out. */
  readonly batchSize?: number | undefined;
  /** The order of whole batches, instead of `batchSize`, `shuffle`, `sampler` and `dropLast`. */
  readonly batchSampler?: Sampler<readonly number[]> | readonly (readonly number[])[] | undefined;
  /** Leave out a last batch that is smaller than the others. */
  readonly dropLast?: boolean | undefined;
  /** Makes the batch from its samples; `defaultCollate` if left out. */
  readonly collateFn?: ((samples: T[]) => B) | undefined;
}

/** Of a loader that makes no batches: each sample comes by itself. */
export interface SampleOptions<T, B> extends CommonOptions {
  readonly batchSize: null;
  /** What is made of each sample; it comes as it is if left out. */
  readonly collateFn?: ((sample: T) => B) | undefined;
}

export type AnyOptions<T, B> = DataLoaderOptions<T, B> | SampleOptions<T, B>;

type Order = Sampler | readonly number[] | null;
type BatchOrder = DataLoaderOptions<unknown, unknown>["batchSampler"] | null;

/** Options by name, after as many of PyTorch's first four as stand by position. */
export type LoaderArguments<T, B> =
  | [options?: DataLoaderOptions<T, B>]
  | [batchSize: number | undefined, options?: DataLoaderOptions<T, B>]
  | [batchSize: number | undefined, shuffle: boolean | undefined, options?: DataLoaderOptions<T, B>]
  | [
      batchSize: number | undefined,
      shuffle: boolean | undefined,
      sampler: Order | undefined,
      options?: DataLoaderOptions<T, B>,
    ]
  | [
      batchSize: number | undefined,
      shuffle: boolean | undefined,
      sampler: Order | undefined,
      batchSampler: BatchOrder,
      options?: DataLoaderOptions<T, B>,
    ];

type Names = keyof DataLoaderOptions<unknown, unknown>;

/** Every option, with those it cannot stand beside. */
const rivals: { readonly [K in Names]-?: readonly Names[] } = {
  batchSize: [],
  shuffle: [],
  sampler: ["shuffle"],
  batchSampler: ["batchSize", "shuffle", "sampler", "dropLast"],
  dropLast: [],
  collateFn: [],
  generator: [],
  seed: ["generator"],
  prefetch: [],
  device: [],
  signal: [],
};

const byPosition = ["batchSize", "shuffle", "sampler", "batchSampler"] as const;

/** @throws TensorError for more arguments than have a place, or one given twice */
export function readOptions<T, B>(args: readonly unknown[]): AnyOptions<T, B> {
  const last = args.at(-1);
  const named: Readonly<Record<string, unknown>> = isOptions(last) ? last : {};
  const values = isOptions(last) ? args.slice(0, -1) : args;
  const placed = readArguments({ name: "DataLoader", names: byPosition }, values);
  const options: Record<string, unknown> = { ...named };
  for (const [i, value] of placed.entries()) {
    const name = byPosition[i]!;
    if (value !== undefined && named[name] !== undefined) {
      fail("DataLoader", `${name} is given twice, by position and by name`, "Leave one of them out");
    }
    if (value !== undefined) options[name] = value;
  }
  return options;
}

const forIndices: readonly Names[] = ["shuffle", "sampler", "batchSampler"];

/** @throws TensorError for an unknown option, and for two that exclude each other */
export function checkOptions(options: AnyOptions<never, unknown>, stream: boolean): void {
  const given = options as DataLoaderOptions<never, unknown>;
  // A batch size of null says something.
  const isSet = (name: Names): boolean =>
    name === "batchSize" ? given[name] !== undefined : (given[name] ?? false) !== false;
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(rivals, name)) {
      fail("DataLoader", `unknown option ${name}`, `Options are ${Object.keys(rivals).join(", ")}`);
    }
    const rival = isSet(name as Names) ? rivals[name as Names].find(isSet) : undefined;
    if (rival) fail("DataLoader", `${name} and ${rival} exclude each other`, "Leave one of them out");
  }
  const misplaced = stream ? forIndices.find(isSet) : undefined;
  if (misplaced) {
    fail("DataLoader", `${misplaced} needs indices, but the data set is a stream`, "Give it length and get(index)");
  }
  const { prefetch = 0 } = options;
  if (!(Number.isInteger(prefetch) && prefetch >= 0)) {
    fail("DataLoader", `prefetch is ${prefetch}, needs a whole number from 0 up`);
  }
}

/** The order of samples that the options ask for. */
export function chooseSampler(
  source: Sized,
  { sampler, shuffle, seed, generator }: AnyOptions<never, unknown>,
): Sampler {
  if (sampler) return sampler;
  lengthOf(source);
  if (!shuffle) return new SequentialSampler(source);
  return new RandomSampler(source, { generator: seed === undefined ? generator : new Generator().manualSeed(seed) });
}

/** @throws TensorError where the length cannot be counted up to, such as a method's */
export function lengthOf({ length }: Sized): number {
  if (Number.isInteger(length) && length >= 0) return length;
  const got = typeof length === "function" ? "a method" : length;
  return fail(
    "DataLoader",
    `the data set's length is ${got}, needs a whole number from 0 up`,
    "Write get length() { … }",
  );
}

/** Whether samples have no indices. @throws TensorError for what is no data set at all */
export function isStream<T>(source: DataSource<T>): source is Stream<T> {
  if (Array.isArray(source) || typeof (source as Partial<Dataset<T>> | null)?.get === "function") return false;
  const { [Symbol.iterator]: now, [Symbol.asyncIterator]: later } = Object(source) as IterableDataset<T>;
  if (now || later) return true;
  return fail(
    "DataLoader",
    "the data set has neither items nor an iterator",
    "Give it length and get(index), or *[Symbol.iterator]()",
  );
}
