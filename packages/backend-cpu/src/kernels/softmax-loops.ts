/**
 * The exported kernels of the softmax family. A unit of work is a contiguous line (`rows`), or a panel of lines that
 * lie side by side in memory (`columns`).
 */
import type { SoftmaxOp } from "@dl/tensor";
import { at, ceilDiv, min, shareOf } from "../dense/element.ts";
import { type Expr, type Func, i32, type Local, type Module, op, select } from "../wasm/emitter.ts";
import { access, storeScalar } from "./access.ts";
import type { Node } from "./expression.ts";
import { Tools } from "./helpers.ts";
import { extractLane } from "./lanes.ts";
import { addPanels, RESULT_BYTES } from "./softmax-columns.ts";
import { type FloatName, type Keeping, keptAs, treesOf, typeOf, type Way } from "./softmax-lines.ts";
import { addPasses, type Passes, writeRow } from "./softmax-rows.ts";

/** The elements of a line are `inner` elements apart; `panel` neighbouring lines make a unit of `columns`. */
const params = ["chunk", "chunks", "units", "x0", "x1", "target", "size", "inner", "panel"] as const;
type Int = Local<"i32">;
type Params = { readonly [K in (typeof params)[number]]: Int };

export interface Softmax {
  readonly name: SoftmaxOp;
  readonly dtype: FloatName;
  /** The first input as a function of what is read from memory, see `look-through.ts`. */
  readonly loaded?: ((x: Node) => Node) | undefined;
  readonly keeping: Keeping;
}

/**
 * Exports `columns` and `rows`. For logSoftmax, if nothing is kept, also `totals`: the results of the folds alone, from
 * which any element can be computed (see `log-softmax.ts`).
 */
export function buildSoftmax(m: Module, what: Softmax): void {
  const { bytes } = access[what.dtype];
  const way = wayOf(m, what);
  addColumns(m, way);
  const passes = addPasses(m, way);
  m.func("rows", params, (f, p) => {
    const length = f.let(op("i32.mul", p.size, bytes));
    const scratch = bytes < 4 ? f.let(m.scratch()) : undefined;
    shareOf(f, p, p.units, (unit) => {
      const [x0, x1, target] = startsOf(f, p, op("i32.mul", unit, length));
      writeRow(f, way, passes, [x0, x1, scratch ?? target, target], p.size, f.let(aheadOf(p, unit, length)));
    });
  });
  if (what.name === "logSoftmax" && what.keeping === "nothing" && bytes >= 4) addTotals(m, way, passes.slice(0, -1));
}

function wayOf(m: Module, { name, dtype, loaded = (x) => x, keeping }: Softmax): Way {
  const trees = treesOf(name, dtype, keeping, loaded);
  const folds = trees.folds.flatMap(({ start, next, merge, finish, kept }) => [
    start,
    next,
    merge,
    ...finish,
    ...(kept ? [kept] : []),
  ]);
  const type = typeOf(dtype);
  const tools = new Tools(m, [...folds, trees.output]);
  return { dtype, type, lanes: type === "f32" ? 4 : 2, trees, tools, joined: m.options.joined === true };
}

function addColumns(m: Module, way: Way): void {
  const { bytes } = access[way.dtype];
  const writePanel = addPanels(m, way);
  m.func("columns", params, (f, p) => {
    const scratch = f.let(m.scratch());
    const kept = f.let(op("i32.add", scratch, RESULT_BYTES));
    const near = f.let(op("i32.mul", p.panel, keptAs(way.type).bytes));
    const step = f.let(op("i32.mul", p.inner, bytes));
    const panels = f.let(ceilDiv(p.inner, p.panel));
    shareOf(f, p, p.units, (unit) => {
      const first = f.let(op("i32.mul", op("i32.rem_u", unit, panels), p.panel));
      const width = min(f, op("i32.sub", p.inner, first), p.panel);
      const line = op("i32.mul", op("i32.div_u", unit, panels), p.size);
      const [x0, x1, target] = startsOf(f, p, at(op("i32.mul", first, bytes), line, step));
      writePanel(f, { x0, x1, target, rows: p.size, step, kept, near, scratch, width });
    });
  });
}

/** Exports `totals`, which writes the results of each line's folds side by side. */
function addTotals(m: Module, way: Way, passes: Passes): void {
  const { dtype, type } = way;
  const { bytes } = access[dtype];
  m.func("totals", params, (f, p) => {
    const length = f.let(op("i32.mul", p.size, bytes));
    shareOf(f, p, p.units, (unit) => {
      const [x0, x1, target] = startsOf(f, p, op("i32.mul", unit, length));
      const results = writeRow(f, way, passes, [x0, x1, target, target], p.size, f.let(aheadOf(p, unit, length)));
      const place = f.let(at(p.target, unit, results.length * bytes));
      for (const [i, result] of results.entries()) {
        storeScalar(f, access[dtype], op("i32.add", place, i * bytes), extractLane(type, result, 0));
      }
    });
  });
}

/** The distance to the next line, or 0 if this is the last. */
function aheadOf(p: Params, unit: Local<"i32">, length: Local<"i32">): Expr<"i32"> {
  return select(op("i32.eq", op("i32.add", unit, 1), p.units), i32(0), length);
}

/** The addresses of the inputs and the output, `offset` bytes on. */
function startsOf(f: Func, p: Params, offset: Expr<"i32">): readonly [x0: Int, x1: Int, target: Int] {
  const shared = f.let(offset);
  const start = (base: Int): Int => f.let(op("i32.add", base, shared));
  return [start(p.x0), start(p.x1), start(p.target)];
}
