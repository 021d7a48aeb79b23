/** Micro kernels over a list of numbers that are not zero: each entry is the place of a window in bytes, and the number. */
import { type Expr, type FuncRef, load, type Module, op, shuffle, splat } from "../wasm/emitter.ts";
import { at, type Int } from "./element.ts";

/** What a window sees: `count` runs of memory, of `vectors` vectors each; `taps` of its places in a run. */
export interface Runs {
  readonly count: number;
  readonly vectors: number;
  readonly taps: number;
}

/** For each set of lanes, which bytes put them side by side; for `i8x16.swizzle`. */
export const lanePacking: readonly number[] = Array.from({ length: 16 }, (_, set) => {
  const bytes = [0, 1, 2, 3].flatMap((lane) => ((set >> lane) & 1 ? [0, 1, 2, 3].map((byte) => 4 * lane + byte) : []));
  return Array.from({ length: 16 }, (_, i) => bytes[i] ?? 0);
}).flat();

const listParams = ["dy", "places", "count", "packing", "entries"] as const;

/** Writes the list of a plane and gives its end. No branch: what holds zeros is written over by the next entries. */
export function lister(m: Module): FuncRef<typeof listParams, "i32"> {
  return m.inner("list", listParams, (f, p) => {
    const [values, bytes] = [f.local("v128"), f.local("v128")];
    const [value, set] = [f.local("f32"), f.local("i32")];
    const advance = (lanes: number, used: Expr<"i32">): void => {
      f.inc(p.entries, op("i32.shl", used, 3));
      f.inc(p.dy, 4 * lanes);
      f.inc(p.places, 4 * lanes);
      f.inc(p.count, -lanes);
    };
    f.while(op("i32.ge_s", p.count, 4), () => {
      f.set(values, load("v128.load", p.dy));
      f.set(set, op("i32x4.bitmask", op("f32x4.ne", values, splat("f32x4", 0))));
      f.set(bytes, load("v128.load", at(p.packing, set, 16)));
      const places = f.let(op("i8x16.swizzle", load("v128.load", p.places), bytes));
      f.set(values, op("i8x16.swizzle", values, bytes));
      f.store("v128.store", p.entries, shuffle(places, values, [0, 4, 1, 5]));
      f.store("v128.store", p.entries, shuffle(places, values, [2, 6, 3, 7]), 16);
      advance(4, op("i32.popcnt", set));
    });
    f.while(p.count, () => {
      f.set(value, load("f32.load", p.dy));
      f.store("i32.store", p.entries, load("i32.load", p.places));
      f.store("f32.store", p.entries, value, 4);
      advance(1, op("f32.ne", value, 0));
    });
    return p.entries;
  });
}

const starts = ["x0", "x1", "x2", "x3", "x4", "x5"] as const;
const microParams = ["entries", "end", ...starts, "other"] as const;
type Micro = FuncRef<typeof microParams, undefined>;

/**
 * For `rows` runs and `vectors` of each: adds what the windows see, times the numbers, to the sums at `other`; or, to
 * `spread`, adds the weights at `other`, times the numbers, to what the windows see.
 */
function microKernel(m: Module, rows: number, vectors: number, spread: boolean): Micro {
  return m.inner(`micro${rows}x${vectors}`, microParams, (f, p) => {
    const others = f.locals("v128", rows * vectors);
    const [number, place, x] = [f.local("v128"), f.local("i32"), f.local("i32")];
    for (const [i, other] of others.entries()) f.set(other, load("v128.load", p.other, 16 * i));
    f.while(op("i32.ne", p.entries, p.end), () => {
      f.set(place, load("i32.load", p.entries));
      f.set(number, load("v128.load32_splat", p.entries, 4));
      for (const [i, other] of others.entries()) {
        const offset = 16 * (i % vectors);
        if (offset === 0) f.set(x, op("i32.add", p[starts[i / vectors]!], place));
        const seen = load("v128.load", x, offset);
        if (spread) f.store("v128.store", x, f.madd("f32x4", number, other, seen), offset);
        else f.set(other, f.madd("f32x4", number, seen, other));
      }
      f.inc(p.entries, 8);
    });
    if (!spread) for (const [i, other] of others.entries()) f.store("v128.store", p.other, other, 16 * i);
  });
}

const tileParams = ["entries", "end", "image", "table", "other"] as const;
export type Tiles = FuncRef<typeof tileParams, undefined>;

/** All runs of all windows of a list. `table` says where runs start in `image`; sums or weights follow each other. */
export function tiler(m: Module, { count, vectors }: Runs, spread: boolean): Tiles {
  const most = m.options.joined ? 24 : 12;
  const rows = Math.max(1, Math.min(starts.length, count, Math.floor(most / vectors)));
  const parts = Math.ceil(vectors / most);
  const widths = Array.from({ length: parts }, (_, i) => Math.floor((vectors + i) / parts));
  const micros = new Map<string, Micro>();
  const micro = (height: number, width: number): Micro => {
    const key = `${height}x${width}`;
    const made = micros.get(key) ?? microKernel(m, height, width, spread);
    micros.set(key, made);
    return made;
  };
  // Functions of a module are written one after the other.
  for (const height of new Set([rows, count % rows || rows])) for (const width of widths) micro(height, width);
  return m.inner("tiles", tileParams, (f, p) => {
    const strip = (height: number): void => {
      const first = starts.map((_, i) =>
        f.let(op("i32.add", p.image, load("i32.load", p.table, i < height ? 4 * i : 0))),
      );
      for (const width of widths) {
        const [x0, x1, x2, x3, x4, x5] = first as [Int, Int, Int, Int, Int, Int];
        f.call(micro(height, width), p.entries, p.end, x0, x1, x2, x3, x4, x5, p.other);
        for (const x of first) f.inc(x, 16 * width);
        f.inc(p.other, 16 * height * width);
      }
      f.inc(p.table, 4 * height);
    };
    f.range(Math.floor(count / rows), () => strip(rows));
    if (count % rows > 0) strip(count % rows);
  });
}
