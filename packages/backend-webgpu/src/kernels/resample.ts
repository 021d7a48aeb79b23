/** Weighted sums along one dimension: an invocation an output, which follows its taps through tables. */
import { sizeOf } from "@dl/tensor";
import type { CellView } from "../cell.ts";
import type { Engine } from "../engine.ts";
import { whole } from "../layout.ts";
import type { Block } from "../memory.ts";
import { Program } from "../program.ts";
import { scalarOf, wrap } from "../wgsl/types.ts";
import type { Words } from "../words.ts";
import { type Kernel, views } from "./kernel.ts";

function table(engine: Engine, words: Words): Block {
  const block = engine.memory.take(Math.max(4, words.byteLength), true);
  engine.memory.write(block, words);
  engine.profile.uploaded += words.byteLength;
  return block;
}

export const resample: Kernel<"resample"> = (engine, call) => {
  const [x] = views(call) as [CellView];
  const { dim, taps } = call.attrs;
  const { shape, dtype } = call.outputs[0]!;
  const source = engine.materialize(x.cell);
  const tables = [Int32Array.from(taps.bounds), Int32Array.from(taps.sources), Float32Array.from(taps.weights)].map(
    (words) => table(engine, words),
  );
  const program = new Program(`resample ${dtype}`);
  const slot = program.bind(source, scalarOf(dtype), false);
  const [bounds, sources, weights] = tables.map((block, i) => program.bind(block, i < 2 ? "i32" : "f32", false));
  const strides = (step: number): number[] => x.strides.map((stride, d) => (d === dim ? step : stride));
  const place = program.place({ shape, strides: strides(0), offset: x.offset });
  const number = program.place({ shape, strides: shape.map((_, d) => Number(d === dim)), offset: 0 });
  const step = program.word(x.strides[dim]!);
  const out = engine.allocate(dtype, sizeOf(shape));
  engine.map(
    program,
    (scope, index) => {
      const [start, i] = [place(scope, index), number(scope, index)];
      scope.line(`var sum = ${scalarOf(dtype)}(0);`);
      scope.block(`for (var k = b${bounds}[${i}]; k < b${bounds}[${i} + 1u]; k++)`, (inner) => {
        const from = inner.let(`${start} + bitcast<u32>(b${sources}[k]) * ${step}`);
        inner.line(`sum += ${scalarOf(dtype)}(b${weights}[k]) * b${slot}[${from}];`);
      });
      return wrap(dtype, "sum");
    },
    whole(out),
    out.length,
  );
  for (const block of tables) engine.memory.give(block);
  return [out];
};
