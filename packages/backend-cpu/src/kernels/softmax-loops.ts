/** The kernels of the softmax family: units are contiguous lines, or panels of lines that lie side by side. */
import type { SoftmaxOp } from "@dl/tensor";
import { at, min, shareOf } from "../dense/element.ts";
import { type Expr, type Func, i32, type Local, type Module, op, select } from "../wasm/emitter.ts";
import { access, storeScalar } from "./access.ts";
import type { Node } from "./expression.ts";
import { Tools } from "./helpers.ts";
import { extractLane } from "./lower.ts";
import { PanelWriter } from "./softmax-columns.ts";
import { type FloatName, lines, treesOf, type Way } from "./softmax-lines.ts";
import { addPasses, type Passes, writeRow } from "./softmax-rows.ts";

/** Elements of a line are `inner` elements apart; `panel` columns make a unit. */
const params = ["chunk", "chunks", "units", "x0", "x1", "target", "size", "inner", "panel"] as const;
type Params = { readonly [K in (typeof params)[number]]: Local<"i32"> };

/** Exports `columns` and `rows`, of the logarithm also `totals`, which writes what a line's elements take; the first input is what `loaded` makes of what is read. */
export function buildSoftmax(m: Module, name: SoftmaxOp, dtype: FloatName, loaded?: (x: Node) => Node): void {
  const trees = treesOf(name, dtype, loaded);
  const folds = trees.folds.flatMap(({ start, element, next, merge, finish }) => [
    start,
    element,
    next,
    merge,
    ...finish,
  ]);
  const tools = new Tools(m, [...folds, trees.output]);
  const [type, lanes] = dtype === "float32" ? (["f32", 4] as const) : (["f64", 2] as const);
  const way: Way = { inputs: lines[name].inputs, dtype, type, lanes, trees, tools };
  const { bytes } = access[dtype];
  m.func("columns", params, (f, p) => {
    const scratch = f.let(m.scratch());
    const step = f.let(op("i32.mul", p.inner, bytes));
    const panels = f.let(op("i32.div_u", op("i32.sub", op("i32.add", p.inner, p.panel), 1), p.panel));
    shareOf(f, p, p.units, (unit) => {
      const first = f.let(op("i32.mul", op("i32.rem_u", unit, panels), p.panel));
      const width = min(f, op("i32.sub", p.inner, first), p.panel);
      const line = op("i32.mul", op("i32.div_u", unit, panels), p.size);
      const starts = startsOf(f, p, way, at(op("i32.mul", first, bytes), line, step));
      new PanelWriter(f, way, { starts, size: p.size, step, width, scratch }).write();
    });
  });
  const passes = addPasses(m, way);
  m.func("rows", params, (f, p) => {
    const length = f.let(op("i32.mul", p.size, bytes));
    shareOf(f, p, p.units, (unit) => {
      const starts = startsOf(f, p, way, op("i32.mul", unit, length));
      writeRow(f, way, passes, starts, p.size, f.let(aheadOf(p, unit, length)));
    });
  });
  if (name === "logSoftmax") addTotals(m, way, passes.slice(0, -1));
}

/** The results of each line side by side. */
function addTotals(m: Module, way: Way, passes: Passes): void {
  const { dtype, type } = way;
  const { bytes } = access[dtype];
  m.func("totals", params, (f, p) => {
    const length = f.let(op("i32.mul", p.size, bytes));
    shareOf(f, p, p.units, (unit) => {
      const starts = startsOf(f, p, way, op("i32.mul", unit, length));
      const results = writeRow(f, way, passes, starts, p.size, f.let(aheadOf(p, unit, length)));
      const target = f.let(at(p.target, unit, results.length * bytes));
      for (const [i, result] of results.entries()) {
        storeScalar(f, access[dtype], op("i32.add", target, i * bytes), extractLane(type, result, 0));
      }
    });
  });
}

/** How far the next line is, if there is one. */
function aheadOf(p: Params, unit: Local<"i32">, length: Local<"i32">): Expr<"i32"> {
  return select(op("i32.eq", op("i32.add", unit, 1), p.units), i32(0), length);
}

/** Of the inputs and of the output. */
function startsOf(f: Func, p: Params, { inputs }: Way, offset: Expr<"i32">): Local<"i32">[] {
  const shared = f.let(offset);
  return [...[p.x0, p.x1].slice(0, inputs), p.target].map((base) => f.let(op("i32.add", base, shared)));
}
