/**
 * The loops of reductions. A unit of work is one output (or a panel of neighbouring ones, see `columns.ts`), and one
 * part of the elements that are reduced to it. What a unit computes depends on the shapes alone, so results do not
 * depend on how units are shared between threads.
 */
import type { DType } from "@dl/tensor";
import { partOf, shareOf } from "../dense/element.ts";
import { call, type Expr, type Func, type FuncRef, type Local, type Module, op, shuffle } from "../wasm/emitter.ts";
import { loadScalar, storeScalar } from "./access.ts";
import { COLUMNS } from "./columns.ts";
import type { Node } from "./expression.ts";
import { foldColumns } from "./fold-columns.ts";
import { addShortRows } from "./fold-short.ts";
import {
  type Fold,
  type Folded,
  type FoldParams,
  foldOf,
  foldParams,
  operandsAt,
  placeOf,
  plus,
  type Stepper,
  scalarOf,
  smaller,
  stepper,
  TOTALS,
  times,
  treesOf,
  vectorOf,
} from "./folds.ts";
import { Tools } from "./helpers.ts";
import { extractLane } from "./lanes.ts";
import { Lowering } from "./lower.ts";
import type { FoldOp } from "./reductions.ts";

type I32 = Local<"i32">;

/** The scratch bytes that `columns` needs: a total of up to eight bytes for each column. */
export const FOLD_SCRATCH: number = 8 * COLUMNS;
/**
 * Exports `rows` and `columns`, both with `foldParams`; `columns` needs FOLD_SCRATCH bytes of scratch. If there are
 * several folds, each unit takes them one after the other, while its elements are in the caches.
 */
export function buildFold(m: Module, names: readonly FoldOp[], folded: Folded, to: DType): void {
  const folds = names.map((name) => foldOf(name, folded, to));
  const tools = new Tools(m, folds.flatMap(treesOf));
  const segments = folds.map((fold) => addSegment(m, fold, tools));
  const orShort = addShortRows(m, folds, tools);
  const targets = (f: Func, p: FoldParams): I32[] => folds.map((_, i) => f.let(plus(p.target, times(p.apart, i))));
  m.func("rows", foldParams, (f, p) => {
    const places = targets(f, p);
    const foldUnit = (unit: Unit): void => {
      for (const [i, fold] of folds.entries()) {
        foldRow(f, { ...p, target: places[i]! }, unit, fold, segments[i]!, tools);
      }
    };
    // With no units there are sizes of 0, by which the numbers of units must not be divided.
    f.if(p.units, () => orShort(f, p, places, () => eachUnit(f, p, foldUnit)));
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

/** A unit of `rows`: its number, which part of the reduced elements it takes, and where those of its output begin. */
interface Unit {
  readonly index: I32;
  readonly part: I32;
  readonly place: I32;
}

/**
 * Runs `body` for the units of a chunk. Going on to the next unit takes no division, which would cost as much as a
 * short row itself.
 */
function eachUnit(f: Func, p: FoldParams, body: (unit: Unit) => void): void {
  const [index, end] = partOf(f, p.units, p.chunk, p.chunks);
  const part = f.let(op("i32.rem_u", index, p.parts));
  const output = f.let(op("i32.div_u", index, p.parts));
  const place = f.let(placeOf(p, output));
  const inner = f.let(op("i32.rem_u", output, p.kept1));
  const back = f.let(op("i32.sub", p.keptStride0, times(p.kept1, p.keptStride1)));
  const goOn = (counter: I32, count: I32, next: () => void): void => {
    f.inc(counter, 1);
    f.if(op("i32.eq", counter, count), () => {
      f.set(counter, 0);
      next();
    });
  };
  f.while(op("i32.lt_u", index, end), () => {
    body({ index, part, place });
    f.inc(index, 1);
    goOn(part, p.parts, () => {
      f.inc(place, p.keptStride1);
      goOn(inner, p.kept1, () => f.inc(place, back));
    });
  });
}

function foldRow(f: Func, p: FoldParams, unit: Unit, fold: Fold, segment: Segment, tools: Tools): void {
  const first = f.let(times(unit.part, p.part));
  const row = f.let(unit.place);
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
      f.set(total, call(segment, at, p.beside, count, p.innerStride, total));
      f.inc(at, p.reducedStride1);
    });
    f.inc(row, p.reducedStride0);
  });
  storeScalar(f, fold.to, plus(p.target, times(unit.index, fold.to.bytes)), scalarOf(f, fold.wideFinish, tools, total));
}

type Segment = FuncRef<readonly ["at", "beside", "count", "stride", "total:f64"], "f64">;

/** Folds `count` elements `stride` bytes apart into a wide total. */
function addSegment(m: Module, fold: Fold, tools: Tools): Segment {
  // Totals may be of any type; the name of one stands for all.
  const params = ["at", "beside", "count", "stride", `total:${fold.wide}` as "total:f64"] as const;
  return m.inner("segment", params, (f, { at, beside, count, stride, total }) => {
    f.if(
      op("i32.eq", stride, fold.from.bytes),
      () => foldVectors(f, fold, tools, { at, beside, count, total }),
      () => {
        // Gathering narrower ones takes as long as going one by one.
        if (fold.from.bytes >= 4 && fold.from.bytes * fold.packed.loaded === 16)
          foldVectors(f, fold, tools, { at, beside, count, total, stride });
      },
    );
    const [some, near] = [f.local("i32"), f.local(fold.wide as "f64")];
    f.while(count, () => {
      f.set(some, smaller(count, fold.block));
      f.set(count, op("i32.sub", count, some));
      f.set(near, scalarOf(f, fold.wideStart, tools) as Expr<"f64">);
      f.while(some, () => {
        const places = fold.views === 2 ? [at, plus(at, beside)] : [at];
        const operands = places.map((place) => f.let(loadScalar(fold.from, place)));
        f.set(near, scalarOf(f, fold.wideStep, tools, near, ...operands) as Expr<"f64">);
        f.inc(at, stride);
        f.inc(some, -1);
      });
      f.set(total, scalarOf(f, fold.wideMerge, tools, total, near) as Expr<"f64">);
    });
    return total;
  });
}

/** What brings lanes onto their neighbours, until all are in the first: V8 chooses between scalars by jumps. */
const neighbours = {
  2: [[2, 3, 2, 3]],
  4: [
    [1, 1, 3, 3],
    [2, 2, 2, 2],
  ],
} as const;

type Run = {
  readonly at: I32;
  readonly beside: I32;
  readonly count: I32;
  readonly total: Local;
  readonly stride?: I32;
};

/** Whole vectors of what is left, in blocks, in several totals each; of elements `stride` bytes apart, if that is given. */
function foldVectors(f: Func, fold: Fold, tools: Tools, run: Run): void {
  const { count, total } = run;
  const { lanes, loaded, steps } = fold.packed;
  if (!run.stride) foldNarrow(f, fold, tools, run);
  const totals = f.locals("v128", TOTALS);
  const step = stepper(f, fold.packed, tools, totals);
  const start = f.let(vectorOf(f, fold.packed.start, lanes, tools));
  const block = f.local("i32");
  f.while(op("i32.ge_s", count, loaded), () => {
    for (const sum of totals) f.set(sum, start);
    step.reset();
    f.set(block, op("i32.and", smaller(count, fold.block), -loaded));
    f.inc(count, op("i32.sub", 0, block));
    if (fold.pair) takePairs(f, fold, fold.pair, tools, totals, run, block);
    for (const vectors of [TOTALS / steps.length, 1]) takeVectors(f, fold, step, run, block, vectors);
    step.settle(TOTALS);
    const first = joined(f, fold.packed, tools, totals);
    f.set(total, scalarOf(f, fold.absorb, tools, total, f.let(extractLane(fold.type, first, 0))));
  });
}

/**
 * Adds pairs of vectors of a block to the totals, as long as it has enough for all of them. What is added up before it
 * meets a total need not wait for that total. More totals would have the same effect, but V8 loads a round's vectors
 * before it adds any, and has fifteen registers for them and the totals.
 */
function takePairs(
  f: Func,
  fold: Fold,
  pair: Node,
  tools: Tools,
  totals: readonly Local<"v128">[],
  run: Run,
  block: I32,
): void {
  const { lanes, loaded } = fold.packed;
  const code = new Lowering(f, [pair], lanes, tools);
  const round = 2 * totals.length * loaded;
  f.while(op("i32.ge_s", block, round), () => {
    for (const [i, total] of totals.entries()) {
      const places = [2 * i, 2 * i + 1].map((k) => k * loaded * fold.from.bytes);
      const operands = places.flatMap((offset) => operandsAt(f, fold, loaded, run.at, run.beside, offset, run.stride));
      f.set(total, code.emit([pair], [total, ...operands])[0] as Expr<"v128">);
    }
    if (!run.stride) f.inc(run.at, round * fold.from.bytes);
    f.inc(block, -round);
  });
}

/** Adds `vectors` vectors of a block at once, as long as it has so many. */
function takeVectors(f: Func, fold: Fold, step: Stepper, run: Run, block: I32, vectors: number): void {
  const { at, beside, stride } = run;
  const { loaded, steps } = fold.packed;
  f.while(op("i32.ge_s", block, vectors * loaded), () => {
    for (let i = 0; i < vectors; i++) {
      const offset = i * loaded * fold.from.bytes;
      step.add(operandsAt(f, fold, loaded, at, beside, offset, stride), i * steps.length);
    }
    if (!stride) f.inc(at, vectors * loaded * fold.from.bytes);
    f.inc(block, -vectors * loaded);
  });
}

/** Whole rounds, as narrow as they are stored, where there is a way. */
function foldNarrow(f: Func, { narrow, wideMerge, wideStep }: Fold, tools: Tools, { at, count, total }: Run): void {
  if (!narrow) return;
  f.if(op("i32.ge_s", count, narrow.round), () => {
    const found = f.let(narrow.fold(f, tools, at, count));
    f.set(total, scalarOf(f, narrow.isTotal ? wideMerge : wideStep, tools, total, found));
  });
}

/** Adds up totals, then the lanes of the first. */
function joined(f: Func, { lanes, merge }: Fold["packed"], tools: Tools, totals: readonly Local<"v128">[]) {
  const code = new Lowering(f, [merge], lanes, tools);
  const join = (a: Local<"v128">, b: Local<"v128">): void => f.set(a, code.emit([merge], [a, b])[0] as Expr<"v128">);
  for (let apart = 1; apart < totals.length; apart *= 2) {
    for (let i = 0; i < totals.length; i += 2 * apart) join(totals[i]!, totals[i + apart]!);
  }
  const first = totals[0]!;
  for (const order of neighbours[lanes]) join(first, f.let(shuffle(first, first, order)));
  return first;
}
