/**
 * Walks over several strided operands of one shape: dimensions are merged where all operands allow it, and the result is
 * written down where kernels read it (see `rows` in `loops.ts`). There is one walk at a time, so its lists are kept.
 */
import type { Shape } from "@dl/tensor";
import { heap, memory } from "../runtime/index.ts";
import { PLAN_MIDDLE, PLAN_OPERANDS, PLAN_OUTER, PLAN_RUN } from "./loops.ts";

/** Tiles of a walk in which no operand's order suits the others'. */
const TILE = 32;
/** Elements of a run that is too short to be worth its start, and of one that stays in the nearest cache with others. */
const SHORT = 8;
const LONG = 256;
/** The inputs of one kernel and its output. */
export const MOST_OPERANDS = 8;
const block = memory.allocate(4096);

class Walk {
  /** How many dimensions are left. */
  #rank = 0;
  #operands = 0;
  /** Outermost first; only the first `#rank` count. */
  readonly #sizes: number[] = [];
  /** In bytes, one list for each operand. */
  readonly #strides: readonly number[][] = Array.from({ length: MOST_OPERANDS }, () => []);

  /** Elements of the innermost dimension. */
  get run(): number {
    return this.#sizes[this.#rank - 1]!;
  }

  /** How many runs there are. */
  get rows(): number {
    let rows = 1;
    for (let dim = 0; dim < this.#rank - 1; dim++) rows *= this.#sizes[dim]!;
    return rows;
  }

  /** An operand's stride along the innermost dimension. */
  inner(operand: number): number {
    return this.#strides[operand]![this.#rank - 1]!;
  }

  /** Begins a walk over `shape`, which has no dimension of size 0. Then come the operands, then `merge`. */
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

  /** Drops dimensions of size 1 and joins those that are one run for every operand. */
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

  /** Cuts the two innermost dimensions into tiles, if they divide, so that transposed operands stay in the cache. */
  tile(): void {
    const rank = this.#rank;
    if (rank < 2) return;
    const [rows, columns] = [this.#sizes[rank - 2]!, this.#sizes[rank - 1]!];
    if (rows < 2 * TILE || columns < 2 * TILE || rows % TILE !== 0 || columns % TILE !== 0) return;
    this.#append(rank - 2, rows, TILE);
    this.#append(rank - 1, columns, TILE);
  }

  /** Runs along the innermost dimension that is long, a part of it at a time, where those along the last are short. */
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

  /** Writes the plan down for operands at `addresses` and gives its address. It holds until the next one is written. */
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

  /** Goes along `part` elements of a dimension innermost, and along the rest of its `size` where it was. */
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
