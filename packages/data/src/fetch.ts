/** Makes batches, from indices or from a stream. */
import { fail } from "@dl/tensor";
import { type Collate, fromSamples, isPromise, wholeBatch } from "./batches.ts";
import { indexList } from "./checks.ts";
import type { Dataset } from "./dataset.ts";
import type { Stream } from "./options.ts";

/** Yields a batch for each list of indices, or a promise of it if the data set's samples are promises. */
export function* indexedBatches<T, B>(
  dataset: Dataset<T>,
  order: Iterable<unknown>,
  collate: Collate<T, B>,
  whole: boolean,
): Generator<B | Promise<B>, void, undefined> {
  for (const drawn of order) {
    const list = indexList("DataLoader", drawn, "the indices of a batch");
    const indices: readonly number[] = Array.isArray(list) ? list : Array.from(list);
    const batch = whole ? wholeBatch(dataset, indices) : undefined;
    yield (batch as B | undefined) ?? fromSamples(dataset, indices, collate);
  }
}

export interface Grouping<T, B> {
  readonly batchSize: number;
  readonly dropLast: boolean;
  readonly collate: Collate<T, B>;
}

/** Yields the samples of a synchronous stream in batches. */
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

/** Yields the samples of a stream in batches, waiting for them if need be. */
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

/** The batch itself, for loops that cannot wait. @throws TensorError if it is a promise */
export function present<B>(batch: B | Promise<B>): B {
  if (!isPromise(batch)) return batch;
  batch.catch(() => {});
  return failAsync();
}

function failAsync(): never {
  return fail("DataLoader", "the data set is asynchronous, a plain for loop cannot wait for it", "Use for await");
}
