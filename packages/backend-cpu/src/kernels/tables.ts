/** Tables that formulas look numbers up in: 256 rows of two float64 numbers, computed on first use and kept. */
import type { Block } from "../runtime/block.ts";
import { memory } from "../runtime/index.ts";

export const ROWS = 256;
export const ROW_BYTES = 16;

/** Addresses of both columns. */
export type Columns = readonly [first: number, second: number];

/** `fill` gets where in `heap.f64` the rows begin. */
export function table(fill: (start: number) => void): () => Columns {
  let block: Block | undefined;
  return () => {
    if (!block) {
      block = memory.allocate(ROWS * ROW_BYTES);
      fill(block.address / 8);
    }
    return [block.address, block.address + 8];
  };
}
