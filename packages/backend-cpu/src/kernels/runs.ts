/**
 * Runs of equal neighbours: the first element of each, every element's run, and where runs begin. What begins none is
 * written too, and then written over; there are never more runs than elements, so that stays inside.
 */
import type { TypedArray } from "@dl/tensor";
import { lanePacking } from "../dense/zeros.ts";
import { engine, heap, memory } from "../runtime/index.ts";
import { type Func, type Local, load, type Module, op, shuffle, splat, v128 } from "../wasm/emitter.ts";
import { type Access, access, loadPacked, storePacked } from "./access.ts";
import type { ArrayKernel } from "./array-kernel.ts";

type Int = Local<"i32">;
type Vector = Local<"v128">;

/** Elements that are looked at together, and those of a round. */
const GROUP = 4;
const ROUND = 2 * GROUP;
const packing = memory.allocate(lanePacking.length);

const params = ["i", "end", "from", "count", "values", "numbers", "bounds"] as const;

/** Exports `runs`: goes on with the elements from `i` up to `end`, whole rounds, and gives the new count of runs. */
function build(m: Module, element: Access, hasNumbers: boolean, hasBounds: boolean): void {
  m.func("runs", params, (f, { i, end, from, count, values, numbers, bounds }) => {
    const number = f.let(op("i32x4.splat", op("i32.sub", count, 1)));
    const place = f.let(op("i32x4.add", op("i32x4.splat", i), v128(Int32Array.of(0, 1, 2, 3))));
    const takeGroup = (): void => {
      const group = groupAt(f, element, from);
      const { begins } = group;
      f.if(op("v128.any_true", begins), () => {
        writeFirsts(f, element, group, values);
        if (hasNumbers) f.set(number, op("i32x4.sub", number, runningTotal(f, begins)));
        const packed = f.let(place);
        const found = pack(f, packed, begins);
        f.inc(count, found);
        if (hasBounds) storeWide(f, bounds, packed);
        f.inc(bounds, op("i32.mul", found, 8));
      });
      f.set(place, op("i32x4.add", place, splat("i32x4", GROUP)));
      f.inc(from, GROUP * element.bytes);
      if (!hasNumbers) return;
      storeWide(f, numbers, number);
      f.set(number, shuffle(number, number, [3, 3, 3, 3]));
      f.inc(numbers, 8 * GROUP);
    };
    f.while(op("i32.lt_u", i, end), () => {
      for (let k = 0; k < ROUND; k += GROUP) takeGroup();
      f.inc(i, ROUND);
    });
    return count;
  });
}

/** Elements, and which of them are not as the one before: in lanes of theirs and in lanes of 32 bits. */
interface Group {
  readonly vectors: readonly Vector[];
  readonly unequal: readonly Vector[];
  readonly begins: Vector;
}

function groupAt(f: Func, element: Access, from: Int): Group {
  const { bytes, raw } = element;
  const lanes = bytes === 8 ? 2 : 4;
  const shape = `${raw}x${lanes}` as "f32x4" | "f64x2" | "i32x4" | "i64x2";
  const behind = f.let(op("i32.sub", from, bytes));
  const vectors = Array.from({ length: GROUP / lanes }, (_, k) => f.let(loadPacked(element, lanes, from, 16 * k)));
  const unequal = vectors.map((v, k) => f.let(op(`${shape}.ne`, v, loadPacked(element, lanes, behind, 16 * k))));
  const [low, high] = unequal as [Vector, Vector?];
  return { vectors, unequal, begins: high ? f.let(shuffle(low, high, [0, 2, 4, 6])) : low };
}

/** Writes the elements that begin runs. */
function writeFirsts(f: Func, element: Access, { vectors, unequal }: Group, values: Int): void {
  for (const [k, vector] of vectors.entries()) {
    const words = pack(f, vector, unequal[k]!);
    storePacked(f, element, vectors.length === 1 ? 4 : 2, values, vector);
    f.inc(values, op("i32.mul", words, Math.min(element.bytes, 4)));
  }
}

/** Brings the lanes that are chosen side by side; gives their number, in words of 32 bits. */
function pack(f: Func, vector: Vector, chosen: Vector): Int {
  const set = f.let(op("i32x4.bitmask", chosen));
  f.set(vector, op("i8x16.swizzle", vector, load("v128.load", op("i32.shl", set, 4), packing.address)));
  return f.let(op("i32.popcnt", set));
}

/** Of lanes of 32 bits. */
function runningTotal(f: Func, vector: Vector): Vector {
  const total = f.let(vector);
  for (const up of [1, 2]) {
    const lanes = [0, 1, 2, 3].map((lane) => 4 - up + lane);
    f.set(total, op("i32x4.add", total, shuffle(splat("i32x4", 0), total, lanes)));
  }
  return total;
}

/** Lanes of 32 bits as int64. */
function storeWide(f: Func, address: Int, lanes: Vector): void {
  f.store("v128.store", address, op("i64x2.extend_low_i32x4_u", lanes));
  f.store("v128.store", address, op("i64x2.extend_high_i32x4_u", lanes), 16);
}

export const runs: ArrayKernel<"runs"> = ([x], { inverse, bounds }, outputs) => {
  const { data, dtype } = x!;
  const kernel = engine.module<"runs">(`runs ${dtype} ${inverse} ${bounds}`, (m) => {
    heap.u8.set(lanePacking, packing.address);
    build(m, access[dtype], inverse, bounds);
  }).runs;
  const [values, ...others] = outputs.map((out) => out.data) as [TypedArray, ...TypedArray[]];
  const found = others.pop()!;
  const [numbers = found, begins = found] = inverse ? others : [found, ...others];
  // The first element begins a run unasked; what is left over by whole rounds goes with it.
  const head = ((data.length - 1) % ROUND) + 1;
  let count = 0;
  for (let i = 0; i < head; i++) {
    if (i === 0 || data[i] !== data[i - 1]) {
      values[count] = data[i] as never;
      begins[count] = BigInt(i) as never;
      count++;
    }
    numbers[i] = BigInt(count - 1) as never;
  }
  const place = (array: TypedArray, i: number): number => array.byteOffset + i * array.BYTES_PER_ELEMENT;
  const places = [place(values, count), place(numbers, head), place(begins, count)];
  count = kernel(head, data.length, place(data, head), count, ...places);
  begins[count] = BigInt(data.length) as never;
  found[0] = BigInt(count) as never;
};
