/**
 * Channels of [outer, channels, inner] brought to mean 0 and variance 1, and the gradient of that. Two passes over a
 * channel: sums in float64, of which every coefficient follows, then the results.
 */
import type { StandardizeOp } from "@dl/tensor";
import { at, type Element, loadScalar, type Scalar, shareOf, storeScalar } from "../dense/element.ts";
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

type Double = Expr<"f64">;
type Wide = Expr<"v128">;

/** ★ What is added up, of the value x and the gradient g, in the order of `SUMS`. */
const terms: { readonly [K in StandardizeOp]: readonly ((x: Wide, g: Wide) => Wide)[] } = {
  standardize: [(x) => x, (x) => op("f64x2.mul", x, x)],
  standardizeBackward: [(x) => x, (x) => op("f64x2.mul", x, x), (_, g) => g, (x, g) => op("f64x2.mul", x, g)],
};
const MAX_TERMS = 4;

/** Bytes of scratch that a thread needs. */
export const SUMS_BYTES: number = 8 * MAX_TERMS;

/** A vector's elements in float64: two at a time. */
function widened(f: Func, e: Element, vector: Wide): Local<"v128">[] {
  if (e.name === "f64") return [f.let(vector)];
  const v = f.let(vector);
  return [f.let(op("f64x2.promote_low_f32x4", v)), f.let(op("f64x2.promote_low_f32x4", shuffle(v, v, [2, 3, 0, 1])))];
}

const double = (e: Element, x: Scalar): Double => (e.name === "f64" ? x : op("f64.promote_f32", x as never)) as Double;
const single = (e: Element, x: Double): Scalar => (e.name === "f64" ? x : op("f32.demote_f64", x)) as Scalar;

const sumParams = ["x", "g", "count", "sums"] as const;

/** Adds the terms of `count` elements to the sums in memory. */
function adder(m: Module, e: Element, name: StandardizeOp): FuncRef<typeof sumParams, undefined> {
  return m.inner("addTerms", sumParams, (f, p) => {
    const halves = e.name === "f64" ? 1 : 2;
    const totals = terms[name].map(() => f.locals("v128", halves));
    const addAll = (x: Wide, g: Wide, half: number): void => {
      for (const [t, term] of terms[name].entries()) {
        const total = totals[t]![half]!;
        f.set(total, op("f64x2.add", total, term(x, g)));
      }
    };
    f.while(op("i32.ge_s", p.count, e.lanes), () => {
      const xs = widened(f, e, load("v128.load", p.x));
      const gs = name === "standardize" ? xs : widened(f, e, load("v128.load", p.g));
      for (let half = 0; half < halves; half++) addAll(xs[half]!, gs[half]!, half);
      for (const pointer of [p.x, p.g]) f.inc(pointer, 16);
      f.inc(p.count, -e.lanes);
    });
    // One by one: the other lane adds zeros.
    const lone = (pointer: Local<"i32">): Wide =>
      replace("f64x2.replace_lane", splat("f64x2", 0), 0, double(e, loadScalar(e.name, pointer)));
    f.while(p.count, () => {
      addAll(f.let(lone(p.x)), f.let(lone(p.g)), 0);
      for (const pointer of [p.x, p.g]) f.inc(pointer, e.bytes);
      f.inc(p.count, -1);
    });
    for (const [t, parts] of totals.entries()) {
      const total = parts.slice(1).reduce<Wide>((a, b) => op("f64x2.add", a, b), parts[0]!);
      const vector = f.let(total);
      const pair = op("f64.add", extract("f64x2.extract_lane", vector, 0), extract("f64x2.extract_lane", vector, 1));
      f.store("f64.store", p.sums, op("f64.add", load("f64.load", p.sums, 8 * t), pair), 8 * t);
    }
  });
}

type Number = "f32" | "f64";
const lineParams = ["x", "g", "y", "count", "mean:f64", "gain:f64", "slope:f64", "shift:f64"] as const;

/** y = (x − mean) · slope, and for the gradient + g · gain + shift. */
function liner(m: Module, e: Element, name: StandardizeOp): FuncRef<typeof lineParams, undefined> {
  return m.inner("line", lineParams, (f, p) => {
    const narrow = (x: Local<"f64">): Local<Number> => f.let(single(e, x) as Expr<Number>);
    const numbers = [p.mean, p.slope, p.gain, p.shift].map(narrow);
    const vectors = numbers.map((x) => f.let(op(`${e.shape}.splat`, x as never)));
    /** The formula in vectors or in single elements, whose instructions have the same names. */
    const line = <T extends "v128" | Number>(
      shape: string,
      [mean, slope, gain, shift]: readonly Expr<T>[],
      x: Expr<T>,
      g: () => Expr<T>,
    ): Expr<T> => {
      const by = (verb: string, a: Expr<T>, b: Expr<T>) =>
        op(`${shape}.${verb}` as "f32.add", a as never, b as never) as Expr<T>;
      const steep = by("mul", by("sub", x, mean!), slope!);
      return name === "standardize" ? steep : by("add", by("add", by("mul", g(), gain!), shift!), steep);
    };
    f.while(op("i32.ge_s", p.count, e.lanes), () => {
      f.store(
        "v128.store",
        p.y,
        line<"v128">(e.shape, vectors, load("v128.load", p.x), () => load("v128.load", p.g)),
      );
      for (const pointer of [p.x, p.g, p.y]) f.inc(pointer, 16);
      f.inc(p.count, -e.lanes);
    });
    f.while(p.count, () => {
      const one = (pointer: Local<"i32">) => loadScalar(e.name, pointer) as Expr<Number>;
      storeScalar(f, e.name, p.y, line<Number>(e.name, numbers, one(p.x), () => one(p.g)) as Scalar);
      for (const pointer of [p.x, p.g, p.y]) f.inc(pointer, e.bytes);
      f.inc(p.count, -1);
    });
  });
}

interface Coefficients {
  readonly mean: Local<"f64">;
  readonly variance: Local<"f64">;
  readonly gain: Local<"f64">;
  readonly slope: Local<"f64">;
  readonly shift: Local<"f64">;
}

/** From the sums of a channel of `count` elements. */
function coefficients(f: Func, name: StandardizeOp, sums: Local<"i32">, count: Double, eps: Double): Coefficients {
  const n = f.let(count);
  const average = (term: number): Local<"f64"> => f.let(op("f64.div", load("f64.load", sums, 8 * term), n));
  const mean = average(0);
  const variance = f.let(op("f64.max", op("f64.sub", average(1), op("f64.mul", mean, mean)), 0));
  const gain = f.let(op("f64.div", 1, op("f64.sqrt", op("f64.add", variance, eps))));
  if (name === "standardize") return { mean, variance, gain, slope: gain, shift: gain };
  const gradient = average(2);
  const along = op("f64.mul", op("f64.sub", average(3), op("f64.mul", mean, gradient)), gain);
  const slope = f.let(op("f64.neg", op("f64.mul", op("f64.mul", gain, gain), along)));
  return { mean, variance, gain, slope, shift: f.let(op("f64.neg", op("f64.mul", gain, gradient))) };
}

/** `run`: units are channels. `mean` and `variance` are written by the forward op alone. */
export function buildStandardize(m: Module, e: Element, name: StandardizeOp): void {
  const [add, draw] = [adder(m, e, name), liner(m, e, name)];
  const params = [
    "chunk",
    "chunks",
    "outer",
    "channels",
    "inner",
    "eps:f64",
    "x",
    "g",
    "y",
    "mean",
    "variance",
  ] as const;
  m.func("run", params, (f, p) => {
    const sums = f.let(m.scratch());
    const run = f.let(op("i32.mul", p.inner, e.bytes));
    const step = f.let(op("i32.mul", p.channels, run));
    const count = op("f64.mul", op("f64.convert_i32_u", p.outer), op("f64.convert_i32_u", p.inner));
    shareOf(f, p, p.channels, (channel) => {
      const place = (base: Local<"i32">, outer: Local<"i32">) => at(at(base, channel, run), outer, step);
      f.fill(sums, 0, SUMS_BYTES);
      f.range(p.outer, (outer) => f.call(add, place(p.x, outer), place(p.g, outer), p.inner, sums));
      const { mean, variance, gain, slope, shift } = coefficients(f, name, sums, count, p.eps);
      f.range(p.outer, (outer) => {
        const [x, g, y] = [p.x, p.g, p.y].map((base) => place(base, outer)) as [Expr<"i32">, Expr<"i32">, Expr<"i32">];
        f.call(draw, x, g, y, p.inner, mean, gain, slope, shift);
      });
      if (name === "standardize") {
        storeScalar(f, e.name, at(p.mean, channel, e.bytes), single(e, mean));
        storeScalar(f, e.name, at(p.variance, channel, e.bytes), single(e, variance));
      }
    });
  });
}
