/**
 * Tables for functions of one 16-bit number, which have only 65536 results. Once a long formula has been asked for
 * several times as many elements, its kernel fills a table with all results; from then on they are looked up, with two
 * loads an element.
 */
import { type DType, dtypes } from "@dl/tensor";
import type { Block } from "../runtime/block.ts";
import { heap, memory } from "../runtime/index.ts";
import { type Expr, load, loadLane, type Module, op, splat } from "../wasm/emitter.ts";
import type { Formula } from "./formula.ts";
import { collect } from "./lanes.ts";

const RESULTS = 2 ** 16;
const BYTES = 2;
/** How many elements must have been asked for before the table is filled. */
const ENOUGH = 4 * RESULTS;
/** Looking up a result takes as long as so many nodes, or as a single division or root. */
const LONG = 12;
/** Elements in a vector. */
const TOGETHER = 8;

/** The table of one formula, for the latest values of the numbers among its operands. */
export class Tabulated {
  #numbers: readonly number[] = [];
  #seen = 0;
  #block: Block | undefined;

  /** The address of the table, if the results of the next `count` elements are to be taken from there. */
  of(count: number, numbers: readonly number[], compute: Compute): number | undefined {
    if (!numbers.every((x, i) => Object.is(x, this.#numbers[i]))) this.#seen = 0;
    this.#numbers = numbers;
    const seen = this.#seen + count;
    if (seen >= ENOUGH && this.#seen < ENOUGH) this.#fill(compute);
    this.#seen = seen;
    return seen < ENOUGH ? undefined : this.#block!.address;
  }

  #fill(compute: Compute): void {
    this.#block ??= memory.allocate(BYTES * RESULTS);
    const all = memory.allocate(BYTES * RESULTS);
    const elements = new Uint16Array(heap.memory.buffer, all.address, RESULTS);
    for (let i = 0; i < RESULTS; i++) elements[i] = i;
    compute(all.address, this.#block.address, RESULTS);
    memory.release(all);
  }
}

/** Computes `count` elements from one address to another. */
type Compute = (from: number, to: number, count: number) => void;

/** Whether both dtypes have 16 bits. */
export function areHalves(from: DType | undefined, to: DType): boolean {
  return from !== undefined && dtypes[from].bytes === BYTES && dtypes[to].bytes === BYTES;
}

/** Whether looking up a result is faster than computing the formula. */
export function isLong({ root, weight }: Formula): boolean {
  return weight >= LONG || [...collect([root])].some(({ op }) => op === "div" || op === "sqrt");
}

/** `flatTask(chunk, chunks, size of a chunk, elements, table, from, to)` */
export function buildLookups(m: Module): void {
  m.func("flatTask", ["chunk", "chunks", "per", "n", "table", "from", "to"], (f, p) => {
    const start = f.let(op("i32.mul", p.chunk, p.per));
    const left = f.let(op("i32.sub", p.n, start));
    f.if(op("i32.gt_u", left, p.per), () => f.set(left, p.per));
    for (const pointer of [p.from, p.to]) f.inc(pointer, op("i32.mul", start, BYTES));
    const resultAt = (k: number): Expr<"i32"> =>
      op("i32.add", p.table, op("i32.mul", load("i32.load16_u", p.from, BYTES * k), BYTES));
    const next = (elements: number): void => {
      for (const pointer of [p.from, p.to]) f.inc(pointer, BYTES * elements);
      f.inc(left, -elements);
    };
    f.while(op("i32.ge_u", left, TOGETHER), () => {
      const results = f.let(splat("i32x4", 0) as Expr<"v128">);
      for (let k = 0; k < TOGETHER; k++) f.set(results, loadLane("v128.load16_lane", resultAt(k), results, k));
      f.store("v128.store", p.to, results);
      next(TOGETHER);
    });
    f.while(left, () => {
      f.store("i32.store16", p.to, load("i32.load16_u", resultAt(0)));
      next(1);
    });
    return undefined;
  });
}
