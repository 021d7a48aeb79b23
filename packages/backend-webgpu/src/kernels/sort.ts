/**
 * Sorting by counting, for each element, those that go before it: the number is its place. Stable, in one launch without
 * scratch memory, and quadratic in the length of a line: for what models sort (classes, tokens), not for data bases.
 */
import { type DType, sizeOf, stridesOf } from "@dl/tensor";
import type { Cell, CellView } from "../cell.ts";
import type { Engine } from "../engine.ts";
import { pick } from "../layout.ts";
import { Program, workgroup } from "../program.ts";
import { Scope } from "../wgsl/scope.ts";
import { kindOf, scalarOf } from "../wgsl/types.ts";
import { type Kernel, views } from "./kernel.ts";
import { lastly } from "./scan.ts";

export const sort: Kernel<"sort"> = (engine, call) => {
  const [x] = views(call) as [CellView];
  const { dim, descending } = call.attrs;
  return ranked(engine, x, dim, descending, x.shape[dim] ?? 1, call.outputs[0]!.shape);
};

export const topk: Kernel<"topk"> = (engine, call) => {
  const { dim, k, largest } = call.attrs;
  return ranked(engine, views(call)[0]!, dim, largest, k, call.outputs[0]!.shape);
};

function ranked(
  engine: Engine,
  x: CellView,
  dim: number,
  descending: boolean,
  keep: number,
  shape: readonly number[],
): readonly Cell[] {
  const { dtype } = x.cell;
  engine.materialize(x.cell);
  const order = lastly(x.shape.length, dim);
  const program = new Program(`sort ${dtype} ${descending}`);
  const read = program.read(pick(x, order), dtype);
  const cells = [engine.allocate(dtype, sizeOf(shape)), engine.allocate("int64", sizeOf(shape))];
  const [values, places] = cells.map((cell) =>
    program.write(pick({ cell, shape, strides: stridesOf(shape), offset: 0 }, order)),
  );
  const size = sizeOf(x.shape);
  const [long, kept, total] = [x.shape[dim] ?? 1, keep, size].map((value) => program.word(value)) as [
    string,
    string,
    string,
  ];
  engine.launch(program, Math.ceil(size / workgroup), () => {
    const scope = new Scope();
    const index = scope.let(`group * ${workgroup}u + lane`);
    scope.line(`if (${index} >= ${total}) { return; }`);
    const mine = read(scope, index);
    const line = scope.let(`${index} / ${long}`);
    scope.line(`let place = ${index} % ${long};`);
    scope.line("var rank = 0u;");
    scope.block(`for (var k = 0u; k < ${long}; k++)`, (inner) => {
      const other = read(inner, inner.let(`${line} * ${long} + k`));
      inner.line(`if (before(${other}, ${mine}) || (k < place && !before(${mine}, ${other}))) { rank++; }`);
    });
    scope.block(`if (rank < ${kept})`, (inner) => {
      const to = inner.let(`${line} * ${kept} + rank`);
      values!(inner, to, mine);
      places!(inner, to, "bitcast<i32>(place)");
    });
    return program.source(scope.lines, workgroup, before(dtype, descending));
  });
  return cells;
}

/** `fn before(x, y)`: whether x comes strictly earlier. NaN is the largest. */
function before(dtype: DType, descending: boolean): string {
  const less = kindOf(dtype) === "float" ? "a < b || (dl_isnan(b) && !dl_isnan(a))" : "a < b";
  const type = scalarOf(dtype);
  return `fn before(${descending ? "b" : "a"}: ${type}, ${descending ? "a" : "b"}: ${type}) -> bool { return ${less}; }`;
}
