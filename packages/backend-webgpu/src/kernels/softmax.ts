/** Softmax and its kin: a statistic of each line, then a formula of the elements and the statistic. */
import { type SoftmaxOp, sizeOf, stridesOf } from "@dl/tensor";
import { pick } from "../layout.ts";
import { Program } from "../program.ts";
import { softmax } from "../wgsl/softmax.ts";
import { wrap } from "../wgsl/types.ts";
import { type Kernel, views } from "./kernel.ts";
import { along, gather, groupsFor, lines, linesSource, teamFor } from "./lines.ts";
import { lastly } from "./scan.ts";

export function softmaxKernel<K extends SoftmaxOp>(op: K): Kernel<K> {
  return (engine, call) => {
    const { dim } = call.attrs as { readonly dim: number };
    const { shape, dtype } = call.outputs[0]!;
    const inputs = views(call);
    for (const { cell } of inputs) engine.materialize(cell); // read twice
    const { fold, gathers, gives } = softmax[op as SoftmaxOp];
    const order = lastly(shape.length, dim);
    const length = shape[dim] ?? 1;
    const count = length === 0 ? 0 : sizeOf(shape) / length;
    const program = new Program(`${op} ${dtype}`);
    const readers = inputs.map((view) => program.read(pick(view, order), dtype));
    const out = engine.allocate(dtype, sizeOf(shape));
    const write = program.write(pick({ cell: out, shape, strides: stridesOf(shape), offset: 0 }, order));
    const walk = lines(program, count, length, teamFor(length, false));
    engine.launch(program, groupsFor(count, walk.team), () =>
      linesSource(walk, fold, (scope, line, member) => {
        const start = scope.let(`${line} * ${walk.length}`);
        gather(scope, walk, fold, member, (inner) => {
          const index = inner.let(`${start} + k`);
          return gathers(readers.map((read) => read(inner, index)));
        });
        along(scope, walk, member, (inner) => {
          const index = inner.let(`${start} + k`);
          write(
            inner,
            index,
            wrap(
              dtype,
              gives(
                readers.map((read) => read(inner, index)),
                "acc",
              ),
            ),
          );
        });
      }),
    );
    return [out];
  };
}
