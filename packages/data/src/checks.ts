/** Checks of lengths, indices and counts that users give. */
import { dtypes, fail, isTensor, showValue } from "@dl/tensor";

/** Whatever has a length: a data set, an array. */
export interface Sized {
  readonly length: number;
}

/** Whether `for await` can go over a value. */
export function iterates(value: unknown): boolean {
  const { [Symbol.iterator]: now, [Symbol.asyncIterator]: later } = Object(value);
  return typeof (now ?? later) === "function";
}

/** Whether a value may be a sampler, or a list of indices in its place. */
export function isOrder(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}

/** The length of a data set or list. @throws TensorError unless it is a whole number; a method, for instance, is not */
export function lengthOf(op: string, source: Sized, what: string = "the data set"): number {
  const length = (source as Partial<Sized> | null | undefined)?.length;
  if (Number.isInteger(length) && length! >= 0) return length!;
  const got = typeof length === "function" ? "a method" : showValue(length);
  const of = typeof source === "object" && source !== null ? "" : `, which is ${showValue(source)},`;
  return fail(
    op,
    `the length of ${what}${of} is ${got}, needs a whole number from 0 up`,
    "Write get length() { … }, or use a list",
  );
}

/** The index, counted from the front. @throws TensorError unless it is in range for this length */
export function checkIndex(op: string, index: number, length: number): number {
  if (Number.isInteger(index) && index >= -length && index < length) return index < 0 ? index + length : index;
  const remedy = "Indices are whole numbers below length; negative ones count from the end";
  return fail(op, `index ${showValue(index)} is not in 0 … ${length - 1}`, remedy);
}

/** The indices as a list. @throws TensorError unless they are a list or an integer tensor */
export function indexList(op: string, indices: unknown, what: string = "the indices"): ArrayLike<number> {
  if (isTensor(indices)) {
    if (dtypes[indices.dtype].kind === "int") return indices.flatten().toArray() as number[];
    const remedy =
      indices.dtype === "bool" ? "Turn the mask into positions: mask.nonzero()" : 'Cast them: .to("int64")';
    return fail(op, `${what} are a ${indices.dtype} tensor, need integers`, remedy);
  }
  const list = indices as ArrayLike<number> | null;
  if (typeof list === "object" && Number.isInteger(list?.length)) return list!;
  const remedy = iterates(indices) ? "Spread it: [...indices]" : undefined;
  return fail(op, `${what} are ${showValue(indices)}, need a list or an integer tensor`, remedy);
}

/** Returns `value`. @throws TensorError unless it is a whole number above 0 */
export function checkCount(op: string, name: string, value: number): number {
  if (isCount(value)) return value;
  return fail(op, `${name} is ${showValue(value)}, needs a whole number above 0`);
}

export function isCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) > 0;
}
