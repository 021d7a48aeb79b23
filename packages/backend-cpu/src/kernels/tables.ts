/** Tables that formulas look numbers up in: rows of two float64 numbers, computed on first use. */
import { memory } from "../runtime/index.ts";
import type { Node } from "./expression.ts";

/** What can be looked up; a table may have more rows, for those that begin later. */
export const ROWS = 256;
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
