/** Kernels that only move elements: parts are written into windows of the result. */
import { sizeOf, stridesOf } from "@dl/tensor";
import type { Cell, CellView } from "../cell.ts";
import type { Engine } from "../engine.ts";
import { Program } from "../program.ts";
import { type Kernel, views } from "./kernel.ts";

export const cat: Kernel<"cat"> = (engine, call) => {
  const { dim } = call.attrs;
  const { shape, dtype } = call.outputs[0]!;
  const out = engine.allocate(dtype, sizeOf(shape));
  let start = 0;
  for (const part of views(call)) {
    insert(
      engine,
      part,
      out,
      shape,
      shape.map((_, d) => (d === dim ? start : 0)),
    );
    start += part.shape[dim]!;
  }
  return [out];
};

export const pad: Kernel<"pad"> = (engine, call) => {
  const { padding, value } = call.attrs;
  const { shape, dtype } = call.outputs[0]!;
  const out = engine.express("full", ([x]) => x!, [value], dtype, dtype, sizeOf(shape));
  engine.materialize(out);
  insert(
    engine,
    views(call)[0]!,
    out,
    shape,
    padding.map(([before]) => before),
  );
  return [out];
};

/** Writes `part` into a row-major `out` of `shape`, from the place `start`. */
function insert(engine: Engine, part: CellView, out: Cell, shape: readonly number[], start: readonly number[]): void {
  engine.settle([part], 6);
  const strides = stridesOf(shape);
  const offset = start.reduce((sum, at, d) => sum + at * strides[d]!, 0);
  const program = new Program("insert");
  const value = program.read(part, out.dtype);
  engine.map(program, value, { cell: out, shape: part.shape, strides, offset }, sizeOf(part.shape));
}
