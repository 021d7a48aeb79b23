/** Batches of matrix products over strided views. */
import { sizeOf, type TensorMeta } from "@dl/tensor";
import type { Cell, CellView } from "../cell.ts";
import type { Engine } from "../engine.ts";
import { pick } from "../layout.ts";
import type { Program } from "../program.ts";
import type { Scope } from "../wgsl/scope.ts";
import { scalarOf } from "../wgsl/types.ts";
import { type Element, plus, product } from "./gemm.ts";
import { type Kernel, views } from "./kernel.ts";

export const matmul: Kernel<"matmul"> = (engine: Engine, call): readonly Cell[] => {
  const [a, b, bias] = views(call) as [CellView, CellView, CellView | undefined];
  const [out] = call.outputs as readonly [TensorMeta];
  for (const { cell } of [a, b]) engine.materialize(cell); // read once a tile
  const rank = a.shape.length;
  const [rows, depth, columns] = [a.shape[rank - 2]!, a.shape[rank - 1]!, b.shape[rank - 1]!];
  const result = product(engine, {
    key: "matmul",
    dtype: out.dtype,
    batch: sizeOf(a.shape.slice(0, -2)),
    rows,
    columns,
    depth,
    deep: [Math.abs(a.strides[rank - 1]!) === 1, Math.abs(b.strides[rank - 2]!) === 1],
    factors: (program) => ({ a: matrix(program, a), b: matrix(program, b) }),
    place: (program) => {
      const [down, across] = [program.word(rows), program.word(columns)];
      return (scope, batch, row, column) => scope.let(`(${batch} * ${down} + ${row}) * ${across} + ${column}`);
    },
  });
  return [bias ? plus(engine, result, bias, out, rank - 1) : result];
};

/** The last two dimensions by their strides, those before by the number of the batch. */
function matrix(program: Program, view: CellView): (scope: Scope, batch: string) => Element {
  const rank = view.shape.length;
  const place = program.place(pick(view, [...view.shape.keys()].slice(0, rank - 2)));
  const slot = program.bind(view.cell.block!, scalarOf(view.cell.dtype), false);
  program.note(slot);
  const [down, across] = [program.word(view.strides[rank - 2]!), program.word(view.strides[rank - 1]!)];
  return (scope, batch) => {
    const start = place(scope, batch);
    return (inner, row, column) => inner.let(`b${slot}[${start} + ${row} * ${down} + ${column} * ${across}]`);
  };
}
