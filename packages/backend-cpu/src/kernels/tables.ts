/** Tables that formulas look numbers up in: rows of two float64 or float32 numbers, computed on first use. */
import { memory } from "../runtime/index.ts";
import type { Node } from "./expression.ts";

/** What `lookup` finds; a table may have more rows, for those that begin later. */
export const ROWS = 256;
/** What `column` finds, and the bytes of two float32 numbers: together half of a core's fastest memory. */
export const MANY_ROWS = 2048;
export const WORD_PAIR = 8;
export const ROW_BYTES = 16;

/** Gives the address, which is low: kernels have it as an offset. `fill` gets where in `heap.f64` the rows begin. */
export function table(rows: number, fill: (start: number) => void): () => number {
  const block = memory.allocate(rows * ROW_BYTES);
  let filled = false;
  return () => {
    if (!filled) fill(block.address / 8);
    filled = true;
    return block.address;
  };
}

/** The number that has this address in the first row: of the row that eight bits from `bit` on say. */
export function lookup(index: Node, address: number, bit = 0): Node {
  return { type: "f64", op: "lookup", args: [index], detail: address, bit };
}

/**
 * One of the two float32 numbers of a row that begins where the low 16 bits of `place` say. Both columns of a place are
 * loaded together.
 */
export function column(place: Node, address: number, index: 0 | 1): Node {
  return { type: "f32", op: "column", args: [place], detail: address, column: index };
}
