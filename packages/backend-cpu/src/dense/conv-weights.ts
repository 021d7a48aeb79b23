/** The weights of a convolution as its kernels read them: packed, in blocks of output channels. */
import { type Expr, type Func, type Module, op, select } from "../wasm/emitter.ts";
import { readPlan } from "./conv-plan.ts";
import { at, type Element, type Int, shareOf } from "./element.ts";
import { byRows, dispatch } from "./numbered.ts";
import { packer } from "./packer.ts";

/** The block with a number: how many rows it has, and its first row. */
export function blockBounds(f: Func, number: Expr<"i32">, p: { blockRows: Int; blockExtra: Int }) {
  const isBigger = f.let(op("i32.lt_s", number, p.blockExtra));
  return {
    rows: f.let(op("i32.add", p.blockRows, isBigger)),
    first: f.let(op("i32.add", op("i32.mul", number, p.blockRows), select(isBigger, number, p.blockExtra))),
  };
}

/** Counts, then distances in bytes. */
export const placeNames = [
  ...(["parts", "rows", "outer", "inner", "count"] as const),
  ...(["partStep", "outerStep", "innerStep", "step", "line", "groupStep"] as const),
] as const;

/**
 * `packWeights`: for every block of rows, its weights for one tap after the other. A row's weights lie in `outer` times
 * `inner` runs of `count`, `outerStep`, `innerStep` and `step` apart; rows lie `line` apart. There are `parts` matrices of
 * `rows` in each group, `partStep` apart, groups `groupStep`.
 */
export function packWeights(m: Module, e: Element, mostRows: number): void {
  const packers = byRows(mostRows, (rows) => packer(m, e, rows));
  m.func("packWeights", ["chunk", "chunks", "plan", "w", "packed", ...placeNames], (f, q) => {
    const p = readPlan(f, q.plan, "groups", "blockCount", "blockRows", "blockExtra");
    shareOf(f, q, op("i32.mul", op("i32.mul", p.groups, q.parts), p.blockCount), (unit) => {
      const matrix = f.let(op("i32.div_u", unit, p.blockCount));
      const block = blockBounds(f, op("i32.rem_u", unit, p.blockCount), p);
      const first = at(
        at(q.w, op("i32.div_u", matrix, q.parts), q.groupStep),
        op("i32.rem_u", matrix, q.parts),
        q.partStep,
      );
      const source = f.let(at(first, block.first, q.line));
      const packedRow = f.let(op("i32.mul", op("i32.mul", op("i32.mul", q.outer, q.inner), q.count), e.bytes));
      const target = f.let(at(q.packed, at(block.first, matrix, q.rows), packedRow));
      f.range(q.outer, () => {
        const from = f.let(source);
        f.range(q.inner, () => {
          dispatch(f, block.rows, packers, (pack, rows) => {
            f.call(pack, target, from, rows, q.count, q.line, q.step);
          });
          f.inc(from, q.innerStep);
          f.inc(target, op("i32.mul", op("i32.mul", q.count, block.rows), e.bytes));
        });
        f.inc(source, q.outerStep);
      });
    });
  });
}
