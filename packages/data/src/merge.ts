/** Batches into one, along their first dimension. */
import { cat, fail, fromArray, isTensor, type Tensor, tidy } from "@dl/tensor";
import { show } from "./checks.ts";
import { isPlain } from "./collate.ts";

/** The rows of the batches laid end to end, in the given order: of tensors and lists of strings, wherever they are. */
export function merge(batches: readonly unknown[], rows: readonly number[]): unknown {
  const [first] = batches;
  if (isTensor(first)) return pick(batches as readonly Tensor[], rows);
  const part = (key: string | number): unknown =>
    merge(
      batches.map((batch) => (batch as Readonly<Record<string | number, unknown>>)[key]),
      rows,
    );
  if (Array.isArray(first)) {
    if (typeof first[0] !== "string") return first.map((_, i) => part(i));
    const strings = batches.flat();
    return rows.map((row) => strings[row]);
  }
  if (isPlain(first)) return Object.fromEntries(Object.keys(first as object).map((key) => [key, part(key)]));
  return fail(
    "ConcatDataset",
    `cannot join batches that hold ${show(first)}`,
    "Let getBatch give what defaultCollate does",
  );
}

function pick(tensors: readonly Tensor[], rows: readonly number[]): Tensor {
  return tidy(() => {
    const whole = cat(tensors);
    return whole.indexSelect(0, fromArray(BigInt64Array.from(rows, BigInt), [rows.length], { device: whole.device }));
  });
}
