/**
 * Walks over several strided operands of one shape: dimensions are merged where all operands allow it, and the result is
 * written down where kernels read it (see `rows` in `loops.ts`).
 */
import type { Shape } from "@dl/tensor";
import { heap, memory } from "../runtime/index.ts";
import { PLAN_MIDDLE, PLAN_OPERANDS, PLAN_OUTER, PLAN_RUN } from "./loops.ts";

/** Tiles of a walk in which no operand's order suits the others'. */
const TILE = 32;
const block = memory.allocate(4096);

/** Merged dimensions, outermost first; strides in bytes, one list for each operand. */
export class Walk {
  readonly sizes: number[] = [];
  readonly strides: number[][];

  constructor(shape: Shape, operands: readonly Shape[], bytes: readonly number[]) {
    this.strides = operands.map(() => []);
    for (let dim = 0; dim < shape.length; dim++) {
      if (shape[dim] !== 1) this.#append(shape[dim]!, operands, bytes, dim);
    }
    if (this.sizes.length === 0) this.#appendUnit(bytes);
  }

  /** Elements of the innermost dimension. */
  get run(): number {
    return this.sizes.at(-1)!;
  }

  /** How many runs there are. */
  get rows(): number {
    let rows = 1;
    for (let dim = 0; dim < this.sizes.length - 1; dim++) rows *= this.sizes[dim]!;
    return rows;
  }

  /** An operand's stride along the innermost dimension. */
  inner(operand: number): number {
    return this.strides[operand]!.at(-1)!;
  }

  /** Cuts the two innermost dimensions into tiles, if they divide, so that transposed operands stay in the cache. */
  tile(): void {
    const rank = this.sizes.length;
    const [rows, columns] = [this.sizes[rank - 2] ?? 0, this.sizes[rank - 1]!];
    if (rows < 2 * TILE || columns < 2 * TILE || rows % TILE !== 0 || columns % TILE !== 0) return;
    this.sizes.splice(rank - 2, 2, rows / TILE, columns / TILE, TILE, TILE);
    for (const strides of this.strides) {
      const [down, across] = strides.slice(-2) as [number, number];
      strides.splice(rank - 2, 2, down * TILE, across * TILE, down, across);
    }
  }

  /** Cuts one long run into several, for threads. */
  split(): void {
    const run = this.run;
    const part = Math.min(8192, run & -run);
    if (this.rows > 1 || part < 512 || part === run) return;
    this.sizes.splice(-1, 1, run / part, part);
    for (const strides of this.strides) strides.splice(-1, 0, strides.at(-1)! * part);
  }

  /** Writes the plan down for operands at `addresses` and gives its address. It holds until the next one is written. */
  write(addresses: readonly number[]): number {
    const words = heap.i32;
    const at = block.address >>> 2;
    const rank = this.sizes.length;
    words[at + PLAN_RUN] = this.run;
    words[at + PLAN_MIDDLE] = this.sizes[rank - 2] ?? 1;
    words[at + PLAN_OUTER] = Math.max(0, rank - 2);
    let to = at + PLAN_OPERANDS;
    this.strides.forEach((strides, k) => {
      words[to++] = addresses[k]!;
      words[to++] = strides[rank - 1]!;
      words[to++] = strides[rank - 2] ?? 0;
    });
    for (let dim = rank - 3; dim >= 0; dim--) {
      words[to++] = this.sizes[dim]!;
      for (const strides of this.strides) words[to++] = strides[dim]!;
    }
    return block.address;
  }

  #append(size: number, operands: readonly Shape[], bytes: readonly number[], dim: number): void {
    const last = this.sizes.length - 1;
    const joins =
      last >= 0 && operands.every((strides, k) => this.strides[k]![last] === size * strides[dim]! * bytes[k]!);
    if (joins) this.sizes[last]! *= size;
    else this.sizes.push(size);
    operands.forEach((strides, k) => {
      const stride = strides[dim]! * bytes[k]!;
      if (joins) this.strides[k]![last] = stride;
      else this.strides[k]!.push(stride);
    });
  }

  #appendUnit(bytes: readonly number[]): void {
    this.sizes.push(1);
    for (const [k, size] of bytes.entries()) this.strides[k]!.push(size);
  }
}
