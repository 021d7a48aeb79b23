/**
 * The loops of reductions, around any fold. Work is counted in units: one output, or 256 neighbouring ones, of one part of
 * the reduced elements. What a unit computes depends on the shapes alone, so threads may share units anyhow.
 */
import type { DType } from "@dl/tensor";
import { shareOf } from "../dense/element.ts";
import {
  call,
  type Expr,
  type Func,
  type FuncRef,
  i32,
  type Local,
  load,
  type Module,
  op,
  select,
  shuffle,
  splat,
} from "../wasm/emitter.ts";
import { type Access, access, loadPacked, loadScalar, storeFirst, storePacked, storeScalar } from "./access.ts";
import { COLUMNS, eachRow, eachVector, type Run } from "./columns.ts";
import { constant, convert, input, isFloatType, isNan, type Node, type NumberType } from "./expression.ts";
import { type NarrowFold, narrowExtreme, narrowSum } from "./fold-narrow.ts";
import { Tools } from "./helpers.ts";
import { extractLane, Lowering, lanesOf } from "./lower.ts";
import { type FoldOp, reductions } from "./reductions.ts";

/** Of the totals of vectors of two elements. */
export const FOLD_SCRATCH: number = 8 * COLUMNS;
/** Totals of a row, whose chains hide each other's latencies. */
const TOTALS = 4;
/** Elements after which the vectors' totals go into the wide one; few where sums round, so that none is a long chain of them. */
const BLOCK = { exact: 4096, rounding: 256 } as const;

/** Trees of a fold. Totals are of the first type named; of the `wide` one where runs are added up. */
interface Fold {
  readonly from: Access;
  readonly to: Access;
  readonly lanes: 2 | 4;
  readonly type: NumberType;
  readonly wide: NumberType;
  readonly start: Node;
  /** Total and raw element. */
  readonly step: Node;
  /** Instead of `step` in vectors: one that passes over NaN, and whether the element is NaN. */
  readonly quick?: readonly [step: Node, flaw: Node];
  /** Two totals. */
  readonly merge: Node;
  readonly finish: Node;
  /** Wide total and total; wide total and raw element. */
  readonly absorb: Node;
  readonly wideStep: Node;
  readonly wideStart: Node;
  readonly wideMerge: Node;
  readonly wideFinish: Node;
  readonly narrow?: NarrowFold | undefined;
  readonly block: number;
}

function foldOf(name: FoldOp, from: DType, to: DType, loaded: (x: Node) => Node): Fold {
  const { element, combine, start, quick, wide: widens } = reductions[name];
  const [source, target] = [access[from], access[to]];
  const raw = loaded(source.decode(input(1, source.raw)));
  const value = element(raw);
  const type = value.type as NumberType;
  const wide = widens && type === "f32" ? "f64" : type;
  const [total, wideTotal] = [input(0, type), input(0, wide)];
  const step = combine(total, value);
  const finish = target.encode(total);
  const first = (of: NumberType): Node => constant(of, start(of));
  return {
    from: source,
    to: target,
    lanes: lanesOf(step, finish) as 2 | 4,
    ...{ type, wide, step, finish, start: first(type), wideStart: first(wide) },
    ...(quick && isFloatType(type) ? { quick: [quick(total, value), isNan(value)] as const } : {}),
    merge: combine(total, input(1, type)),
    absorb: combine(wideTotal, convert(input(1, type), wide)),
    wideStep: combine(wideTotal, convert(value, wide)),
    wideMerge: combine(wideTotal, input(1, wide)),
    wideFinish: target.encode(wideTotal),
    narrow: raw.op !== "input" ? undefined : name === "sum" ? narrowSum(source) : narrowExtreme(source, combine),
    block: isFloatType(type) && !quick ? BLOCK.rounding : BLOCK.exact,
  };
}

/**
 * `parts` is the number of units that share the reduced elements of one output: they split `reduced0`, or `inner` of rows
 * where that is 1, into runs of `part`. Strides are in bytes, and so is how far the outputs of several folds lie apart.
 */
// biome-ignore format: by meaning
const foldParams = [
  "chunk", "chunks", "units", "source", "target", "apart", "parts", "part",
  "kept1", "keptStride0", "keptStride1",
  "reduced0", "reducedStride0", "reduced1", "reducedStride1",
  "inner", "innerStride",
] as const;
type Named<N extends string> = { readonly [K in N]: Local<"i32"> };
type Params = Named<(typeof foldParams)[number]>;

/**
 * Exports `rows` and `columns`, both with `foldParams`; `columns` needs FOLD_SCRATCH bytes of scratch. What is folded is
 * what `loaded` makes of the elements of `from`. Several folds take turns: what a unit reads is near for all but the first.
 */
export function buildFold(
  m: Module,
  names: readonly FoldOp[],
  from: DType,
  to: DType,
  loaded: (x: Node) => Node,
): void {
  const folds = names.map((name) => foldOf(name, from, to, loaded));
  const trees = folds.flatMap(({ step, quick = [], merge, finish, absorb, wideStep, wideMerge, wideFinish }) => [
    ...[step, ...quick, merge, finish, absorb, wideStep, wideMerge, wideFinish],
  ]);
  const tools = new Tools(m, trees);
  const segments = folds.map((fold) => addSegment(m, fold, tools));
  const targets = (f: Func, p: Params): I32[] => folds.map((_, i) => f.let(plus(p.target, times(p.apart, i))));
  m.func("rows", foldParams, (f, p) => {
    const places = targets(f, p);
    shareOf(f, p, p.units, (unit) => {
      for (const [i, fold] of folds.entries()) {
        foldRow(f, { ...p, target: places[i]! }, unit, fold, segments[i]!, tools);
      }
    });
  });
  m.func("columns", foldParams, (f, p) => {
    const totals = f.let(m.scratch());
    const places = targets(f, p);
    shareOf(f, p, p.units, (unit) => {
      for (const [i, fold] of folds.entries()) {
        foldColumns(f, { ...p, target: places[i]! }, unit, fold, tools, totals);
      }
    });
  });
}

type I32 = Local<"i32">;
const times = (a: Expr<"i32">, b: Expr<"i32"> | number): Expr<"i32"> => op("i32.mul", a, b);
const plus = (a: Expr<"i32">, b: Expr<"i32"> | number): Expr<"i32"> => op("i32.add", a, b);
const smaller = (a: I32, b: I32 | number): Expr<"i32"> => select(op("i32.lt_u", a, b), a, b);

/** The address of output number `index` of those that stay, before the part is added. */
export function placeOf(p: Named<"source" | "kept1" | "keptStride0" | "keptStride1">, index: I32): Expr<"i32"> {
  const outer = times(op("i32.div_u", index, p.kept1), p.keptStride0);
  return plus(plus(p.source, outer), times(op("i32.rem_u", index, p.kept1), p.keptStride1));
}

function foldRow(f: Func, p: Params, unit: I32, fold: Fold, segment: Segment, tools: Tools): void {
  const first = f.let(times(op("i32.rem_u", unit, p.parts), p.part));
  const row = f.let(placeOf(p, f.let(op("i32.div_u", unit, p.parts))));
  const [rows, count] = [f.let(p.reduced0), f.let(p.inner)];
  const cut = (size: I32, stride: I32): void => {
    f.inc(row, times(first, stride));
    f.set(size, smaller(f.let(op("i32.sub", size, first)), p.part));
  };
  f.if(
    op("i32.eq", p.reduced0, 1),
    () => cut(count, p.innerStride),
    () => cut(rows, p.reducedStride0),
  );
  const total = f.let(scalarOf(f, fold.wideStart, tools) as Expr<"f64">);
  f.range(rows, () => {
    const at = f.let(row);
    f.range(p.reduced1, () => {
      f.set(total, call(segment, at, count, p.innerStride, total));
      f.inc(at, p.reducedStride1);
    });
    f.inc(row, p.reducedStride0);
  });
  storeScalar(f, fold.to, plus(p.target, times(unit, fold.to.bytes)), scalarOf(f, fold.wideFinish, tools, total));
}

type Segment = FuncRef<readonly ["at", "count", "stride", "total:f64"], "f64">;

/** Folds `count` elements `stride` bytes apart into a wide total. */
function addSegment(m: Module, fold: Fold, tools: Tools): Segment {
  // Totals may be of any type; the name of one stands for all.
  const params = ["at", "count", "stride", `total:${fold.wide}` as "total:f64"] as const;
  return m.inner("segment", params, (f, { at, count, stride, total }) => {
    f.if(op("i32.eq", stride, fold.from.bytes), () => foldPacked(f, fold, tools, at, count, total));
    const [some, near] = [f.local("i32"), f.local(fold.wide as "f64")];
    f.while(count, () => {
      f.set(some, smaller(count, fold.block));
      f.set(count, op("i32.sub", count, some));
      f.set(near, scalarOf(f, fold.wideStart, tools) as Expr<"f64">);
      f.while(some, () => {
        const element = f.let(loadScalar(fold.from, at));
        f.set(near, scalarOf(f, fold.wideStep, tools, near, element) as Expr<"f64">);
        f.inc(at, stride);
        f.inc(some, -1);
      });
      f.set(total, scalarOf(f, fold.wideMerge, tools, total, near) as Expr<"f64">);
    });
    return total;
  });
}

/** Adds vectors of elements to totals; what `settle` gives is NaN where an element was. */
interface Stepper {
  reset(): void;
  add(total: Local<"v128">, element: Local<"v128">, which: number): void;
  settle(total: Local<"v128">, which: number): void;
}

/** Of `count` kinds of totals, which have their own NaN. */
function stepper(f: Func, { quick, step, lanes }: Fold, tools: Tools, count: number): Stepper {
  const trees = quick ?? [step];
  const code = new Lowering(f, trees, lanes, tools);
  const flaws = f.locals("v128", quick ? count : 0);
  return {
    reset: () => flaws.forEach((flaw) => void f.set(flaw, splat("i32x4", 0))),
    add: (total, element, which) => {
      const [next, flaw] = code.emit(trees, [total, element]) as [Expr<"v128">, Expr<"v128">?];
      f.set(total, next);
      if (flaw) f.set(flaws[which]!, op("v128.or", flaws[which]!, flaw));
    },
    settle: (total, which) => {
      if (quick) f.set(total, op("v128.or", total, flaws[which]!));
    },
  };
}

/** What brings lanes onto their neighbours, until all are in the first: V8 chooses between scalars by jumps. */
const neighbours = {
  2: [[2, 3, 2, 3]],
  4: [
    [1, 1, 3, 3],
    [2, 2, 2, 2],
  ],
} as const;

/** Whole vectors of what is left, in blocks, in several totals each. */
function foldPacked(f: Func, fold: Fold, tools: Tools, at: I32, count: I32, total: Local): void {
  const { lanes, from, narrow } = fold;
  if (narrow) {
    f.if(op("i32.ge_s", count, narrow.round), () => {
      const found = f.let(narrow.fold(f, tools, at, count));
      f.set(total, scalarOf(f, narrow.isTotal ? fold.wideMerge : fold.wideStep, tools, total, found));
    });
  }
  // Of elements of 64 bits, more: their products take longest.
  const together = (4 / lanes) * TOTALS;
  const totals = f.locals("v128", together);
  const step = stepper(f, fold, tools, 1);
  const merge = new Lowering(f, [fold.merge], lanes, tools);
  const start = f.let(vectorOf(f, fold.start, lanes, tools));
  const block = f.local("i32");
  const take = (vectors: number): void => {
    f.while(op("i32.ge_s", block, vectors * lanes), () => {
      for (let i = 0; i < vectors; i++) {
        const element = f.let(loadPacked(from, lanes, at, i * lanes * from.bytes));
        step.add(totals[i]!, element, 0);
      }
      f.inc(at, vectors * lanes * from.bytes);
      f.inc(block, -vectors * lanes);
    });
  };
  f.while(op("i32.ge_s", count, lanes), () => {
    for (const sum of totals) f.set(sum, start);
    step.reset();
    f.set(block, op("i32.and", smaller(count, fold.block), -lanes));
    f.inc(count, op("i32.sub", 0, block));
    take(together);
    take(1);
    step.settle(totals[0]!, 0);
    const join = (a: Local<"v128">, b: Local<"v128">): void =>
      f.set(a, merge.emit([fold.merge], [a, b])[0] as Expr<"v128">);
    for (let apart = 1; apart < together; apart *= 2) {
      for (let i = 0; i < together; i += 2 * apart) join(totals[i]!, totals[i + apart]!);
    }
    const first = totals[0]!;
    for (const order of neighbours[lanes]) join(first, f.let(shuffle(first, first, order)));
    f.set(total, scalarOf(f, fold.absorb, tools, total, f.let(extractLane(fold.type, first, 0))));
  });
}

/** Rows folded into each other, side by side. */
function foldColumns(f: Func, p: Params, unit: I32, fold: Fold, tools: Tools, totals: I32): void {
  const { lanes, from, to } = fold;
  const blocks = f.let(op("i32.div_s", plus(p.inner, COLUMNS - 1), COLUMNS));
  const column = f.let(times(op("i32.rem_u", unit, blocks), COLUMNS));
  const row = f.let(op("i32.div_u", unit, blocks));
  const first = f.let(times(op("i32.rem_u", row, p.parts), p.part));
  const rows = f.let(smaller(f.let(op("i32.sub", p.reduced0, first)), p.part));
  const width = f.let(smaller(f.let(op("i32.sub", p.inner, column)), COLUMNS));
  const source = f.let(plus(placeOf(p, f.let(op("i32.div_u", row, p.parts))), times(first, p.reducedStride0)));
  f.inc(source, times(column, from.bytes));
  const target = plus(p.target, times(plus(times(row, p.inner), column), to.bytes));
  const start = f.let(vectorOf(f, fold.start, lanes, tools));
  eachVector(f, width, lanes, [[totals, 16]], ([total], vectors) => {
    for (let i = 0; i < vectors; i++) f.store("v128.store", total!, start, 16 * i);
  });
  addRows(f, p, fold, tools, rows, width, [source, lanes * from.bytes], [totals, 16]);
  const finish = new Lowering(f, [fold.finish], lanes, tools);
  const write = ([total, place]: readonly I32[], _: number, left: I32): void => {
    const value = f.let(finish.emit([fold.finish], [load("v128.load", total!)])[0] as Expr<"v128">);
    f.if(
      op("i32.ge_s", left, lanes),
      () => storePacked(f, to, lanes, place!, value),
      () => storeFirst(f, to, lanes, left, place!, value),
    );
  };
  eachVector(
    f,
    width,
    lanes,
    [
      [totals, 16],
      [target, lanes * to.bytes],
    ],
    write,
    [1],
  );
}

/**
 * Adds `rows` times `reduced1` rows to the totals; of those levels the one that has rows is walked inside. Where sums round,
 * rows that are visited together are added up first.
 */
function addRows(f: Func, p: Params, fold: Fold, tools: Tools, rows: I32, width: I32, source: Run, totals: Run): void {
  const { lanes, from } = fold;
  const step = stepper(f, fold, tools, 4);
  const merge = new Lowering(f, [fold.merge], lanes, tools);
  const start = f.let(vectorOf(f, fold.start, lanes, tools));
  const at = f.let(source[0]);
  const add = ([sums, ...places]: readonly I32[], vectors: number): void => {
    const before = (i: number): Expr<"v128"> => load("v128.load", sums!, 16 * i);
    const isApart = fold.block === BLOCK.rounding && places.length > 1;
    const found = Array.from({ length: vectors }, (_, i) => f.let(isApart ? start : before(i)));
    step.reset();
    for (const place of places) {
      found.forEach((total, i) => {
        step.add(total, f.let(loadPacked(from, lanes, place, i * lanes * from.bytes)), i);
      });
    }
    found.forEach((total, i) => {
      step.settle(total, i);
      const value = isApart ? (merge.emit([fold.merge], [before(i), total])[0] as Expr<"v128">) : total;
      f.store("v128.store", sums!, value, 16 * i);
    });
  };
  const single = f.let(op("i32.eq", p.reduced1, 1));
  const count = f.let(select(single, rows, p.reduced1));
  const stride = f.let(select(single, p.reducedStride0, p.reducedStride1));
  f.range(f.let(select(single, f.let(i32(1)), rows)), () => {
    eachRow(f, count, stride, [at, source[1]], (lines) => eachVector(f, width, lanes, [totals, ...lines], add));
    f.inc(at, p.reducedStride0);
  });
}

function scalarOf(f: Func, tree: Node, tools: Tools, ...inputs: readonly Expr[]): Expr {
  return new Lowering(f, [tree], "scalar", tools).emit([tree], inputs)[0]!;
}

function vectorOf(f: Func, tree: Node, lanes: 2 | 4, tools: Tools): Expr<"v128"> {
  return new Lowering(f, [tree], lanes, tools).emit([tree], [])[0] as Expr<"v128">;
}
