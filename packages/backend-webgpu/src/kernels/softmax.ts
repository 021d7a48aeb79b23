/** Softmax and its kin: a statistic of each line, then a formula of the elements and the statistic. */
import { type SoftmaxOp, sizeOf } from "@dl/tensor";
import { linesAlong, pick, shaped } from "../layout.ts";
import { Program, type Reader, type Writer } from "../program.ts";
import type { Scope } from "../wgsl/scope.ts";
import { type LineRow, softmax } from "../wgsl/softmax.ts";
import { wrap } from "../wgsl/types.ts";
import { type Kernel, views } from "./kernel.ts";
import { along, gather, groupsFor, type Lines, lines, linesSource, teamFor } from "./lines.ts";

export function softmaxKernel<K extends SoftmaxOp>(op: K): Kernel<K> {
  return (engine, call) => {
    const { dim } = call.attrs as { readonly dim: number };
    const { shape, dtype } = call.outputs[0]!;
    const inputs = views(call);
    for (const { cell } of inputs) engine.materialize(cell); // read twice
    const { order, count, length } = linesAlong(shape, dim);
    const program = new Program(`${op} ${dtype}`);
    const readers = inputs.map((view) => program.read(pick(view, order), dtype));
    const out = engine.allocate(dtype, sizeOf(shape));
    const store = program.write(pick(shaped(out, shape), order));
    const write: Writer = (scope, index, value) => store(scope, index, wrap(dtype, value));
    const walk = lines(program, count, length, teamFor(length, false));
    const row = softmax[op as SoftmaxOp];
    engine.launch(program, groupsFor(count, walk.team), () => sourceOf(walk, row, readers, write));
    return [out];
  };
}

/** Every line is walked twice: for its statistic, and for the results. */
function sourceOf(walk: Lines, row: LineRow, readers: readonly Reader[], write: Writer): string {
  return linesSource(walk, row.fold, (scope, line, member) => {
    const start = scope.let(`${line} * ${walk.length}`);
    const at = (inner: Scope): string => inner.let(`${start} + k`);
    const values = (inner: Scope): string[] => readers.map((read) => read(inner, at(inner)));
    gather(scope, walk, row.fold, member, (inner) => row.gathers(values(inner)));
    along(scope, walk, member, (inner) => write(inner, at(inner), row.gives(values(inner), "acc")));
  });
}
