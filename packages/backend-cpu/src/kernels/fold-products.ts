/** Products of int64 numbers, half in vectors, which take many instructions for one product, and half beside these in scalars. */
import { type Expr, extract, i64, load, op, splat } from "../wasm/emitter.ts";
import type { NarrowFold } from "./fold-narrow.ts";

/** Vectors of a round, and scalars; totals of either, whose chains hide each other's latencies. */
const VECTORS = 4;
const SCALARS = 8;
const CHAINS = 4;
const ROUND = 2 * VECTORS + SCALARS;

export const wholeProduct: NarrowFold = {
  round: ROUND,
  isTotal: true,
  fold: (f, _, at, count) => {
    const vectors = Array.from({ length: CHAINS }, () => f.let(splat("i64x2", 1)));
    const scalars = Array.from({ length: CHAINS }, () => f.let(i64(1n)));
    f.while(op("i32.ge_s", count, ROUND), () => {
      for (let i = 0; i < VECTORS; i++) {
        const total = vectors[i % CHAINS]!;
        f.set(total, op("i64x2.mul", total, load("v128.load", at, 16 * i)));
      }
      for (let i = 0; i < SCALARS; i++) {
        const total = scalars[i % CHAINS]!;
        f.set(total, op("i64.mul", total, load("i64.load", at, 16 * VECTORS + 8 * i)));
      }
      f.inc(at, 8 * ROUND);
      f.inc(count, -ROUND);
    });
    const lanes = vectors.flatMap((x) => [0, 1].map((lane) => extract("i64x2.extract_lane", x, lane)));
    return [...scalars, ...lanes].reduce<Expr<"i64">>((a, b) => op("i64.mul", a, b as Expr<"i64">), i64(1n));
  },
};
