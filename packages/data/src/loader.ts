/** Batches from a data set: made one at a time when they are asked for, from indices that a sampler draws. */
import { fail, reclaim } from "@dl/tensor";
import { lengthOf, type Sized } from "./checks.ts";
import { type Collated, steadyCollate, toDevice } from "./collate.ts";
import { asDataset, type Source } from "./dataset.ts";
import { arrivingBatches, type Grouping, indexedBatches, present, streamBatches } from "./fetch.ts";
import {
  type AnyOptions,
  checkOptions,
  chooseSampler,
  type DataLoaderOptions,
  type DataSource,
  isStream,
  type LoaderArguments,
  readOptions,
  type SampleOptions,
} from "./options.ts";
import { abortable, lookAhead } from "./prefetch.ts";
import { BatchSampler, type Sampler } from "./sampler.ts";
import { Turns } from "./turns.ts";

/** What a loader of narrower samples takes would, told as T, not let it pass for a loader of wider ones. */
// biome-ignore lint/suspicious/noExplicitAny: see above.
type Sample = any;

/**
 * Groups the samples of a data set into batches. Iterate with `for await (const batch of loader)`, or with
 * `for (const batch of loader)` where samples are no promises. Each loop over it is an epoch, with an order of its own if
 * `shuffle` is true; `break` ends it. The last batch may be smaller, unless `dropLast` is true.
 *
 * A batch has the form of a sample: of samples `[x, y]` it is `[X, Y]`, with tensors stacked along a new first dimension and
 * numbers made tensors. `collateFn` makes it in another way; otherwise a data set's `getBatch` is used where there is one.
 * The asynchronous form lets other tasks run now and then: a page stays alive, and unreachable tensors are freed.
 *
 * Options are listed at {@link DataLoaderOptions}.
 * @throws TensorError for options that contradict each other; while iterating, for samples that cannot be stacked, and with the
 * index and the `cause` for one whose `get` threw
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader
 * @example
 * const dataset = new TensorDataset(rand(100, 4), randint(0, 2, [100]));
 * const loader = new DataLoader(dataset, { batchSize: 32, shuffle: true, seed: 0 });
 * for await (const [x, y] of loader) {
 *   [x.shape, y.shape]; // [32, 4] [32], three times, then [4, 4] [4]
 * }
 */
export class DataLoader<T, B = Collated<T>> implements AsyncIterable<B>, Iterable<B> {
  /** Streams have no `length`. */
  readonly dataset: DataSource<T> & { readonly length: number };
  /** `undefined` where a batch sampler was given, `null` where samples come one by one. */
  readonly batchSize: number | null | undefined;
  readonly dropLast: boolean;
  /** What draws the samples; `undefined` for streams and where a batch sampler was given. */
  readonly sampler: Sampler | undefined;
  /** What draws the batches; `undefined` for streams. */
  readonly batchSampler: Sampler<readonly number[]> | undefined;
  readonly #options: AnyOptions<Sample, B>;
  readonly #collate: (samples: Sample[]) => B;

  constructor(dataset: DataSource<T>, ...args: LoaderArguments<T, B>);
  /** `batchSize: null` makes no batches: each sample comes as it is, or as `collateFn` makes it. */
  constructor(
    dataset: DataSource<T> & DataSource<B>,
    options: SampleOptions<T, B> & { readonly collateFn?: undefined },
  );
  constructor(dataset: DataSource<T>, options: SampleOptions<T, B>);
  // Is among the first already: the compiler explains by the last what fits none.
  constructor(dataset: DataSource<T>, options: DataLoaderOptions<T, B>);
  constructor(dataset: DataSource<T>, ...args: readonly unknown[]) {
    const options = readOptions<T, B>(args);
    const stream = isStream(dataset);
    checkOptions(options, stream);
    const { batchSize = 1, dropLast, batchSampler } = options as DataLoaderOptions<T, B>;
    this.dataset = dataset as DataSource<T> & { length: number };
    this.#options = options;
    this.#collate = chooseCollate(options);
    this.dropLast = dropLast ?? false;
    this.batchSize = batchSampler ? undefined : batchSize;
    this.sampler = stream || batchSampler ? undefined : chooseSampler(dataset, options);
    this.batchSampler = this.sampler
      ? new BatchSampler(this.sampler, this.#size, this.dropLast)
      : (batchSampler ?? undefined);
  }

  /** Batches in an epoch. */
  get length(): number {
    if (this.batchSampler) return lengthOf("DataLoader", this.batchSampler, "the batchSampler");
    const { dataset } = this;
    if (dataset.length !== undefined) {
      return (this.dropLast ? Math.floor : Math.ceil)(lengthOf("DataLoader", dataset as Sized) / this.#size);
    }
    return fail("DataLoader", "a stream has no length", "Count its batches, or give it a length");
  }

  *[Symbol.iterator](): Generator<B, void, undefined> {
    const { dataset } = this;
    const batches = isStream(dataset) ? streamBatches(dataset, this.#grouping) : this.#indexed();
    for (const batch of batches) {
      this.#options.signal?.throwIfAborted();
      yield this.#place(present(batch));
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<B, void, undefined> {
    const { dataset } = this;
    const { signal, prefetch } = this.#options;
    signal?.throwIfAborted();
    const batches = isStream(dataset) ? arrivingBatches(dataset, this.#grouping) : this.#indexed();
    const turns = new Turns();
    for await (const batch of lookAhead(batches, prefetch ?? 0, signal)) {
      yield this.#place(batch);
      const pause = reclaim() ?? turns.due();
      if (pause) await abortable(pause, signal);
    }
  }

  /** A sample by itself is a batch of one. */
  get #size(): number {
    return this.batchSize ?? 1;
  }

  get #grouping(): Grouping<Sample, B> {
    return { batchSize: this.#size, dropLast: this.dropLast, collate: this.#collate };
  }

  #indexed(): Generator<B | Promise<B>, void, undefined> {
    const dataset = asDataset(this.dataset as Source<T>);
    const whole = this.batchSize !== null && this.#options.collateFn == null;
    return indexedBatches(dataset, this.batchSampler!, this.#collate, whole);
  }

  #place(batch: B): B {
    const { device } = this.#options;
    return device == null ? batch : toDevice(batch, device);
  }
}

function chooseCollate<T, B>({ batchSize, collateFn }: AnyOptions<T, B>): (samples: T[]) => B {
  if (batchSize === null) return ([sample]) => (collateFn ? collateFn(sample as T) : (sample as unknown as B));
  return collateFn ?? (steadyCollate() as (samples: T[]) => unknown as (samples: T[]) => B);
}
