/** The first pass of standardization: sums over a segment, of distances from an `origin` near which all x lie. */
import { type Element, type Int, loadScalar, min, type Scalar, sumLanes } from "../dense/element.ts";
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
import type { ParamLocals } from "../wasm/func.ts";
import type { Kind } from "./standardize-loops.ts";

type Vector = Local<"v128">;

/** Bytes that the sums of a segment take: Σ d, Σ d² forwards, Σ d, Σ g, Σ d g backwards. */
export const SUMS_BYTES = 24;
/** Elements after which sums of the elements' own type go into the totals, as in other reductions. */
const BLOCK = 4096;

const sumParams = ["x", "g", "w", "count", "sums", "origin:f64"] as const;
export type Adder = FuncRef<typeof sumParams, undefined>;

export function double(e: Element, x: Scalar): Expr<"f64"> {
  return (e.name === "f64" ? x : op("f64.promote_f32", x as never)) as Expr<"f64">;
}

export function single(e: Element, x: Expr<"f64">): Expr<"f32"> {
  return (e.name === "f64" ? x : op("f32.demote_f64", x)) as Expr<"f32">;
}

/** Writes the sums of `count` elements. */
export function adder(m: Module, kind: Kind): Adder {
  return kind.name === "standardize" ? momentAdder(m, kind.e) : gradientAdder(m, kind);
}

/** Σ d and Σ d², which must not lose the little that x differ by: in float64. */
function momentAdder(m: Module, e: Element): Adder {
  return m.inner("addMoments", sumParams, (f, p) => {
    const halves = e.lanes / 2;
    const origin = f.let(op("f64x2.splat", p.origin));
    const [sums, squares] = [f.locals("v128", 2 * halves), f.locals("v128", 2 * halves)];
    const add = (part: number, distance: Vector): void => {
      f.set(sums[part]!, op("f64x2.add", sums[part]!, distance));
      f.set(squares[part]!, f.madd("f64x2", distance, distance, squares[part]!));
    };
    const takeVectors = (count: number): void => {
      f.while(op("i32.ge_s", p.count, count * e.lanes), () => {
        for (let vector = 0; vector < count; vector++) {
          const halfVectors = widened(f, e, load("v128.load", p.x, 16 * vector));
          for (const [half, x] of halfVectors.entries()) add(vector * halves + half, f.let(op("f64x2.sub", x, origin)));
        }
        f.inc(p.x, 16 * count);
        f.inc(p.count, -e.lanes * count);
      });
    };
    takeVectors(2);
    takeVectors(1);
    f.while(p.count, () => {
      // The other lane adds zero.
      const distance = op("f64.sub", double(e, loadScalar(e.name, p.x)), p.origin);
      add(0, f.let(replace("f64x2.replace_lane", splat("f64x2", 0), 0, distance)));
      f.inc(p.x, e.bytes);
      f.inc(p.count, -1);
    });
    for (const [t, parts] of [sums, squares].entries()) f.store("f64.store", p.sums, wholeOf(f, parts), 8 * t);
  });
}

/** The sum of all lanes of some float64 vectors. */
function wholeOf(f: Func, [first, ...others]: readonly Vector[]): Expr<"f64"> {
  const total = f.let(others.reduce<Expr<"v128">>((a, b) => op("f64x2.add", a, b), first!));
  const [low, high] = [0, 1].map((lane) => extract("f64x2.extract_lane", total, lane));
  return op("f64.add", low!, high!);
}

/** A vector's elements in float64: two at a time. */
export function widened(f: Func, e: Element, vector: Expr<"v128">): Vector[] {
  const v = f.let(vector);
  if (e.name === "f64") return [v];
  return [f.let(op("f64x2.promote_low_f32x4", v)), f.let(op("f64x2.promote_low_f32x4", shuffle(v, v, [2, 3, 0, 1])))];
}

/** Σ d, Σ g and Σ d g, in blocks. */
function gradientAdder(m: Module, kind: Kind): Adder {
  const { e } = kind;
  return m.inner("addGradients", sumParams, (f, p) => {
    const origin = f.let(single(e, p.origin));
    const everywhere = f.let(op(`${e.shape}.splat`, origin as never));
    // Lanes behind a single element add zeros.
    const alone = f.let(replace(`${e.shape}.replace_lane`, splat(e.shape, 0), 0, origin as never));
    const sums = [0, 1, 2].map(() => f.locals("v128", 2));
    const totals = sums.map(() => f.local("f64"));
    const block = f.local("i32");
    f.while(p.count, () => {
      f.set(block, min(f, p.count, BLOCK));
      f.inc(p.count, op("i32.sub", 0, block));
      for (const sum of sums.flat()) f.set(sum, splat("i32x4", 0));
      addBlock(f, p, kind, { block, sums, everywhere, alone });
      for (const [t, [a, b]] of sums.entries()) {
        const sum = sumLanes(e, f.let(op(`${e.shape}.add`, a!, b!)));
        f.set(totals[t]!, op("f64.add", totals[t]!, double(e, sum)));
      }
    });
    for (const [t, total] of totals.entries()) f.store("f64.store", p.sums, total, 8 * t);
  });
}

interface Block {
  /** Elements. */
  readonly block: Int;
  /** Two of each: their chains hide each other's latencies. */
  readonly sums: readonly (readonly Vector[])[];
  /** The origin in all lanes, and in the first alone. */
  readonly everywhere: Vector;
  readonly alone: Vector;
}

/** Where each element has a weight, gradients are multiplied by it. */
function addBlock(
  f: Func,
  p: ParamLocals<typeof sumParams>,
  { e, weights }: Kind,
  { block, sums, everywhere, alone }: Block,
): void {
  const isWeighed = weights === "element";
  const add = (part: number, from: (pointer: Int) => Expr<"v128">, centre: Vector): void => {
    const [ds, gs, products] = sums.map((pair) => pair[part]!) as [Vector, Vector, Vector];
    const d = f.let(op(`${e.shape}.sub`, from(p.x), centre));
    const g = f.let(isWeighed ? op(`${e.shape}.mul`, from(p.g), from(p.w)) : from(p.g));
    f.set(ds, op(`${e.shape}.add`, ds, d));
    f.set(gs, op(`${e.shape}.add`, gs, g));
    f.set(products, f.madd(e.shape, d, g, products));
  };
  const walk = (bytes: number): void => {
    for (const pointer of isWeighed ? [p.x, p.g, p.w] : [p.x, p.g]) f.inc(pointer, bytes);
    f.inc(block, -bytes / e.bytes);
  };
  f.while(op("i32.ge_s", block, 2 * e.lanes), () => {
    for (const part of [0, 1]) add(part, (pointer) => load("v128.load", pointer, 16 * part), everywhere);
    walk(32);
  });
  f.while(block, () => {
    add(0, (pointer) => load(e.name === "f64" ? "v128.load64_zero" : "v128.load32_zero", pointer), alone);
    walk(e.bytes);
  });
}
