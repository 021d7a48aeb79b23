/** Running folds along one dimension. */
import { type ScanOp, sizeOf } from "@dl/tensor";
import type { CellView } from "../cell.ts";
import { linesAlong, pick, shaped } from "../layout.ts";
import { Program, type Writer } from "../program.ts";
import { type Fold, type FoldRow, scan } from "../wgsl/fold.ts";
import type { Scope } from "../wgsl/scope.ts";
import { kindOf, wrap } from "../wgsl/types.ts";
import { type Kernel, views } from "./kernel.ts";
import { along, groupsFor, type Lines, lines, linesSource } from "./lines.ts";

export function scanKernel<K extends ScanOp>(op: K): Kernel<K> {
  return (engine, call) => {
    const { dim } = call.attrs as { readonly dim: number };
    const [x] = views(call) as [CellView];
    engine.settle([x], 6);
    const { order, count, length } = linesAlong(x.shape, dim);
    const fold = (scan[op] as FoldRow)(kindOf(x.cell.dtype));
    const program = new Program(`${op} ${x.cell.dtype}`);
    const read = program.read(pick(x, order), x.cell.dtype);
    const cells = call.outputs.map(({ dtype }) => engine.allocate(dtype, sizeOf(x.shape)));
    const writers = cells.map((cell) => {
      const write = program.write(pick(shaped(cell, x.shape), order));
      return (scope: Scope, index: string, value: string) => write(scope, index, wrap(cell.dtype, value));
    });
    const walk = lines(program, count, length, length > 64 ? 256 : 1);
    engine.launch(program, groupsFor(count, walk.team), () =>
      linesSource(walk, fold, (scope, line, member) => {
        const start = scope.let(`${line} * ${walk.length}`);
        const lift = (inner: Scope): string => fold.lift(read(inner, inner.let(`${start} + k`)), "k");
        if (walk.team === 1) alone(scope, walk, fold, start, member, lift, writers);
        else together(scope, walk, fold, start, lift, writers);
      }),
    );
    return cells;
  };
}

type Lift = (inner: Scope) => string;

function alone(
  scope: Scope,
  walk: Lines,
  fold: Fold,
  start: string,
  member: string,
  lift: Lift,
  writers: readonly Writer[],
): void {
  scope.line(`var acc: Acc = ${fold.start};`);
  along(scope, walk, member, (inner) => {
    inner.line(`acc = merge(acc, ${lift(inner)});`);
    put(inner, inner.let(`${start} + k`), fold, "acc", writers);
  });
}

/** Tile by tile: each is scanned in shared memory by doubling reach, after what came before it. */
function together(
  scope: Scope,
  { team, length }: Lines,
  fold: Fold,
  start: string,
  lift: Lift,
  writers: readonly Writer[],
): void {
  scope.line(`var before: Acc = ${fold.start};`);
  scope.block(`for (var tile = 0u; tile < ${length}; tile += ${team}u)`, (inner) => {
    inner.line("let k = tile + lane;");
    inner.line(`var acc: Acc = ${fold.start};`);
    inner.block(`if (k < ${length})`, (inside) => inside.line(`acc = ${lift(inside)};`));
    inner.line("shared_[lane] = acc;");
    inner.line("workgroupBarrier();");
    inner.block(`for (var reach = 1u; reach < ${team}u; reach <<= 1u)`, (doubling) => {
      doubling.line("if (lane >= reach) { acc = merge(shared_[lane - reach], acc); }");
      doubling.line("workgroupBarrier();");
      doubling.line("shared_[lane] = acc;");
      doubling.line("workgroupBarrier();");
    });
    inner.line("acc = merge(before, acc);");
    inner.block(`if (k < ${length})`, (inside) => put(inside, inside.let(`${start} + k`), fold, "acc", writers));
    inner.line(`before = merge(before, shared_[${team - 1}]);`);
    inner.line("workgroupBarrier();");
  });
}

function put(scope: Scope, index: string, fold: Fold, acc: string, writers: readonly Writer[]): void {
  const values = fold.results(acc);
  for (const [at, write] of writers.entries()) write(scope, index, values[at]!);
}
