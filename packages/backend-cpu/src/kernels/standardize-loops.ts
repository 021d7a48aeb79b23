/**
 * Standardization, which batch, group and layer normalization are made of, and its gradients. Each channel of a tensor
 * [outer, channels, inner] is brought to mean 0 and variance 1, then scaled and shifted by weights. There are two
 * passes over a channel: the first computes sums, from which all coefficients follow, the second the results.
 *
 * A channel consists of *segments*: runs of elements that share one weight, or that have a weight for each element.
 */
import type { StandardizeOp } from "@dl/tensor";
import { at, type Element, loadScalar, shareOf, storeScalar } from "../dense/element.ts";
import { type Expr, type Func, type Local, load, type Module, op, select } from "../wasm/emitter.ts";
import type { ParamLocals } from "../wasm/func.ts";
import { type Adder, adder, double, SUMS_BYTES, single } from "./standardize-sums.ts";
import { type Writer, writer } from "./standardize-writes.ts";

export interface Kind {
  readonly e: Element;
  readonly name: StandardizeOp;
  /** What the weights belong to. */
  readonly weights: "none" | "segment" | "element";
}

type Int = Local<"i32">;
type Double = Local<"f64">;

/**
 * A segment has `run` elements. The forward pass writes the moments of channels, the backward pass reads them. The
 * backward pass writes the gradients of weights to `dw` and `db`: in float64 for each segment or, if elements have
 * weights, in their own type for each chunk.
 */
// biome-ignore format: by meaning
const params = [
  "chunk", "chunks", "outer", "channels", "inner", "run", "size", "eps:f64",
  "x", "g", "w", "b", "y", "moments", "dw", "db",
] as const;

/** Exports `run`, whose units are channels. */
export function buildStandardize(m: Module, kind: Kind): void {
  const [add, write] = [adder(m, kind), writer(m, kind)];
  const { e, name, weights } = kind;
  const isBackward = name === "standardizeBackward";
  m.func("run", params, (f, p) => {
    const segments = f.let(op("i32.div_u", p.inner, p.run));
    const bytes = f.let(op("i32.mul", p.run, e.bytes));
    const own = isBackward && weights === "element" ? ownSums(f, m.scratch(), bytes) : [];
    const walk = new Segments(f, p, kind, { segments, bytes, scratch: m.scratch() });
    shareOf(f, p, p.channels, (channel) => {
      const moments = [channel, op("i32.add", p.channels, channel)].map((i) => f.let(at(p.moments, i, e.bytes)));
      const first = at(p.x, channel, op("i32.mul", segments, bytes));
      const origin = isBackward ? f.let(double(e, loadScalar(e.name, moments[0]!))) : originOf(f, e, first);
      const means = walk.means(add, channel, origin);
      const variance = isBackward ? double(e, loadScalar(e.name, moments[1]!)) : spread(means);
      const found = coefficients(f, e, means, f.let(variance), origin, p.eps);
      walk.write(write, channel, found, own);
      if (isBackward) return;
      for (const [i, value] of [found.mean, found.variance].entries()) {
        storeScalar(f, e.name, moments[i]!, single(e, value));
      }
    });
    for (const [i, sums] of own.entries()) f.copy(at(i === 0 ? p.dw : p.db, p.chunk, bytes), sums, bytes);
  });
}

type Params = ParamLocals<typeof params>;

interface Sizes {
  /** The number of segments of a channel at each outer position. */
  readonly segments: Int;
  /** The bytes of a segment. */
  readonly bytes: Int;
  /** Room for the sums of one segment, or of all segments of a channel if these are the gradients of weights. */
  readonly scratch: Expr<"i32">;
}

/** The two passes over the segments of a channel. */
class Segments {
  readonly #f: Func;
  readonly #p: Params;
  readonly #kind: Kind;
  readonly #sizes: Sizes;
  readonly #sumsGradients: boolean;
  readonly #totals: readonly Double[];
  /** The sums of the current segment. */
  readonly #sums: Int;
  /** The number of the current segment. */
  readonly #segment: Int;

  constructor(f: Func, p: Params, kind: Kind, sizes: Sizes) {
    const isBackward = kind.name === "standardizeBackward";
    [this.#f, this.#p, this.#kind, this.#sizes] = [f, p, kind, sizes];
    this.#sumsGradients = isBackward && kind.weights === "segment";
    this.#totals = f.locals("f64", isBackward ? 3 : 2);
    [this.#sums, this.#segment] = [f.local("i32"), f.local("i32")];
  }

  /** The first pass: the means over a channel, from which `coefficients` follow. */
  means(add: Adder, channel: Int, origin: Double): readonly Double[] {
    const [f, p, totals] = [this.#f, this.#p, this.#totals];
    const { e } = this.#kind;
    for (const total of totals) f.set(total, 0);
    this.#each(channel, () => {
      f.call(add, this.#place(p.x), this.#place(p.g), p.w, p.run, this.#sums, origin);
      const factor = this.#sumsGradients ? f.let(double(e, loadScalar(e.name, this.#weight(p.w)))) : undefined;
      for (const [t, total] of totals.entries()) {
        const sum = this.#sum(t);
        f.set(total, op("f64.add", total, factor && t > 0 ? op("f64.mul", sum, factor) : sum));
      }
    });
    const count = f.let(op("f64.mul", op("f64.convert_i32_u", p.outer), op("f64.convert_i32_u", p.inner)));
    for (const total of totals) f.set(total, op("f64.div", total, count));
    return totals;
  }

  /** The second pass: the results. `own` are the chunk's sums for each element, if elements have weights. */
  write(write: Writer, channel: Int, found: Coefficients, own: readonly Int[]): void {
    const [f, p] = [this.#f, this.#p];
    const { centre, gain, rest, slope, shift } = found;
    const [dw, db] = [own[0] ?? p.dw, own[1] ?? p.db];
    this.#each(channel, () => {
      const [x, g, y] = [this.#place(p.x), this.#place(p.g), this.#place(p.y)];
      const [w, b] = [this.#weight(p.w), this.#weight(p.b)];
      f.call(write, x, g, w, b, y, dw, db, p.run, centre, gain, rest, slope, shift);
      if (!this.#sumsGradients) return;
      const along = op("f64.sub", this.#sum(2), op("f64.mul", this.#totals[0]!, this.#sum(1)));
      f.store("f64.store", at(p.dw, this.#segment, 8), op("f64.mul", along, gain));
      f.store("f64.store", at(p.db, this.#segment, 8), this.#sum(1));
    });
  }

  #each(channel: Int, body: () => void): void {
    const [f, p] = [this.#f, this.#p];
    const { segments, scratch } = this.#sizes;
    f.set(this.#sums, scratch);
    f.range(p.outer, (outer) => {
      f.set(this.#segment, op("i32.mul", at(channel, outer, p.channels), segments));
      f.range(segments, () => {
        body();
        f.inc(this.#segment, 1);
        if (this.#sumsGradients) f.inc(this.#sums, SUMS_BYTES);
      });
    });
  }

  #sum(term: number): Expr<"f64"> {
    return load("f64.load", this.#sums, 8 * term);
  }

  #place(base: Int): Expr<"i32"> {
    return at(base, this.#segment, this.#sizes.bytes);
  }

  #weight(base: Int): Expr<"i32"> {
    const { e, weights } = this.#kind;
    return weights === "segment" ? at(base, op("i32.rem_u", this.#segment, this.#p.size), e.bytes) : base;
  }
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
