/**
 * Sorting by counting, for each element, those that go before it: the number is its place. Stable, in one launch without
 * scratch memory, and quadratic in the length of a line: for what models sort (classes, tokens), not for data bases.
 */
import { type DType, sizeOf } from "@dl/tensor";
import type { Cell, CellView } from "../cell.ts";
import type { Engine } from "../engine.ts";
import { linesAlong, pick, shaped } from "../layout.ts";
import { Program, type Reader } from "../program.ts";
import type { Scope } from "../wgsl/scope.ts";
import { kindOf, scalarOf } from "../wgsl/types.ts";
import { type Kernel, views } from "./kernel.ts";

export const sort: Kernel<"sort"> = (engine, call) => {
  const [x] = views(call) as [CellView];
  const { dim, descending } = call.attrs;
  return ranked(engine, x, { dim, descending, keep: x.shape[dim] ?? 1, shape: call.outputs[0]!.shape });
};

export const topk: Kernel<"topk"> = (engine, call) => {
  const { dim, k, largest } = call.attrs;
  return ranked(engine, views(call)[0]!, { dim, descending: largest, keep: k, shape: call.outputs[0]!.shape });
};

interface Ranking {
  readonly dim: number;
  readonly descending: boolean;
  /** How many of each line are kept. */
  readonly keep: number;
  /** Of the results. */
  readonly shape: readonly number[];
}

function ranked(engine: Engine, x: CellView, { dim, descending, keep, shape }: Ranking): readonly Cell[] {
  const { dtype } = x.cell;
  engine.materialize(x.cell);
  const { order, length } = linesAlong(x.shape, dim);
  const program = new Program(`sort ${dtype} ${descending}`);
  const read = program.read(pick(x, order), dtype);
  const cells = [engine.allocate(dtype, sizeOf(shape)), engine.allocate("int64", sizeOf(shape))];
  const [values, places] = cells.map((cell) => program.write(pick(shaped(cell, shape), order)));
  const [long, kept] = program.words(length, keep);
  const body = (scope: Scope, index: string): void => {
    const mine = read(scope, index);
    const line = countEarlier(scope, read, index, mine, long);
    scope.block(`if (rank < ${kept})`, (inner) => {
      const to = inner.let(`${line} * ${kept} + rank`);
      values!(inner, to, mine);
      places!(inner, to, "bitcast<i32>(place)");
    });
  };
  engine.each(program, sizeOf(x.shape), body, before(dtype, descending));
  return cells;
}

/** Names the element's `place` in its line and its `rank`; gives the line. */
function countEarlier(scope: Scope, read: Reader, index: string, mine: string, long: string): string {
  const line = scope.let(`${index} / ${long}`);
  scope.line(`let place = ${index} % ${long};`);
  scope.line("var rank = 0u;");
  scope.block(`for (var k = 0u; k < ${long}; k++)`, (inner) => {
    const other = read(inner, inner.let(`${line} * ${long} + k`));
    inner.line(`if (before(${other}, ${mine}) || (k < place && !before(${mine}, ${other}))) { rank++; }`);
  });
  return line;
}

/** `fn before(x, y)`: whether x comes strictly earlier. NaN is the largest. */
function before(dtype: DType, descending: boolean): string {
  const less = kindOf(dtype) === "float" ? "a < b || (dl_isnan(b) && !dl_isnan(a))" : "a < b";
  const type = scalarOf(dtype);
  return `fn before(${descending ? "b" : "a"}: ${type}, ${descending ? "a" : "b"}: ${type}) -> bool { return ${less}; }`;
}
