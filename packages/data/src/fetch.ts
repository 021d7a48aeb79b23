/** How batches come about: from indices, or from a stream. */
import { fail, TensorError } from "@dl/tensor";
import { batchOf } from "./batches.ts";
import type { Dataset } from "./dataset.ts";
import type { Stream } from "./options.ts";

type Collate<T, B> = (samples: T[]) => B;

/** A data set, or a list of its samples. */
export type Source<T> = Dataset<T> | readonly T[];

/** A list is a data set too. */
export function asDataset<T>(source: Source<T>): Dataset<T> {
  if (!Array.isArray(source)) return source as Dataset<T>;
  return { length: source.length, get: (index) => source[index] as T };
}

/** A batch for each list of indices; a promise where the data set's items are. */
export function* indexedBatches<T, B>(
  dataset: Dataset<T>,
  order: Iterable<readonly number[]>,
  collate: Collate<T, B>,
  whole: boolean,
): Generator<B | Promise<B>, void, undefined> {
  for (const indices of order) {
    const batch = whole ? wholeBatch(dataset, indices) : undefined;
    yield (batch as B | undefined) ?? fromSamples(dataset, indices, collate);
  }
}

function wholeBatch<T>(dataset: Dataset<T>, indices: readonly number[]): unknown {
  return guard<unknown>(
    () => batchOf(dataset, indices),
    () => `getBatch([${preview(indices)}])`,
  );
}

function fromSamples<T, B>(dataset: Dataset<T>, indices: readonly number[], collate: Collate<T, B>): B | Promise<B> {
  const samples = indices.map((index) =>
    guard(
      () => dataset.get(index),
      () => `get(${index})`,
    ),
  );
  return samples.some(isPromise) ? Promise.all(samples).then(collate) : collate(samples as T[]);
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

export interface Grouping<T, B> {
  readonly batchSize: number;
  readonly dropLast: boolean;
  readonly collate: Collate<T, B>;
}

/** A stream's samples in groups, at once. */
export function* streamBatches<T, B>(
  stream: Stream<T>,
  { batchSize, dropLast, collate }: Grouping<T, B>,
): Generator<B, void, undefined> {
  if (!(Symbol.iterator in stream)) failAsync();
  let samples: T[] = [];
  for (const sample of stream as Iterable<T>) {
    samples.push(sample);
    if (samples.length < batchSize) continue;
    yield collate(samples);
    samples = [];
  }
  if (samples.length > 0 && !dropLast) yield collate(samples);
}

/** A stream's samples in groups, as they arrive. */
export async function* arrivingBatches<T, B>(
  stream: Stream<T>,
  { batchSize, dropLast, collate }: Grouping<T, B>,
): AsyncGenerator<B, void, undefined> {
  let samples: T[] = [];
  for await (const sample of stream as AsyncIterable<T> | Iterable<T>) {
    samples.push(sample);
    if (samples.length < batchSize) continue;
    yield collate(samples);
    samples = [];
  }
  if (samples.length > 0 && !dropLast) yield collate(samples);
}

/** The batch itself, for loops that cannot wait. */
export function present<B>(batch: B | Promise<B>): B {
  if (!isPromise(batch)) return batch;
  batch.catch(() => {});
  return failAsync();
}

function failAsync(): never {
  return fail("DataLoader", "the data set is asynchronous, a plain for loop cannot wait for it", "Use for await");
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return value instanceof Promise;
}
