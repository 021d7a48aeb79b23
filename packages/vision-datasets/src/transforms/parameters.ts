/** What transforms are told, and what they draw. */
import { defaultGenerator, fail, showValue, words } from "@dl/tensor";

/** A length for both sides, or [height, width]. */
export type Size = number | readonly [both: number] | readonly [height: number, width: number];

/** One number for all, or a list of as many as one of `counts` says. */
export function wholeNumbers(
  op: string,
  what: string,
  given: unknown,
  counts: readonly number[],
  least: number,
): readonly number[] {
  const list: unknown[] = Array.isArray(given) ? given : [given];
  const fit = list.every((item) => Number.isInteger(item) && (item as number) >= least);
  if (fit && counts.includes(list.length)) return list as number[];
  const numbers = `${counts.slice(0, -1).join(", ")} or ${counts.at(-1)} whole numbers`;
  return fail(op, `${what} is ${showValue(given)}, needs ${numbers}${least > 0 ? " above 0" : ""}`);
}

export function parseSize(op: string, size: Size): readonly [number, number] {
  const [height, width = height] = wholeNumbers(op, "size", size, [1, 2], 1) as [number, number?];
  return [height, width];
}

export function checkFill(op: string, fill: unknown): void {
  if (typeof fill !== "number") fail(op, `fill is ${showValue(fill)}, needs one number for all channels`);
}

export function checkProbability(op: string, p: number): void {
  if (!(p >= 0 && p <= 1)) fail(op, `p is ${showValue(p)}, needs a probability from 0 to 1`);
}

/** A number in [0, 1) from the generator that `manualSeed` seeds. */
export function uniform(): number {
  return words(defaultGenerator.take(1))() / 2 ** 32;
}
