/** Asks data sets for samples, or for whole batches where they have a `getBatch`. */
import { fail, TensorError } from "@dl/tensor";
import type { Collated } from "./collate.ts";
import type { Dataset } from "./dataset.ts";

export type Collate<T, B> = (samples: T[]) => B;

/**
 * The batch that a data set's `getBatch` makes of the samples at `indices`, for data sets that wrap others. `undefined`
 * where it makes none, or where its samples come from a `get` that is nearer to the object: of a class that extends the
 * one with `getBatch`, or assigned.
 * @example
 * batchOf(new TensorDataset(arange(5)), [0, 2]); // [tensor([0, 2])]
 * batchOf({ length: 3, get: (index) => index }, [0, 2]); // undefined
 */
export function batchOf<T>(
  dataset: Dataset<T>,
  indices: readonly number[],
): Collated<T> | Promise<Collated<T>> | undefined {
  const { getBatch } = dataset;
  if (getBatch == null || isOutdone(dataset)) return undefined;
  if (typeof getBatch !== "function") fail("getBatch", `is a ${typeof getBatch}, needs to be a method`);
  return getBatch.call(dataset, indices);
}

/** Whether `get` is overridden closer to the object than `getBatch`, which then does not know of it. */
function isOutdone(dataset: object): boolean {
  for (let level = dataset; level; level = Object.getPrototypeOf(level)) {
    if (Object.hasOwn(level, "getBatch")) return false;
    if (Object.hasOwn(level, "get")) return true;
  }
  return false;
}

/** {@link batchOf} for a loader, whose errors name the samples. */
export function wholeBatch<T>(dataset: Dataset<T>, indices: readonly number[]): unknown {
  return guard<unknown>(
    () => batchOf(dataset, indices),
    () => `getBatch([${preview(indices)}])`,
  );
}

/** Asks for the samples one by one, and collates them. */
export function fromSamples<T, B>(
  dataset: Dataset<T>,
  indices: readonly number[],
  collate: Collate<T, B>,
): B | Promise<B> {
  const samples = indices.map((index) =>
    guard(
      () => dataset.get(index),
      () => `get(${index})`,
    ),
  );
  return joined(samples, collate);
}

/** What a data set that wraps others wants from one of them. */
export interface Request {
  readonly dataset: Dataset;
  readonly indices: readonly number[];
  readonly collate: Collate<unknown, unknown>;
}

/**
 * Joins the batches of several data sets. `undefined` if none of them has a `getBatch`; if only some have, the samples
 * of the others are collated.
 */
export function joinBatches<B>(
  requests: readonly Request[],
  join: (batches: unknown[]) => B,
): B | Promise<B> | undefined {
  const made: unknown[] = requests.map(({ dataset, indices }) => batchOf(dataset, indices));
  if (made.every((batch) => batch === undefined)) return undefined;
  const batches = requests.map(({ dataset, indices, collate }, i) => made[i] ?? fromSamples(dataset, indices, collate));
  return joined(batches, join);
}

/** Calls `join` with the values, or returns a promise of that if any of them is a promise. */
export function joined<T, R>(values: readonly (T | Promise<T>)[], join: (values: T[]) => R): R | Promise<R> {
  return values.some(isPromise) ? Promise.all(values).then(join) : join(values as T[]);
}

/** Runs `body`; an error, also that of a promise, names the samples that failed. */
function guard<R>(body: () => R | Promise<R>, name: () => string): R | Promise<R> {
  const explain = (cause: unknown): never => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TensorError(`DataLoader: the data set's ${name()} failed: ${reason}`, { cause });
  };
  try {
    const result = body();
    if (!isPromise(result)) return result;
    const guarded = result.catch(explain);
    guarded.catch(() => {}); // If another sample fails first, nobody awaits this one: that must not count as unhandled.
    return guarded;
  } catch (error) {
    return explain(error);
  }
}

function preview(indices: readonly number[]): string {
  return indices.length > 8 ? `${indices.slice(0, 8).join(", ")}, … ${indices.length} in all` : indices.join(", ");
}

export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return value instanceof Promise;
}
