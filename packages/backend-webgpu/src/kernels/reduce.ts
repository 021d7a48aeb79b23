/** Reductions over any set of dimensions. */
import { type DType, type ReduceOp, sizeOf } from "@dl/tensor";
import type { Cell, CellView } from "../cell.ts";
import type { Engine } from "../engine.ts";
import { pick, whole } from "../layout.ts";
import { Program } from "../program.ts";
import { type FoldRow, reduce } from "../wgsl/fold.ts";
import { kindOf, wrap } from "../wgsl/types.ts";
import { type Kernel, views } from "./kernel.ts";
import { gather, groupsFor, lines, linesSource, teamFor } from "./lines.ts";

/** A lone line longer than this is cut into pieces that run side by side. */
const piece = 16_384;
const maxPieces = 256;

export function reduceKernel<K extends ReduceOp>(op: K): Kernel<K> {
  return (engine, call) => {
    const { dims } = call.attrs as { readonly dims: readonly number[] };
    const { dtype } = call.outputs[0]!;
    const [x] = views(call) as [CellView];
    engine.settle([x], 6);
    const kept = x.shape.flatMap((_, dim) => (dims.includes(dim) ? [] : [dim]));
    const count = sizeOf(kept.map((dim) => x.shape[dim]!));
    const sorted = pick(x, [...kept, ...[...dims].sort((a, b) => a - b)]);
    const pieces = piecesFor(op, count, sizeOf(x.shape) / Math.max(count, 1));
    if (pieces === 1) return [fold(engine, op, sorted, count, kept.length, 1, dtype)];
    const partial = fold(engine, op, sorted, count, kept.length, pieces, dtype.endsWith("float16") ? "float32" : dtype);
    const result = fold(
      engine,
      op,
      { ...whole(partial), shape: [count, pieces], strides: [pieces, 1] },
      count,
      1,
      1,
      dtype,
    );
    engine.drop(partial);
    return [result];
  };
}

function piecesFor(op: ReduceOp, count: number, length: number): number {
  const places = op === "argmax" || op === "argmin";
  return places || count > 64 ? 1 : Math.min(Math.max(Math.ceil(length / piece), 1), maxPieces);
}

/** Sums the last dimension of a [count, n] view. */
export function sumOver(engine: Engine, view: CellView, dtype: DType): Cell {
  return fold(engine, "sum", view, view.shape[0]!, 1, 1, dtype);
}

/** `view`: `rank` kept dimensions of `count` places, then the reduced ones. Gives [count, pieces]. */
function fold(
  engine: Engine,
  op: ReduceOp,
  view: CellView,
  count: number,
  rank: number,
  pieces: number,
  dtype: DType,
): Cell {
  const length = count === 0 ? 0 : sizeOf(view.shape) / count;
  const row = (reduce[op] as FoldRow)(kindOf(view.cell.dtype));
  const program = new Program(`${op} ${view.cell.dtype} ${dtype}`);
  const read = program.read(view, view.cell.dtype);
  const out = engine.allocate(dtype, count * pieces);
  const write = program.write(whole(out));
  const part = Math.ceil(length / pieces);
  const walk = lines(program, count * pieces, part, teamFor(part, view.strides[rank - 1] === 1));
  if (pieces > 1) program.note("pieces");
  const [total, cut] = [program.word(length), program.word(pieces)];
  engine.launch(program, groupsFor(count * pieces, walk.team), () =>
    linesSource(walk, row, (scope, line, member) => {
      const start = scope.let(pieces > 1 ? `${line} / ${cut} * ${total}` : `${line} * ${total}`);
      const skip = pieces > 1 ? scope.let(`${line} % ${cut} * ${walk.length}`) : "";
      const left = skip ? scope.let(`min(${walk.length}, ${total} - min(${skip}, ${total}))`) : walk.length;
      gather(scope, { ...walk, length: left }, row, member, (inner) =>
        read(inner, inner.let(skip ? `${start} + ${skip} + k` : `${start} + k`)),
      );
      const result = wrap(dtype, row.results("acc")[0]!);
      if (walk.team === 1) write(scope, line, result);
      else scope.block("if (lane == 0u)", (inner) => write(inner, line, result));
    }),
  );
  return out;
}
