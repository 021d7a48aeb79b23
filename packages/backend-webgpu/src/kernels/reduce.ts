/** Reductions over any set of dimensions. */
import { type DType, type ReduceOp, sizeOf } from "@dl/tensor";
import type { Cell, CellView } from "../cell.ts";
import type { Engine } from "../engine.ts";
import { pick, whole } from "../layout.ts";
import { Program } from "../program.ts";
import { type FoldRow, reduce } from "../wgsl/fold.ts";
import type { Scope } from "../wgsl/scope.ts";
import { kindOf, wrap } from "../wgsl/types.ts";
import { type Kernel, views } from "./kernel.ts";
import { gather, groupsFor, lines, linesSource, teamFor } from "./lines.ts";

/** A lone line longer than this is cut into pieces that run side by side. */
const longest = 16_384;
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
    const task = { op, rank: kept.length, pieces, dtype };
    if (pieces === 1) return [fold(engine, sorted, task)];
    const partial = fold(engine, sorted, { ...task, dtype: dtype.endsWith("float16") ? "float32" : dtype });
    const parts = { ...whole(partial), shape: [count, pieces], strides: [pieces, 1] };
    const result = fold(engine, parts, { ...task, rank: 1, pieces: 1 });
    engine.drop(partial);
    return [result];
  };
}

function piecesFor(op: ReduceOp, count: number, length: number): number {
  const places = op === "argmax" || op === "argmin";
  return places || count > 64 ? 1 : Math.min(Math.max(Math.ceil(length / longest), 1), maxPieces);
}

/** Where a line, or the piece of one, begins, and what is left of it: the last piece may be shorter than `length`. */
function extent(scope: Scope, line: string, length: string, total: string, cut: string | null): Extent {
  if (cut === null) return { start: scope.let(`${line} * ${total}`), left: length };
  const start = scope.let(`${line} / ${cut} * ${total}`);
  const skip = scope.let(`${line} % ${cut} * ${length}`);
  const left = scope.let(`min(${length}, ${total} - min(${skip}, ${total}))`);
  return { start: `${start} + ${skip}`, left };
}

/** Sums the last dimension of a [count, n] view. */
export function sumOver(engine: Engine, view: CellView, dtype: DType): Cell {
  return fold(engine, view, { op: "sum", rank: 1, pieces: 1, dtype });
}

interface Extent {
  readonly start: string;
  readonly left: string;
}

interface Folding {
  readonly op: ReduceOp;
  /** So many first dimensions of the view are kept. */
  readonly rank: number;
  /** Into which each line is cut. */
  readonly pieces: number;
  readonly dtype: DType;
}

/** Folds the dimensions behind those that are kept. Gives [places, pieces]. */
function fold(engine: Engine, view: CellView, { op, rank, pieces, dtype }: Folding): Cell {
  const [count, length] = [sizeOf(view.shape.slice(0, rank)), sizeOf(view.shape.slice(rank))];
  const row = (reduce[op] as FoldRow)(kindOf(view.cell.dtype));
  const program = new Program(`${op} ${view.cell.dtype} ${dtype}`);
  const read = program.read(view, view.cell.dtype);
  const out = engine.allocate(dtype, count * pieces);
  const write = program.write(whole(out));
  const part = Math.ceil(length / pieces);
  const walk = lines(program, count * pieces, part, teamFor(part, view.strides[rank - 1] === 1));
  if (pieces > 1) program.note("pieces");
  const [total, cut] = program.words(length, pieces);
  engine.launch(program, groupsFor(count * pieces, walk.team), () =>
    linesSource(walk, row, (scope, line, member) => {
      const { start, left } = extent(scope, line, walk.length, total, pieces > 1 ? cut : null);
      gather(scope, { ...walk, length: left }, row, member, (inner) => read(inner, inner.let(`${start} + k`)));
      const result = wrap(dtype, row.results("acc")[0]!);
      if (walk.team === 1) write(scope, line, result);
      else scope.block("if (lane == 0u)", (inner) => write(inner, line, result));
    }),
  );
  return out;
}
