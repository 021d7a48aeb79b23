/**
 * Standardization of channels that are the columns of [rows, columns]: rows are added to sums that lie side by side, and
 * results written by coefficients that do.
 */
import type { StandardizeOp } from "@dl/tensor";
import { at, type Element, type Int, shareOf } from "../dense/element.ts";
import { type Expr, type Func, type Local, load, type Module, op } from "../wasm/emitter.ts";
import { access, storeFirst } from "./access.ts";
import { widened } from "./standardize-sums.ts";

type Vector = Expr<"v128">;
type Shape = "f32x4" | "f64x2";
type Add = (f: Func, shape: Shape, total: Vector, distance: Local<"v128">, gradient: Local<"v128">) => Vector;

const distances: Add = (_, shape, total, d) => op(`${shape}.add`, total, d);

/** ★ What is added up, of distances from an origin: forwards in float64, backwards in the elements' type. */
export const columnTerms: { readonly [K in StandardizeOp]: readonly Add[] } = {
  standardize: [distances, (f, shape, total, d) => f.madd(shape, d, d, total)],
  standardizeBackward: [
    distances,
    (_, shape, total, __, g) => op(`${shape}.add`, total, g),
    (f, shape, total, d, g) => f.madd(shape, d, g, total),
  ],
};

/** Rows of `tables`: the origins, or what is taken from x; then slopes, shifts, and backwards the gradients' factors. */
export const TABLES = 4;

/** `width`: bytes of a row of `tables`, whose rows and those of `sums` are whole vectors. */
const params = ["chunk", "chunks", "rows", "columns", "width", "x", "g", "y", "tables", "sums"] as const;
type Params = { readonly [K in (typeof params)[number]]: Int };

/** `add` writes the sums of each chunk's rows, `write` the results. */
export function buildColumns(m: Module, e: Element, name: StandardizeOp): void {
  addSums(m, e, name);
  addResults(m, e, name);
}

function addSums(m: Module, e: Element, name: StandardizeOp): void {
  const isBackward = name === "standardizeBackward";
  const adds = columnTerms[name];
  const shape = isBackward ? e.shape : "f64x2";
  const parts = isBackward ? 1 : 8 / e.bytes;
  m.func("add", params, (f, p) => {
    const stride = f.let(op("i32.mul", p.width, parts));
    const all = f.let(op("i32.mul", stride, adds.length));
    const own = f.let(at(p.sums, p.chunk, all));
    f.fill(own, 0, all);
    const sums = adds.map((_, term) => [f.let(at(own, stride, term)), 16 * parts] as const);
    const partsOf = (pointer: Int): Local<"v128">[] =>
      isBackward ? [f.let(load("v128.load", pointer))] : widened(f, e, load("v128.load", pointer));
    eachVector(f, p, e, [[p.tables, 16], ...sums], ({ x, g }, [origin, ...places]) => {
      const [values, origins] = [partsOf(x), partsOf(origin!)];
      const gradient = isBackward ? f.let(load("v128.load", g)) : values[0]!;
      for (const [part, value] of values.entries()) {
        const distance = f.let(op(`${shape}.sub`, value, origins[part]!));
        for (const [term, add] of adds.entries()) {
          const total = load("v128.load", places[term]!, 16 * part);
          f.store("v128.store", places[term]!, add(f, shape, total, distance, gradient), 16 * part);
        }
      }
    });
  });
}

function addResults(m: Module, e: Element, name: StandardizeOp): void {
  const kept = access[e.name === "f64" ? "float64" : "float32"];
  m.func("write", params, (f, p) => {
    const tables = Array.from({ length: TABLES }, (_, row) => [f.let(at(p.tables, p.width, row)), 16] as const);
    eachVector(f, p, e, tables, ({ x, g, y, left }, rows) => {
      const [centre, slope, shift, gain] = rows.map((row) => load("v128.load", row));
      const line = f.madd(e.shape, op(`${e.shape}.sub`, load("v128.load", x), centre!), slope!, shift!);
      const value = f.let(name === "standardize" ? line : f.madd(e.shape, load("v128.load", g), gain!, line));
      f.if(
        op("i32.ge_s", left, e.lanes),
        () => f.store("v128.store", y, value),
        () => storeFirst(f, kept, e.lanes as 2 | 4, left, y, value),
      );
    });
  });
}

/** Visits the vectors of a chunk's rows; cursors start anew with each row. */
function eachVector(
  f: Func,
  p: Params,
  e: Element,
  starts: readonly (readonly [start: Int, step: number])[],
  body: (at: { readonly [K in "x" | "g" | "y" | "left"]: Int }, cursors: readonly Int[]) => void,
): void {
  const [x, g, y, left] = f.locals("i32", 4) as [Int, Int, Int, Int];
  const cursors = f.locals("i32", starts.length);
  const bytes = f.let(op("i32.mul", p.columns, e.bytes));
  shareOf(f, p, p.rows, (row) => {
    for (const [pointer, base] of [
      [x, p.x],
      [g, p.g],
      [y, p.y],
    ] as const)
      f.set(pointer, at(base, row, bytes));
    for (const [i, [start]] of starts.entries()) f.set(cursors[i]!, start);
    f.set(left, p.columns);
    f.while(op("i32.gt_s", left, 0), () => {
      body({ x, g, y, left }, cursors);
      for (const pointer of [x, g, y]) f.inc(pointer, 16);
      for (const [i, [, step]] of starts.entries()) f.inc(cursors[i]!, step);
      f.inc(left, -e.lanes);
    });
  });
}
