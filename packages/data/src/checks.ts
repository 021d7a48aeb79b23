/** What lengths, indices and counts have to be, for everything that takes them. */
import { dtypes, fail, isTensor } from "@dl/tensor";

/** Whatever has a length: a data set, an array. */
export interface Sized {
  readonly length: number;
}

/** A value as errors tell it: `"2"`, `5n`, `a Set`. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  const name: string = value.constructor?.name ?? "Object";
  return `${/^[AEIOU]/.test(name) ? "an" : "a"} ${name}`;
}

/** Whether a loop can go over a value, one that waits if need be. */
export function iterates(value: unknown): boolean {
  const { [Symbol.iterator]: now, [Symbol.asyncIterator]: later } = Object(value);
  return typeof (now ?? later) === "function";
}

/** Whether a value may be a sampler, or a list in its place. */
export function isOrder(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}

/** @throws TensorError where the length cannot be counted up to, such as a method's */
export function lengthOf(op: string, source: Sized, what: string = "the data set"): number {
  const length = (source as Partial<Sized> | null | undefined)?.length;
  if (Number.isInteger(length) && length! >= 0) return length!;
  const got = typeof length === "function" ? "a method" : show(length);
  const of = typeof source === "object" && source !== null ? "" : `, which is ${show(source)},`;
  return fail(
    op,
    `the length of ${what}${of} is ${got}, needs a whole number from 0 up`,
    "Write get length() { … }, or use a list",
  );
}

/** The index from the front. @throws TensorError unless a data set of this length has it */
export function checkIndex(op: string, index: number, length: number): number {
  if (Number.isInteger(index) && index >= -length && index < length) return index < 0 ? index + length : index;
  const remedy = "Indices are whole numbers below length; negative ones count from the end";
  return fail(op, `index ${show(index)} is not in 0 … ${length - 1}`, remedy);
}

/** A list of indices. @throws TensorError for what is none, and for tensors of other numbers than integers */
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
  return fail(op, `${what} are ${show(indices)}, need a list or an integer tensor`, remedy);
}

/** `value` if it is a whole number above 0. */
export function checkCount(op: string, name: string, value: number): number {
  if (isCount(value)) return value;
  return fail(op, `${name} is ${show(value)}, needs a whole number above 0`);
}

export function isCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) > 0;
}
