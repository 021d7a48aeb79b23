/** Whole batches from data sets that make them themselves. */
import { fail } from "@dl/tensor";
import type { Collated } from "./collate.ts";
import type { Dataset } from "./dataset.ts";

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
