/** The first pass of standardization: sums over a segment in float64, of distances from `origin`, near which all x lie. */
import { type Element, loadScalar, type Scalar } from "../dense/element.ts";
import {
  type Expr,
  extract,
  type Func,
  type FuncRef,
  type Local,
  load,
  type Module,
  op,
  replace,
  shuffle,
  splat,
} from "../wasm/emitter.ts";
import type { Kind } from "./standardize-loops.ts";

type Wide = Local<"v128">;
type Term = (f: Func, total: Wide, distance: Wide, gradient: Wide) => Expr<"v128">;

/** ★ What is added up, forwards the first two: Σ d, Σ d², Σ g, Σ d g. */
const terms: readonly Term[] = [
  (_, total, d) => op("f64x2.add", total, d),
  (f, total, d) => f.madd("f64x2", d, d, total),
  (_, total, __, g) => op("f64x2.add", total, g),
  (f, total, d, g) => f.madd("f64x2", d, g, total),
];

/** Bytes that the sums of a segment take. */
export const SUMS_BYTES: number = 8 * terms.length;

const sumParams = ["x", "g", "w", "count", "sums", "origin:f64"] as const;
export type Adder = FuncRef<typeof sumParams, undefined>;

export function double(e: Element, x: Scalar): Expr<"f64"> {
  return (e.name === "f64" ? x : op("f64.promote_f32", x as never)) as Expr<"f64">;
}

/** Writes the sums of `count` elements; where each element has a weight, gradients are multiplied by it. */
export function adder(m: Module, { e, name, weights }: Kind): Adder {
  const isBackward = name === "standardizeBackward";
  const isWeighed = isBackward && weights === "element";
  // Sums that are independent of each other hide the latency of additions.
  const vectors = isBackward ? 1 : 2;
  const halves = e.lanes / 2;
  return m.inner("addTerms", sumParams, (f, p) => {
    const origin = f.let(op("f64x2.splat", p.origin));
    const totals = terms.slice(0, isBackward ? 4 : 2).map(() => f.locals("v128", vectors * halves));
    const pointers = [p.x, ...(isBackward ? [p.g] : []), ...(isWeighed ? [p.w] : [])];
    const add = (part: number, distance: Wide, gradient: Wide): void => {
      for (const [t, sums] of totals.entries()) f.set(sums[part]!, terms[t]!(f, sums[part]!, distance, gradient));
    };
    const takeVectors = (count: number): void => {
      f.while(op("i32.ge_s", p.count, count * e.lanes), () => {
        for (let vector = 0; vector < count; vector++) {
          const from = (pointer: Local<"i32">): Expr<"v128"> => load("v128.load", pointer, 16 * vector);
          const distances = widened(f, e, from(p.x)).map((x) => f.let(op("f64x2.sub", x, origin)));
          const weighed = isWeighed ? op(`${e.shape}.mul`, from(p.g), from(p.w)) : from(p.g);
          const gradients = isBackward ? widened(f, e, weighed) : distances;
          for (let half = 0; half < halves; half++) add(vector * halves + half, distances[half]!, gradients[half]!);
        }
        for (const pointer of pointers) f.inc(pointer, 16 * count);
        f.inc(p.count, -e.lanes * count);
      });
    };
    takeVectors(vectors);
    if (vectors > 1) takeVectors(1);
    // One by one: the other lane adds zeros.
    const one = (pointer: Local<"i32">): Expr<"f64"> => double(e, loadScalar(e.name, pointer));
    const lone = (x: Expr<"f64">): Wide => f.let(replace("f64x2.replace_lane", splat("f64x2", 0), 0, x));
    f.while(p.count, () => {
      const distance = lone(op("f64.sub", one(p.x), p.origin));
      const gradient = isWeighed ? op("f64.mul", one(p.g), one(p.w)) : one(p.g);
      add(0, distance, isBackward ? lone(gradient) : distance);
      for (const pointer of pointers) f.inc(pointer, e.bytes);
      f.inc(p.count, -1);
    });
    for (const [t, sums] of totals.entries()) f.store("f64.store", p.sums, sumOf(f, sums), 8 * t);
  });
}

/** A vector's elements in float64: two at a time. */
function widened(f: Func, e: Element, vector: Expr<"v128">): Wide[] {
  const v = f.let(vector);
  if (e.name === "f64") return [v];
  return [f.let(op("f64x2.promote_low_f32x4", v)), f.let(op("f64x2.promote_low_f32x4", shuffle(v, v, [2, 3, 0, 1])))];
}

function sumOf(f: Func, parts: readonly Wide[]): Expr<"f64"> {
  const total = f.let(parts.slice(1).reduce<Expr<"v128">>((a, b) => op("f64x2.add", a, b), parts[0]!));
  return op("f64.add", extract("f64x2.extract_lane", total, 0), extract("f64x2.extract_lane", total, 1));
}
