/** A number for all dimensions, or one for each. */
import { fail, showShape, showValue, type Tensor } from "@dl/tensor";

export type Size = number | readonly number[];

/** `3` → `[3, 3]`; a list must have one number for each of `rank` dimensions, none below `least`. */
export function each(op: string, what: string, value: Size, rank: number, least: 0 | 1 = 1): readonly number[] {
  if (!Array.isArray(value) && typeof value !== "number") fail(op, `${what} is ${value}, needs a number or ${rank}`);
  const given = typeof value === "number" ? [value] : value;
  if (given.length !== rank && given.length !== 1) fail(op, `${what} ${showShape(given)} needs ${rank} numbers`);
  if (!given.every((count) => Number.isInteger(count) && count >= least)) {
    fail(op, `${what} is ${showValue(value)}, needs whole numbers from ${least} up`);
  }
  return given.length === rank ? given : Array<number>(rank).fill(given[0]!);
}

/** Throws unless all are sizes. */
export function checkCounts(op: string, counts: Readonly<Record<string, number>>): void {
  for (const [what, count] of Object.entries(counts)) {
    if (!(Number.isInteger(count) && count >= 0)) fail(op, `${what} is ${showValue(count)}, needs a whole number`);
  }
}

const letters = ["D", "H", "W"];

/** `[N, C, H, W]` for 2 spatial dimensions. */
export function layoutOf(rank: number, batched: boolean): string {
  return `[${[...(batched ? ["N"] : []), "C", ...letters.slice(3 - rank)].join(", ")}]`;
}

/** Runs `body` on a batch: an input without batch dimension gets one of size 1, and loses it afterwards. */
export function batchwise(op: string, input: Tensor, rank: number, body: (x: Tensor) => Tensor): Tensor {
  if (input.ndim === rank + 2) return body(input);
  if (input.ndim === rank + 1) return body(input.unsqueeze(0)).squeeze(0);
  return fail(op, `needs ${layoutOf(rank, true)} or ${layoutOf(rank, false)}, got ${showShape(input.shape)}`);
}
