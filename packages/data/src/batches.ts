/** What data sets answer: samples, or whole batches where they make them themselves. */
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

/** Whether there is a `get` nearer to the object than its `getBatch`. */
function isOutdone(dataset: object): boolean {
  for (let level = dataset; level; level = Object.getPrototypeOf(level)) {
    if (Object.hasOwn(level, "getBatch")) return false;
    if (Object.hasOwn(level, "get")) return true;
  }
  return false;
}

/** {@link batchOf} for a loader: errors tell which samples they are of. */
export function wholeBatch<T>(dataset: Dataset<T>, indices: readonly number[]): unknown {
  return guard<unknown>(
    () => batchOf(dataset, indices),
    () => `getBatch([${preview(indices)}])`,
  );
}

/** The batch that `collate` makes of single samples. */
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

/** What a data set that wraps others asks one of them for. */
export interface Request {
  readonly dataset: Dataset;
  readonly indices: readonly number[];
  readonly collate: Collate<unknown, unknown>;
}

/**
 * What `join` makes of the batches of several data sets; `undefined` where none of them makes batches itself. Those that
 * do not, beside some that do, are collated.
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

/** `join` of the values, when all are there. */
export function joined<T, R>(values: readonly (T | Promise<T>)[], join: (values: T[]) => R): R | Promise<R> {
  return values.some(isPromise) ? Promise.all(values).then(join) : join(values as T[]);
}

/** Says which samples failed. */
function guard<R>(body: () => R | Promise<R>, name: () => string): R | Promise<R> {
  const explain = (cause: unknown): never => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TensorError(`DataLoader: the data set's ${name()} failed: ${reason}`, { cause });
  };
  try {
    const result = body();
    if (!isPromise(result)) return result;
    const guarded = result.catch(explain);
    guarded.catch(() => {}); // whoever awaits it hears of it; nobody may, when another sample failed first
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
