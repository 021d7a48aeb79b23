/** Rows folded into each other, side by side, while the totals of a unit's columns stay in scratch memory. */
import { type Expr, type Func, i32, type Local, load, op, select, shuffle } from "../wasm/emitter.ts";
import { storeFirst, storePacked } from "./access.ts";
import { COLUMNS, eachRow, eachVector, type Run } from "./columns.ts";
import { type Fold, type FoldParams, operandsAt, placeOf, plus, smaller, stepper, times, vectorOf } from "./folds.ts";
import type { Tools } from "./helpers.ts";
import type { VectorLanes } from "./lanes.ts";
import { Lowering } from "./lower.ts";

type I32 = Local<"i32">;

export function foldColumns(f: Func, p: FoldParams, unit: I32, fold: Fold, tools: Tools, totals: I32): void {
  const { from, to } = fold;
  const blocks = f.let(op("i32.div_s", plus(p.inner, COLUMNS - 1), COLUMNS));
  const column = f.let(times(op("i32.rem_u", unit, blocks), COLUMNS));
  const row = f.let(op("i32.div_u", unit, blocks));
  const first = f.let(times(op("i32.rem_u", row, p.parts), p.part));
  const rows = f.let(smaller(f.let(op("i32.sub", p.reduced0, first)), p.part));
  const width = f.let(smaller(f.let(op("i32.sub", p.inner, column)), COLUMNS));
  const source = f.let(plus(placeOf(p, f.let(op("i32.div_u", row, p.parts))), times(first, p.reducedStride0)));
  f.inc(source, times(column, from.bytes));
  const target = f.let(plus(p.target, times(plus(times(row, p.inner), column), to.bytes)));
  startTotals(f, fold, tools, width, totals);
  addRows(f, p, fold, tools, { rows, width, source, totals });
  writeTotals(f, fold, tools, width, totals, target);
}

/** Of as many columns as are loaded together: their bytes. */
const groupOf = ({ columns: { loaded, steps } }: Fold): readonly [columns: VectorLanes, bytes: number] => [
  loaded,
  16 * steps.length,
];

/** What a unit folds: rows of `width` columns from `source` on, into `totals`. */
interface Panel {
  readonly rows: I32;
  readonly width: I32;
  readonly source: I32;
  readonly totals: I32;
}

function startTotals(f: Func, fold: Fold, tools: Tools, width: I32, totals: I32): void {
  const { start, lanes } = fold.columns;
  const [group, bytes] = groupOf(fold);
  const value = f.let(vectorOf(f, start, lanes, tools));
  eachVector(f, width, group, [[totals, bytes]], ([at], groups) => {
    for (let offset = 0; offset < bytes * groups; offset += 16) f.store("v128.store", at!, value, offset);
  });
}

/** Adds `rows` times `reduced1` rows to the totals; of those levels the one that has rows is walked inside. */
function addRows(f: Func, p: FoldParams, fold: Fold, tools: Tools, { rows, width, source, totals }: Panel): void {
  const { from, columns } = fold;
  const [group, bytes] = groupOf(fold);
  const add = rowsAdder(f, fold, tools, p.beside);
  const at = f.let(source);
  const single = f.let(op("i32.eq", p.reduced1, 1));
  const count = f.let(select(single, rows, p.reduced1));
  const stride = f.let(select(single, p.reducedStride0, p.reducedStride1));
  const sums: Run = [totals, bytes];
  f.range(f.let(select(single, f.let(i32(1)), rows)), () => {
    eachRow(f, count, stride, [at, group * from.bytes], (lines) => {
      eachVector(f, width, group, [sums, ...lines], add, [4 / columns.steps.length, 1]);
    });
    f.inc(at, p.reducedStride0);
  });
}

/** What adds groups of columns of some rows to their totals. Where sums round, the rows are added up first. */
function rowsAdder(
  f: Func,
  fold: Fold,
  tools: Tools,
  beside: I32,
): ([sum, ...places]: readonly I32[], groups: number) => void {
  const { from, rounds, columns } = fold;
  const [group] = groupOf(fold);
  const halves = columns.steps.length;
  const found = f.locals("v128", 4);
  const step = stepper(f, columns, tools, found);
  const merge = new Lowering(f, [columns.merge], columns.lanes, tools);
  const start = f.let(vectorOf(f, columns.start, columns.lanes, tools));
  return ([sum, ...places], groups) => {
    const before = (i: number): Expr<"v128"> => load("v128.load", sum!, 16 * i);
    const isApart = rounds && places.length > 1;
    const totals = found.slice(0, groups * halves);
    for (const [i, total] of totals.entries()) f.set(total, isApart ? start : before(i));
    step.reset();
    for (const place of places) {
      for (let i = 0; i < groups; i++) {
        step.add(operandsAt(f, fold, group, place, beside, i * group * from.bytes), i * halves);
      }
    }
    step.settle(totals.length);
    for (const [i, total] of totals.entries()) {
      const value = isApart ? (merge.emit([columns.merge], [before(i), total])[0] as Expr<"v128">) : total;
      f.store("v128.store", sum!, value, 16 * i);
    }
  };
}

function writeTotals(f: Func, fold: Fold, tools: Tools, width: I32, totals: I32, target: I32): void {
  const { to, columns } = fold;
  const { lanes, finish } = columns;
  if (columns.steps.length === 2) joinHalves(f, fold, width, totals);
  const code = new Lowering(f, [finish], lanes, tools);
  const runs: Run[] = [
    [totals, 16],
    [target, lanes * to.bytes],
  ];
  const write = ([total, place]: readonly I32[], _: number, left: I32): void => {
    const value = f.let(code.emit([finish], [load("v128.load", total!)])[0] as Expr<"v128">);
    f.if(
      op("i32.ge_s", left, lanes),
      () => storePacked(f, to, lanes, place!, value),
      () => storeFirst(f, to, lanes, left, place!, value),
    );
  };
  eachVector(f, width, lanes, runs, write, [1]);
}

/** Brings the totals of even and odd columns into the columns' order. */
function joinHalves(f: Func, fold: Fold, width: I32, totals: I32): void {
  const [group, bytes] = groupOf(fold);
  const join = ([at]: readonly I32[]): void => {
    const [even, odd] = [0, 16].map((offset) => f.let(load("v128.load", at!, offset))) as [
      Local<"v128">,
      Local<"v128">,
    ];
    f.store("v128.store", at!, shuffle(even, odd, [0, 4, 1, 5]));
    f.store("v128.store", at!, shuffle(even, odd, [2, 6, 3, 7]), 16);
  };
  eachVector(f, width, group, [[totals, bytes]], join, [1]);
}
