/** Micro kernels over a list of numbers that are not zero: each entry is the place of a window in bytes, and the number. */
import { type FuncRef, load, type Module, op } from "../wasm/emitter.ts";
import type { Int } from "./element.ts";

/** What a window sees: `count` runs of memory, of `vectors` vectors each; `taps` of its places in a run. */
export interface Runs {
  readonly count: number;
  readonly vectors: number;
  readonly taps: number;
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
