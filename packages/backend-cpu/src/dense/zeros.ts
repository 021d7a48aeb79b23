/**
 * What the sparse kernels share. They list the non-zero numbers of one factor and skip the zeros, which is right only
 * if all numbers of the other factor are finite: 0 times infinity or NaN is NaN.
 */
import type { Block } from "../runtime/block.ts";
import { memory } from "../runtime/index.ts";
import { type Expr, type FuncRef, load, type Module, op, shuffle, splat } from "../wasm/emitter.ts";
import { at } from "./element.ts";

/**
 * Offsets in the table of a sparse kernel, which consists of {@link lanePacking}, a flag, and places for {@link
 * lister}.
 */
const FLAG = 256;
export const PLACES: number = FLAG + 16;

/** Makes a table with these places, in bytes. @throws TensorError if there is no memory for it. */
export function makeTable(places: ArrayLike<number>): Block {
  const block = memory.allocate(PLACES + 4 * places.length);
  memory.heap.u8.set(lanePacking, block.address);
  memory.heap.i32[(block.address + FLAG) / 4] = 0;
  memory.heap.i32.set(places, (block.address + PLACES) / 4);
  return block;
}

/** Whether all numbers were finite that {@link checker} has seen with this table since the last call. */
export function areFinite({ address }: Block): boolean {
  const { i32 } = memory.heap;
  const flag = (address + FLAG) / 4;
  const infinite = i32[flag] !== 0;
  i32[flag] = 0;
  return !infinite;
}

const checkParams = ["from", "end", "table"] as const;
export type Check = FuncRef<typeof checkParams, undefined>;

/**
 * Adds a function that sets the flag of the table if a number is infinite or NaN: times zero it is not zero. Four sums
 * run side by side to hide the latency of additions.
 */
export function checker(m: Module): Check {
  return m.inner("check", checkParams, (f, p) => {
    const zeros = f.locals("v128", 4);
    const add = (zero: (typeof zeros)[number], offset: number): void => {
      f.set(zero, op("f32x4.add", zero, op("f32x4.mul", load("v128.load", p.from, offset), splat("f32x4", 0))));
    };
    f.while(op("i32.ge_u", op("i32.sub", p.end, p.from), 64), () => {
      for (const [i, zero] of zeros.entries()) add(zero, 16 * i);
      f.inc(p.from, 64);
    });
    f.while(op("i32.lt_u", p.from, p.end), () => {
      add(zeros[0]!, 0);
      f.inc(p.from, 16);
    });
    const total = f.let(zeros.reduce<Expr<"v128">>((sum, zero) => op("f32x4.add", sum, zero), splat("f32x4", 0)));
    f.if(op("v128.any_true", op("f32x4.ne", total, total)), () => f.store("i32.store", p.table, 1, FLAG));
  });
}

/** For each of the 16 sets of lanes, the byte indices with which `i8x16.swizzle` moves those lanes side by side. */
export const lanePacking: readonly number[] = Array.from({ length: 16 }, (_, set) => {
  const bytes = [0, 1, 2, 3].flatMap((lane) => ((set >> lane) & 1 ? [0, 1, 2, 3].map((byte) => 4 * lane + byte) : []));
  return Array.from({ length: 16 }, (_, i) => bytes[i] ?? 0);
}).flat();

const listParams = ["numbers", "places", "count", "packing", "entries"] as const;

/**
 * Adds a function that writes the list of the non-zero numbers among `count`, each with its place, and returns the end
 * of the list. Without branches: every number is written, but the next entry overwrites a zero. So up to 32 bytes
 * beyond the end are written, too.
 */
export function lister(m: Module): FuncRef<typeof listParams, "i32"> {
  return m.inner("list", listParams, (f, p) => {
    const [values, bytes] = [f.local("v128"), f.local("v128")];
    const [value, set] = [f.local("f32"), f.local("i32")];
    const advance = (lanes: number, used: Expr<"i32">): void => {
      f.inc(p.entries, op("i32.shl", used, 3));
      f.inc(p.numbers, 4 * lanes);
      f.inc(p.places, 4 * lanes);
      f.inc(p.count, -lanes);
    };
    f.while(op("i32.ge_s", p.count, 4), () => {
      f.set(values, load("v128.load", p.numbers));
      f.set(set, op("i32x4.bitmask", op("f32x4.ne", values, splat("f32x4", 0))));
      f.set(bytes, load("v128.load", at(p.packing, set, 16)));
      const places = f.let(op("i8x16.swizzle", load("v128.load", p.places), bytes));
      f.set(values, op("i8x16.swizzle", values, bytes));
      f.store("v128.store", p.entries, shuffle(places, values, [0, 4, 1, 5]));
      f.store("v128.store", p.entries, shuffle(places, values, [2, 6, 3, 7]), 16);
      advance(4, op("i32.popcnt", set));
    });
    f.while(p.count, () => {
      f.set(value, load("f32.load", p.numbers));
      f.store("i32.store", p.entries, load("i32.load", p.places));
      f.store("f32.store", p.entries, value, 4);
      advance(1, op("f32.ne", value, 0));
    });
    return p.entries;
  });
}
