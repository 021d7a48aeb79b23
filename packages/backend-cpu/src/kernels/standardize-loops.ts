/**
 * Channels of [outer, channels, inner] brought to mean 0 and variance 1, then scaled and shifted, and the gradients of
 * that. A channel is made of segments: runs of elements that share a weight, or that have each weight once. Two passes
 * over a channel: sums, of which every coefficient follows, then the results.
 */
import type { StandardizeOp } from "@dl/tensor";
import { at, type Element, loadScalar, shareOf, storeScalar } from "../dense/element.ts";
import { type Expr, type Func, type Local, load, type Module, op, select } from "../wasm/emitter.ts";
import { adder, double, SUMS_BYTES, single } from "./standardize-sums.ts";
import { writer } from "./standardize-writes.ts";

export interface Kind {
  readonly e: Element;
  readonly name: StandardizeOp;
  /** What has a weight. */
  readonly weights: "none" | "segment" | "element";
}

type Int = Local<"i32">;
type Double = Local<"f64">;

/**
 * `run` elements make a segment. Forwards the moments of channels are written, backwards they are read. Backwards `dw` and `db` get the gradients
 * of weights: float64 for each segment, or, where elements have weights, for each chunk in their own type.
 */
// biome-ignore format: by meaning
const params = [
  "chunk", "chunks", "outer", "channels", "inner", "run", "size", "eps:f64",
  "x", "g", "w", "b", "y", "moments", "dw", "db",
] as const;

/** Units are channels. */
export function buildStandardize(m: Module, kind: Kind): void {
  const [add, write] = [adder(m, kind), writer(m, kind)];
  const { e, name, weights } = kind;
  const isBackward = name === "standardizeBackward";
  const bySegment = weights === "segment";
  const sumsGradients = isBackward && bySegment;
  m.func("run", params, (f, p) => {
    const segments = f.let(op("i32.div_u", p.inner, p.run));
    const bytes = f.let(op("i32.mul", p.run, e.bytes));
    const own = isBackward && weights === "element" ? ownSums(f, m.scratch(), bytes) : [];
    const [dw, db] = [own[0] ?? p.dw, own[1] ?? p.db];
    const totals = f.locals("f64", isBackward ? 3 : 2);
    const [sums, segment] = [f.local("i32"), f.local("i32")];
    const sum = (term: number): Expr<"f64"> => load("f64.load", sums, 8 * term);
    const place = (base: Int): Expr<"i32"> => at(base, segment, bytes);
    const weight = (base: Int): Expr<"i32"> => (bySegment ? at(base, op("i32.rem_u", segment, p.size), e.bytes) : base);
    const eachSegment = (channel: Int, body: () => void): void => {
      f.set(sums, m.scratch());
      f.range(p.outer, (outer) => {
        f.set(segment, op("i32.mul", at(channel, outer, p.channels), segments));
        f.range(segments, () => {
          body();
          f.inc(segment, 1);
          if (sumsGradients) f.inc(sums, SUMS_BYTES);
        });
      });
    };
    shareOf(f, p, p.channels, (channel) => {
      const moments = [channel, op("i32.add", p.channels, channel)].map((i) => f.let(at(p.moments, i, e.bytes)));
      const first = at(p.x, channel, op("i32.mul", segments, bytes));
      const origin = isBackward ? f.let(double(e, loadScalar(e.name, moments[0]!))) : originOf(f, e, first);
      for (const total of totals) f.set(total, 0);
      eachSegment(channel, () => {
        f.call(add, place(p.x), place(p.g), p.w, p.run, sums, origin);
        const factor = sumsGradients ? f.let(double(e, loadScalar(e.name, weight(p.w)))) : undefined;
        for (const [t, total] of totals.entries()) {
          f.set(total, op("f64.add", total, factor && t > 0 ? op("f64.mul", sum(t), factor) : sum(t)));
        }
      });
      const count = f.let(op("f64.mul", op("f64.convert_i32_u", p.outer), op("f64.convert_i32_u", p.inner)));
      for (const total of totals) f.set(total, op("f64.div", total, count));
      const variance = isBackward ? double(e, loadScalar(e.name, moments[1]!)) : spread(totals);
      const found = coefficients(f, e, totals, f.let(variance), origin, p.eps);
      const { centre, gain, rest, slope, shift } = found;
      eachSegment(channel, () => {
        const [x, g, w, b, y] = [place(p.x), place(p.g), weight(p.w), weight(p.b), place(p.y)];
        f.call(write, x, g, w, b, y, dw, db, p.run, centre, gain, rest, slope, shift);
        if (!sumsGradients) return;
        const along = op("f64.mul", op("f64.sub", sum(2), op("f64.mul", totals[0]!, sum(1))), gain);
        f.store("f64.store", at(p.dw, segment, 8), along);
        f.store("f64.store", at(p.db, segment, 8), sum(1));
      });
      if (isBackward) return;
      for (const [i, value] of [found.mean, found.variance].entries()) {
        storeScalar(f, e.name, moments[i]!, single(e, value));
      }
    });
    for (const [i, sums] of own.entries()) f.copy(at(i === 0 ? p.dw : p.db, p.chunk, bytes), sums, bytes);
  });
}

/** Apart from what other threads write, since the processor fetches ahead. */
export const APART = 512;

/** A chunk's sums by element, zero. */
function ownSums(f: Func, scratch: Expr<"i32">, bytes: Int): readonly Int[] {
  const first = f.let(op("i32.add", scratch, APART));
  f.fill(first, 0, op("i32.shl", bytes, 1));
  return [first, f.let(op("i32.add", first, bytes))];
}

/** The element at `address`; 0 if it is not finite, since all distances from it would be NaN. */
function originOf(f: Func, e: Element, address: Expr<"i32">): Double {
  const x = f.let(double(e, loadScalar(e.name, address)));
  return f.let(select(op("f64.lt", op("f64.abs", x), Number.POSITIVE_INFINITY), x, 0));
}

/** The variance, from the means of distances and of their squares. */
function spread([distance, square]: readonly Double[]): Expr<"f64"> {
  return op("f64.max", op("f64.sub", square!, op("f64.mul", distance!, distance!)), 0);
}

interface Coefficients {
  readonly mean: Double;
  readonly variance: Double;
  /** `mean` as elements can tell it, and so on: see `writer`. */
  readonly centre: Double;
  readonly gain: Double;
  readonly rest: Double;
  readonly slope: Double;
  readonly shift: Double;
}

/** From the means over a channel: of distances from the origin, and backwards of gradients and of their products. */
function coefficients(
  f: Func,
  e: Element,
  [distance, gradient, product]: readonly Double[],
  variance: Double,
  origin: Double,
  eps: Double,
): Coefficients {
  const times = (a: Expr<"f64">, b: Expr<"f64">) => op("f64.mul", a, b);
  const mean = f.let(op("f64.add", origin, distance!));
  const gain = f.let(op("f64.div", 1, op("f64.sqrt", op("f64.add", variance, eps))));
  const centre = f.let(double(e, single(e, mean)));
  const rest = f.let(times(op("f64.sub", centre, mean), gain));
  const forward = { mean, variance, centre, gain, rest };
  if (!product) return { ...forward, slope: gain, shift: gain };
  const along = times(op("f64.sub", product, times(distance!, gradient!)), gain);
  const slope = f.let(op("f64.neg", times(along, gain)));
  return { ...forward, slope, shift: f.let(op("f64.neg", times(gradient!, gain))) };
}
