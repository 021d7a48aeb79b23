/** Tables that formulas look numbers up in: rows of two float64 numbers, computed on first use and kept. */
import type { Block } from "../runtime/block.ts";
import { memory } from "../runtime/index.ts";

/** What can be looked up; a table may have more rows, for those that begin later. */
export const ROWS = 256;
export const ROW_BYTES = 16;

/** Gives the address; `fill` gets where in `heap.f64` the rows begin. */
export function table(rows: number, fill: (start: number) => void): () => number {
  let block: Block | undefined;
  return () => {
    if (!block) {
      block = memory.allocate(rows * ROW_BYTES);
      fill(block.address / 8);
    }
    return block.address;
  };
}
