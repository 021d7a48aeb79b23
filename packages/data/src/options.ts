/** What a loader can be told, and which of it contradicts. */
import { fail, Generator } from "@dl/tensor";
import type { Dataset, IterableDataset } from "./dataset.ts";
import { RandomSampler, type Sampler, SequentialSampler } from "./sampler.ts";
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

const forIndices: readonly Names[] = ["shuffle", "sampler", "batchSampler"];

/** @throws TensorError for an unknown option, and for two that exclude each other */
export function checkOptions(options: AnyOptions<never, unknown>, stream: boolean): void {
  const given = options as DataLoaderOptions<never, unknown>;
  const isSet = (name: Names): boolean => given[name] !== undefined && given[name] !== false;
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
  source: { readonly length: number },
  { sampler, shuffle, seed, generator }: AnyOptions<never, unknown>,
): Sampler {
  if (sampler) return sampler;
  if (!shuffle) return new SequentialSampler(source);
  return new RandomSampler(source, { generator: seed === undefined ? generator : new Generator().manualSeed(seed) });
}

/** Whether samples have no indices. */
export function isStream<T>(source: DataSource<T>): source is Stream<T> {
  return !Array.isArray(source) && typeof (source as Partial<Dataset<T>>).get !== "function";
}
