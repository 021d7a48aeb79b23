/** What a loader can be told, and which of it contradicts. */
import { fail, Generator, isOptions, readArguments, showValue, type Tensor } from "@dl/tensor";
import { isCount, isOrder, iterates, lengthOf, type Sized } from "./checks.ts";
import type { Dataset, IterableDataset } from "./dataset.ts";
import { checkSampler, RandomSampler, type Sampler, SequentialSampler } from "./sampler.ts";
import type { AbortSignalLike } from "./signal.ts";

/** Samples that come one after the other, without indices. */
export type Stream<T> = IterableDataset<T> | Iterable<T> | AsyncIterable<T>;

/** What a loader takes: a data set with `get`, an array, or a stream. */
export type DataSource<T> = Dataset<T> | readonly T[] | Stream<T>;

/** What either kind of loader can be told: one of batches, or one of samples. */
interface CommonOptions {
  /** Draw the samples in a new random order in each epoch. */
  readonly shuffle?: boolean | undefined;
  /** The order of the samples: a sampler, a list of indices, or a tensor of them. */
  readonly sampler?: Sampler | readonly number[] | Tensor | undefined;
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

type Order = Sampler | readonly number[] | Tensor | null;
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

interface Rule {
  readonly needs: string;
  readonly fits: (value: never) => boolean;
  /** Options it cannot stand beside. */
  readonly excludes?: readonly Names[];
}

const boolean: Rule = { needs: "true or false", fits: (value: unknown) => typeof value === "boolean" };
const hears = (value: Partial<AbortSignalLike>): boolean =>
  typeof value.throwIfAborted === "function" && typeof value.addEventListener === "function";

/** Every option; `null` leaves it out. */
const rules: { readonly [K in Names]-?: Rule } = {
  batchSize: { needs: "a whole number above 0", fits: isCount },
  shuffle: boolean,
  sampler: { needs: "a sampler or a list of indices", fits: isOrder, excludes: ["shuffle"] },
  batchSampler: {
    needs: "a sampler of batches or a list of lists of indices",
    fits: isOrder,
    excludes: ["batchSize", "shuffle", "sampler", "dropLast"],
  },
  dropLast: boolean,
  collateFn: { needs: "a function", fits: (value: unknown) => typeof value === "function" },
  generator: { needs: "a Generator", fits: (value: unknown) => value instanceof Generator },
  seed: { needs: "a whole number below 2 ** 53", fits: Number.isSafeInteger, excludes: ["generator"] },
  prefetch: { needs: "a whole number from 0 up", fits: (value: unknown) => value === 0 || isCount(value) },
  device: { needs: "a device's name", fits: (value: unknown) => typeof value === "string" },
  signal: { needs: "an AbortSignal", fits: hears },
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

/** @throws TensorError for an unknown option, one that is not what it needs to be, and two that exclude each other */
export function checkOptions(options: AnyOptions<never, unknown>, stream: boolean): void {
  const given = options as DataLoaderOptions<never, unknown>;
  // A batch size of null says something.
  const isSet = (name: Names): boolean =>
    name === "batchSize" ? given[name] !== undefined : (given[name] ?? false) !== false;
  for (const [name, value] of Object.entries(options)) {
    const { needs, fits, excludes } = ruleOf(name);
    if (value != null && !fits(value as never)) fail("DataLoader", `${name} is ${showValue(value)}, needs ${needs}`);
    const rival = isSet(name as Names) ? excludes?.find(isSet) : undefined;
    if (rival) fail("DataLoader", `${name} and ${rival} exclude each other`, "Leave one of them out");
  }
  if (options.batchSize === null && isSet("dropLast")) {
    fail("DataLoader", "batchSize: null and dropLast exclude each other", "Samples by themselves leave no rest");
  }
  const misplaced = stream ? forIndices.find(isSet) : undefined;
  if (misplaced) {
    fail("DataLoader", `${misplaced} needs indices, but the data set is a stream`, "Give it length and get(index)");
  }
}

function ruleOf(name: string): Rule {
  if (Object.hasOwn(rules, name)) return rules[name as Names];
  const parallel = /worker|pin|prefetch/i.test(name);
  const hint = parallel ? ". There are no worker processes: prefetch starts on batches ahead of the one in use" : "";
  return fail("DataLoader", `unknown option ${name}`, `Options are ${Object.keys(rules).join(", ")}${hint}`);
}

/** The order of samples that the options ask for. */
export function chooseSampler(
  source: Sized,
  { sampler, shuffle, seed, generator }: AnyOptions<never, unknown>,
): Sampler {
  if (sampler) return checkSampler("DataLoader", sampler as Sampler);
  lengthOf("DataLoader", source);
  if (!shuffle) return new SequentialSampler(source);
  const own = seed == null ? generator : new Generator().manualSeed(seed);
  return new RandomSampler(source, { generator: own });
}

/** Whether samples have no indices. @throws TensorError for what is no data set at all */
export function isStream<T>(source: DataSource<T>): source is Stream<T> {
  if (Array.isArray(source) || typeof (source as Partial<Dataset<T>> | null)?.get === "function") return false;
  if (iterates(source)) return true;
  return fail(
    "DataLoader",
    "the data set has neither items nor an iterator",
    "Give it length and get(index), or *[Symbol.iterator]()",
  );
}
