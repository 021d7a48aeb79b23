/**
 * Plans how an element-wise kernel walks over strided operands of one shape. Dimensions are merged where all operands
 * allow it, and the plan is written to memory, where the kernel reads it (see `rows` in `loops.ts`). Only one walk is
 * planned at a time, so the lists of a single object are used again for every call.
 */
import type { Shape } from "@dl/tensor";
import { heap, memory } from "../runtime/index.ts";
import { PLAN_MIDDLE, PLAN_OPERANDS, PLAN_OUTER, PLAN_RUN } from "./loops.ts";

/** The side of a tile, for operands that are transposed relative to each other. */
const TILE = 32;
/** Runs of fewer elements are not worth starting. */
const SHORT = 8;
/** Runs of so many elements stay in the nearest cache, together with the neighbouring ones. */
const LONG = 256;
/** The most operands of a kernel: inputs and output. */
export const MOST_OPERANDS = 8;
const block = memory.allocate(4096);

class Walk {
  /** The number of dimensions after merging. */
  #rank = 0;
  #operands = 0;
  /** The sizes of the dimensions, the outermost first; only the first `#rank` are valid. */
  readonly #sizes: number[] = [];
  /** The strides of each operand, in bytes. */
  readonly #strides: readonly number[][] = Array.from({ length: MOST_OPERANDS }, () => []);

  /** The elements of a run, which are those of the innermost dimension. */
  get run(): number {
    return this.#sizes[this.#rank - 1]!;
  }

  /** The number of runs. */
  get rows(): number {
    let rows = 1;
    for (let dim = 0; dim < this.#rank - 1; dim++) rows *= this.#sizes[dim]!;
    return rows;
  }

  /** An operand's stride along the innermost dimension. */
  inner(operand: number): number {
    return this.#strides[operand]![this.#rank - 1]!;
  }

  /** Begins a walk over `shape`, which must not be empty. Call `operand` for each operand next, then `merge`. */
  start(shape: Shape, operands: number): void {
    this.#operands = operands;
    this.#rank = shape.length;
    for (let dim = 0; dim < shape.length; dim++) this.#sizes[dim] = shape[dim]!;
  }

  operand(index: number, strides: Shape | "rowMajor" | "repeated", bytes: number): void {
    const list = this.#strides[index]!;
    for (let dim = this.#rank - 1, stride = bytes; dim >= 0; dim--) {
      list[dim] = typeof strides === "object" ? strides[dim]! * bytes : strides === "rowMajor" ? stride : 0;
      stride *= this.#sizes[dim]!;
    }
    if (this.#rank === 0) list[0] = bytes;
  }

  /** Drops dimensions of size 1 and merges those that form one run in every operand. */
  merge(): void {
    let to = -1;
    for (let dim = 0; dim < this.#rank; dim++) {
      const size = this.#sizes[dim]!;
      if (size === 1) continue;
      const joins = to >= 0 && this.#joins(to, dim, size);
      this.#sizes[joins ? to : ++to] = joins ? this.#sizes[to]! * size : size;
      for (let k = 0; k < this.#operands; k++) this.#strides[k]![to] = this.#strides[k]![dim]!;
    }
    if (to < 0) this.#sizes[0] = 1;
    this.#rank = Math.max(1, to + 1);
  }

  /**
   * Cuts the two innermost dimensions into tiles, if tiles divide them, so that transposed operands stay in the cache.
   */
  tile(): void {
    const rank = this.#rank;
    if (rank < 2) return;
    const [rows, columns] = [this.#sizes[rank - 2]!, this.#sizes[rank - 1]!];
    if (rows < 2 * TILE || columns < 2 * TILE || rows % TILE !== 0 || columns % TILE !== 0) return;
    this.#append(rank - 2, rows, TILE);
    this.#append(rank - 1, columns, TILE);
  }

  /** If the last dimension makes short runs only, goes along another, longer one instead, a part of it at a time. */
  lengthen(): void {
    if (this.run >= SHORT) return;
    const rank = this.#rank;
    const sizes = this.#sizes.slice(0, rank);
    const enough = Math.min(Math.max(...sizes), 4 * SHORT);
    if (enough <= 2 * this.run) return;
    const dim = sizes.findLastIndex((size) => size >= enough);
    const size = sizes[dim]!;
    const part = size > LONG && size % LONG === 0 ? LONG : size;
    this.#append(dim, size, part);
  }

  /** Writes the plan for operands at `addresses` to memory and returns its address. The next plan overwrites it. */
  write(addresses: Int32Array | Float64Array): number {
    const words = heap.i32;
    const at = block.address / 4;
    const rank = this.#rank;
    words[at + PLAN_RUN] = this.run;
    words[at + PLAN_MIDDLE] = rank > 1 ? this.#sizes[rank - 2]! : 1;
    words[at + PLAN_OUTER] = Math.max(0, rank - 2);
    let to = at + PLAN_OPERANDS;
    for (let k = 0; k < this.#operands; k++) {
      const strides = this.#strides[k]!;
      heap.putAddress(to, addresses[k]!);
      to += 2;
      words[to++] = strides[rank - 1]!;
      words[to++] = rank > 1 ? strides[rank - 2]! : 0;
    }
    for (let dim = rank - 3; dim >= 0; dim--) {
      words[to++] = this.#sizes[dim]!;
      for (let k = 0; k < this.#operands; k++) words[to++] = this.#strides[k]![dim]!;
    }
    return block.address;
  }

  /**
   * Splits a dimension: `part` of its elements become the new innermost dimension, `size / part` remain in its place.
   */
  #append(dim: number, size: number, part: number): void {
    const rank = this.#rank++;
    this.#sizes[dim] = size / part;
    this.#sizes[rank] = part;
    for (let k = 0; k < this.#operands; k++) {
      const strides = this.#strides[k]!;
      const stride = strides[dim]!;
      strides[dim] = stride * part;
      strides[rank] = stride;
    }
  }

  #joins(to: number, dim: number, size: number): boolean {
    for (let k = 0; k < this.#operands; k++) {
      const strides = this.#strides[k]!;
      if (strides[to] !== size * strides[dim]!) return false;
    }
    return true;
  }
}

export const walk: Walk = new Walk();
