/**
 * The softmax family along lines that lie side by side in memory, as columns. A panel of columns is folded a few rows
 * at a time, with a total for each column in the scratch area. Values that later passes need are kept there, too,
 * packed, so that memory is read only once.
 */
import { type Expr, type Func, type Local, load, type Module, op } from "../wasm/emitter.ts";
import { type Access, access, loadPacked, storeFirst, storePacked, storeRun } from "./access.ts";
import { eachRow, eachVector, type Run } from "./columns.ts";
import type { Node } from "./expression.ts";
import { Lowering } from "./lower.ts";
import { type FoldTrees, keptAs, MOST_RESULTS, operands, usedBy, type Way } from "./softmax-lines.ts";

type Int = Local<"i32">;
type Vector = Local<"v128">;

/** The most columns of a panel. */
export const PANEL = 256;
/** Bytes for one result of each column. */
const AREA = 8 * PANEL;
/** The scratch bytes for all results, behind which values are kept. */
export const RESULT_BYTES: number = MOST_RESULTS * AREA;

/** Rows are `step` bytes apart, rows of kept values `near` bytes. */
const params = ["x0", "x1", "target", "rows", "step", "kept", "near", "scratch", "width"] as const;
export type Panel = { readonly [K in (typeof params)[number]]: Int };

/** Adds a function for each pass, and returns what writes the code that calls them for a panel. */
export function addPanels(m: Module, way: Way): (f: Func, panel: Panel) => void {
  const { folds } = way.trees;
  let known = 0;
  const passes = folds.map(({ finish }, i) => {
    const before = known;
    known += finish.length;
    return m.inner(`fold${i}`, params, (f, panel) => foldRows(f, way, panel, i, before));
  });
  const output = m.inner("write", params, (f, panel) => writeRows(f, way, panel, known));
  return (f, { x0, x1, target, rows, step, kept, near, scratch, width }) => {
    for (const pass of [...passes, output]) f.call(pass, x0, x1, target, rows, step, kept, near, scratch, width);
  };
}

const total = (at: Int, place: number, vector = 0): Expr<"v128"> => load("v128.load", at, place * AREA + 16 * vector);

/** Returns what loads the operands that some trees use: a vector of each input, and one of the kept values. */
function loadsOf(f: Func, { dtype, type, lanes }: Way, { x0, x1 }: Panel, trees: readonly Node[]) {
  const used = usedBy(trees);
  const beside = f.let(op("i32.sub", x1, x0));
  const vector = (of: Access, at: Expr<"i32">, i: number): Vector =>
    f.let(loadPacked(of, lanes, at, i * lanes * of.bytes));
  return (place: Int, kept: Int, i = 0): readonly [Vector[], Vector | undefined] => {
    const places = [place, op("i32.add", place, beside)].map((at, k) =>
      used.read[k] ? vector(access[dtype], at, i) : undefined,
    );
    return [places as Vector[], used.kept ? vector(keptAs(type), kept, i) : undefined];
  };
}

function foldRows(f: Func, way: Way, panel: Panel, which: number, known: number): void {
  const { lanes, dtype, type } = way;
  const fold = way.trees.folds[which]!;
  const add = rowsAdder(f, way, panel, fold, known);
  const near = keptAs(type);
  mapTotals(f, way, panel, [fold.start], known);
  const kept = f.let(panel.kept);
  eachRow(f, panel.rows, panel.step, [panel.x0, lanes * access[dtype].bytes], (rows) => {
    const beside = rows.map((_, i): Run => [op("i32.add", kept, op("i32.mul", panel.near, i)), lanes * near.bytes]);
    const runs: Run[] = [[panel.scratch, 16], ...rows, ...beside];
    eachVector(f, panel.width, lanes, runs, ([at, ...places]) => add(at!, places), [1]);
    f.inc(kept, op("i32.mul", panel.near, rows.length));
  });
  mapTotals(f, way, panel, fold.finish, known);
}

/** Replaces each total by the values of some trees of it: the first in its place, further ones in the next areas. */
function mapTotals(f: Func, { lanes, tools }: Way, panel: Panel, trees: readonly Node[], known: number): void {
  const code = new Lowering(f, trees, lanes, tools);
  const map = ([at]: readonly Int[]): void => {
    const values = code.emit(trees, operands([], [], f.let(total(at!, known)))).map((x) => f.let(x as Expr<"v128">));
    for (const [i, value] of values.entries()) f.store("v128.store", at!, value, (known + i) * AREA);
  };
  eachVector(f, panel.width, lanes, [[panel.scratch, 16]], map, [1]);
}

/**
 * Returns what folds a vector of each of some rows, and adds the result to the total. `places` are the places of these
 * rows, then those of their kept values.
 */
function rowsAdder(
  f: Func,
  way: Way,
  panel: Panel,
  { element, merge, kept }: FoldTrees,
  known: number,
): (at: Int, places: readonly Int[]) => void {
  const { lanes, tools, type } = way;
  const trees = kept ? [element, kept] : [element];
  const code = new Lowering(f, trees, lanes, tools);
  const merging = new Lowering(f, [merge], lanes, tools);
  const joined = (a: Vector, b: Vector): Vector => f.let(merging.emit([merge], [a, b])[0] as Expr<"v128">);
  const loads = loadsOf(f, way, panel, trees);
  return (at, places) => {
    const results = Array.from({ length: known }, (_, i) => f.let(total(at, i)));
    const old = f.let(total(at, known));
    const rows = places.length / 2;
    let values = places.slice(0, rows).map((place, i) => {
      const near = places[rows + i]!;
      const [xs, found] = loads(place, near);
      const made = code.emit(trees, operands(xs, results, undefined, found)).map((x) => f.let(x as Expr<"v128">));
      if (kept) storePacked(f, keptAs(type), lanes, near, made[1]!);
      return made[0]!;
    });
    while (values.length > 1) values = values.flatMap((a, i) => (i % 2 ? [] : [joined(a, values[i + 1]!)]));
    f.store("v128.store", at, joined(old, values[0]!), known * AREA);
  };
}

function writeRows(f: Func, way: Way, panel: Panel, known: number): void {
  const { lanes, tools, dtype, type, trees } = way;
  const to = access[dtype];
  const bytes = lanes * to.bytes;
  const code = new Lowering(f, [trees.output], lanes, tools);
  const loads = loadsOf(f, way, panel, [trees.output]);
  const [from, kept, target] = [f.let(panel.x0), f.let(panel.kept), f.let(panel.target)];
  const write = ([at, place, near, target]: readonly Int[], vectors: number, left: Int): void => {
    const values = Array.from({ length: vectors }, (_, i) => {
      const results = Array.from({ length: known }, (_, k) => f.let(total(at!, k, i)));
      const [xs, found] = loads(place!, near!, i);
      return f.let(code.emit([trees.output], operands(xs, results, undefined, found))[0] as Expr<"v128">);
    });
    storeLeft(f, to, lanes, target!, values, left);
  };
  f.range(panel.rows, () => {
    const own: Run = [kept, lanes * keptAs(type).bytes];
    eachVector(f, panel.width, lanes, [[panel.scratch, 16], [from, bytes], own, [target, bytes]], write, [2, 1]);
    for (const row of [from, target]) f.inc(row, panel.step);
    f.inc(kept, panel.near);
  });
}

/** Stores vectors of which only the first `left` elements count, at least one of the last vector. */
function storeLeft(f: Func, to: Access, lanes: 2 | 4, target: Int, values: readonly Vector[], left: Int): void {
  const rest = values.length - 1;
  f.if(
    op("i32.ge_s", left, values.length * lanes),
    () => storeRun(f, to, lanes, target, values),
    () => {
      if (rest > 0) storePacked(f, to, lanes, target, values[0]!);
      const end = f.let(op("i32.add", target, rest * lanes * to.bytes));
      storeFirst(f, to, lanes, f.let(op("i32.sub", left, rest * lanes)), end, values[rest]!);
    },
  );
}
