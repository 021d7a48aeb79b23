/**
 * What all loops of reductions (*folds*) share: the parameters that describe the work, the trees of a fold, and how
 * elements get into vectors.
 */
import type { DType } from "@dl/tensor";
import { type Expr, type Func, type Local, op, select, splat } from "../wasm/emitter.ts";
import { type Access, access, loadPacked, loadStrided } from "./access.ts";
import { constant, convert, input, isFloatType, isNan, type Node, type NumberType } from "./expression.ts";
import { type NarrowFold, narrowExtreme, narrowSum } from "./fold-narrow.ts";
import { wholeProduct } from "./fold-products.ts";
import type { Tools } from "./helpers.ts";
import { lanesOf, type VectorLanes } from "./lanes.ts";
import { Lowering } from "./lower.ts";
import { type FoldOp, reductions } from "./reductions.ts";
import { evenOf, half, oddOf, SPLIT } from "./split.ts";

/**
 * The parameters of all loops, see `FoldPlan` for the dimensions. The reduced elements of one output may be shared by
 * several units: `parts` of them, each of which takes `part` places of `reduced0` or, if that is 1, of the `inner`
 * dimension of rows. `apart` is the distance between the outputs of several folds, `beside` that from the source to a
 * second view. Strides and distances are in bytes.
 */
// biome-ignore format: by meaning
export const foldParams = [
  "chunk", "chunks", "units", "source", "target", "apart", "parts", "part",
  "beside", "kept1", "keptStride0", "keptStride1",
  "reduced0", "reducedStride0", "reduced1", "reducedStride1",
  "inner", "innerStride",
] as const;
type Named<N extends string> = { readonly [K in N]: Local<"i32"> };
export type FoldParams = Named<(typeof foldParams)[number]>;

type I32 = Local<"i32">;
export const times = (a: Expr<"i32">, b: Expr<"i32"> | number): Expr<"i32"> => op("i32.mul", a, b);
export const plus = (a: Expr<"i32">, b: Expr<"i32"> | number): Expr<"i32"> => op("i32.add", a, b);
export const smaller = (a: I32, b: I32 | number): Expr<"i32"> => select(op("i32.lt_u", a, b), a, b);

/** Where the reduced elements of output number `index` begin (those of its first part). */
export function placeOf(p: Named<"source" | "kept1" | "keptStride0" | "keptStride1">, index: I32): Expr<"i32"> {
  const outer = times(op("i32.div_u", index, p.kept1), p.keptStride0);
  return plus(plus(p.source, outer), times(op("i32.rem_u", index, p.kept1), p.keptStride1));
}

/** A row has so many vectors of totals, whose additions need not wait for each other. */
export const TOTALS = 4;
/** After so many elements totals of vectors are added to the wide total, */
const BLOCK = 4096;
/** or if sums round, after so many additions to each total, so that no chain gets long. */
const CHAIN = 16;

interface Step {
  /** The new total, from the total and a stored element (or a word of two). */
  readonly step: Node;
  /** A faster alternative to `step` that ignores NaN, and a mask of the elements that are NaN. */
  readonly quick: readonly [step: Node, flaw: Node] | undefined;
}

/** How vectors of elements are folded into vectors of totals. */
export interface Totals {
  /** The elements that are loaded together. */
  readonly loaded: VectorLanes;
  /** The lanes of a vector of totals. */
  readonly lanes: VectorLanes;
  /** A single step, or one for the even and one for the odd elements. */
  readonly steps: readonly Step[];
  readonly start: Node;
  /** The combination of two totals. */
  readonly merge: Node;
  readonly finish: Node;
}

/** The values that are folded: a function of the elements of one or two views, see `look-through.ts`. */
export interface Folded {
  readonly from: DType;
  readonly views: 1 | 2;
  readonly element: (...xs: readonly Node[]) => Node;
}

/** The trees of a fold. Totals of vectors have the type `type`; totals of longer runs may have a `wide` one. */
export interface Fold {
  readonly from: Access;
  readonly views: 1 | 2;
  readonly to: Access;
  readonly type: NumberType;
  readonly wide: NumberType;
  /** For neighbouring elements of one output. */
  readonly packed: Totals & { readonly lanes: 2 | 4 };
  /** For neighbouring outputs. */
  readonly columns: Totals;
  /** Adds a total to the wide total. */
  readonly absorb: Node;
  /** Adds a stored element to the wide total. */
  readonly wideStep: Node;
  readonly wideStart: Node;
  readonly wideMerge: Node;
  readonly wideFinish: Node;
  readonly narrow: NarrowFold | undefined;
  /** The new total, from the total and the elements of two places. Not for `quick` steps, nor for words of two. */
  readonly pair: Node | undefined;
  /** Whether sums round, so that the order of additions matters. */
  readonly rounds: boolean;
  /** Elements of a block, see `BLOCK`. */
  readonly block: number;
}

export function foldOf(name: FoldOp, { from, views, element: made }: Folded, to: DType): Fold {
  const { element, combine, start, quick, wide: widens, stored } = reductions[name];
  const [source, target] = [access[from], access[to]];
  const operandsFrom = (first: number): Node[] =>
    [first, first + 1].map((i) => source.decode({ ...input(i, source.raw), element: source }));
  const raw = made(...operandsFrom(1));
  const value = element(raw);
  const type = value.type as NumberType;
  const wide = widens && type === "f32" ? "f64" : type;
  const [total, wideTotal] = [input(0, type), input(0, wide)];
  const finish = target.encode(total);
  const flawed = quick && isFloatType(type) ? ([quick(total, value), isNan(value)] as const) : undefined;
  const steps = packedOf(source, { step: combine(total, value), quick: flawed }, finish);
  const packed = { ...steps, start: constant(type, start(type)), merge: combine(total, input(1, type)), finish };
  const isSplit = steps.steps.length > 1;
  const second = (): Node => element(made(...operandsFrom(1 + views)));
  const pair = quick || isSplit ? undefined : combine(total, combine(value, second()));
  const isPlain = raw.op === "input";
  const extreme = isPlain && stored ? narrowExtreme(source, stored) : undefined;
  const rounds = isFloatType(type) && !quick;
  return {
    ...{ from: source, views, to: target, type, wide, packed },
    columns: extreme ? { ...extreme.totals, finish: target.encode(element(input(0, "i32"))) } : packed,
    absorb: combine(wideTotal, convert(input(1, type), wide)),
    wideStart: constant(wide, start(wide)),
    wideStep: combine(wideTotal, convert(value, wide)),
    wideMerge: combine(wideTotal, input(1, wide)),
    wideFinish: target.encode(wideTotal),
    narrow: isPlain ? (special(name, source) ?? extreme) : undefined,
    pair,
    ...{ rounds, block: rounds ? CHAIN * TOTALS * steps.lanes * (pair ? 2 : 1) : BLOCK },
  };
}

function special(name: FoldOp, source: Access): NarrowFold | undefined {
  if (name === "prod") return source.raw === "i64" ? wholeProduct : undefined;
  return name === "sum" ? narrowSum(source) : undefined;
}

/** Elements of 16 bits that are computed in 32 are loaded as words of two. */
function packedOf({ bytes }: Access, steps: Step, finish: Node): Pick<Fold["packed"], "loaded" | "lanes" | "steps"> {
  const lanes = lanesOf(steps.step, finish) as 2 | 4;
  const isSplit = lanes === 4 && bytes === 2 && isFloatType(steps.step.type);
  return { loaded: isSplit ? SPLIT : lanes, lanes, steps: isSplit ? inHalves(steps) : [steps] };
}

/** A step over words of two elements, as one for the even and one for the odd elements. */
function inHalves({ step, quick }: Step): Step[] {
  return [evenOf, oddOf].map((pick) => {
    const of = half(pick);
    return { step: of(step), quick: quick && ([of(quick[0]), of(quick[1])] as const) };
  });
}

/** All trees of a fold, which tell the functions that the module needs. */
export function treesOf({ packed, pair, absorb, wideStep, wideMerge, wideFinish }: Fold): Node[] {
  const steps = packed.steps.flatMap(({ step, quick = [] }) => [step, ...quick]);
  return [...steps, ...(pair ? [pair] : []), packed.merge, packed.finish, absorb, wideStep, wideMerge, wideFinish];
}

/** Writes code that adds vectors of elements to totals. */
export interface Stepper {
  /** Before the first element. */
  reset(): void;
  /**
   * Adds vectors of operands to as many totals as there are steps, from number `which` on; with a mask, only in the
   * lanes that it selects.
   */
  add(operands: readonly Local<"v128">[], which: number, mask?: Local<"v128">): void;
  /**
   * After the last element: makes the first `count` totals NaN where an element was NaN that a `quick` step ignored.
   */
  settle(count: number): void;
}

export function stepper(f: Func, { steps, lanes }: Totals, tools: Tools, totals: readonly Local<"v128">[]): Stepper {
  const ways = steps.map(({ step, quick }) => {
    const trees = quick ?? [step];
    return { trees, code: new Lowering(f, trees, lanes, tools) };
  });
  // One for each total, since a single one would be a long chain of operations.
  const flaws = f.locals("v128", steps[0]!.quick ? totals.length : 0);
  return {
    reset: () => flaws.forEach((flaw) => void f.set(flaw, splat("i32x4", 0))),
    add: (operands, which, mask) => {
      for (const [i, { trees, code }] of ways.entries()) {
        const total = totals[which + i]!;
        const [next, flaw] = code.emit(trees, [total, ...operands]) as [Expr<"v128">, Expr<"v128">?];
        f.set(total, mask ? f.choose(next, total, mask, 32) : next);
        const seen = flaw && (mask ? op("v128.and", flaw, mask) : flaw);
        if (seen) f.set(flaws[which + i]!, op("v128.or", flaws[which + i]!, seen));
      }
    },
    settle: (count) => {
      for (const [i, flaw] of flaws.slice(0, count).entries()) f.set(totals[i]!, op("v128.or", totals[i]!, flaw));
    },
  };
}

/**
 * Loads a vector of elements of each view. With a `stride`, elements are that far apart and the pointer is moved past
 * them.
 */
export function operandsAt(
  f: Func,
  { from, views }: Fold,
  loaded: VectorLanes,
  at: I32,
  beside: I32,
  offset: number = 0,
  stride?: I32,
): Local<"v128">[] {
  const vector = (place: I32): Local<"v128"> =>
    f.let(stride ? loadStrided(f, from, loaded, place, stride) : loadPacked(from, loaded, place, offset));
  const others = views === 2 ? [vector(f.let(plus(at, beside)))] : [];
  return [vector(at), ...others];
}

export function scalarOf(f: Func, tree: Node, tools: Tools, ...inputs: readonly Expr[]): Expr {
  return new Lowering(f, [tree], "scalar", tools).emit([tree], inputs)[0]!;
}

export function vectorOf(f: Func, tree: Node, lanes: VectorLanes, tools: Tools): Expr<"v128"> {
  return new Lowering(f, [tree], lanes, tools).emit([tree], [])[0] as Expr<"v128">;
}
