/** Weighted sums along dimensions, one after the other: an invocation an output, which follows its taps through tables. */
import { type Attrs, fail, isFloat, sizeOf } from "@dl/tensor";
import type { CellView } from "../cell.ts";
import type { Engine } from "../engine.ts";
import { shaped, whole } from "../layout.ts";
import type { Block } from "../memory.ts";
import { Program, type Reader } from "../program.ts";
import type { Words } from "../words.ts";
import { type Kernel, views } from "./kernel.ts";

function table(engine: Engine, words: Words): Block {
  const block = engine.memory.take(Math.max(4, words.byteLength), true);
  engine.memory.write(block, words);
  engine.profile.uploaded += words.byteLength;
  return block;
}

/** One dimension of a view, into float32. */
function stage(engine: Engine, x: CellView, { dim, taps }: Attrs<"resample">["stages"][number]): CellView {
  const shape = x.shape.with(dim, taps.bounds.length - 1);
  const source = engine.materialize(x.cell);
  const tables = [Int32Array.from(taps.bounds), Int32Array.from(taps.sources), Float32Array.from(taps.weights)].map(
    (words) => table(engine, words),
  );
  const program = new Program("resample");
  const slot = program.bind(source, "f32", false);
  const [bounds, sources, weights] = tables.map((block, i) => program.bind(block, i < 2 ? "i32" : "f32", false));
  const strides = x.strides.map((stride, d) => (d === dim ? 0 : stride));
  const place = program.place({ shape, strides, offset: x.offset });
  const number = program.place({ shape, strides: shape.map((_, d) => Number(d === dim)), offset: 0 });
  const step = program.word(x.strides[dim]!);
  const cell = engine.allocate("float32", sizeOf(shape));
  const sum: Reader = (scope, index) => {
    const [start, i] = [place(scope, index), number(scope, index)];
    scope.line("var sum = 0.0;");
    scope.block(`for (var k = b${bounds}[${i}]; k < b${bounds}[${i} + 1u]; k++)`, (inner) => {
      const from = inner.let(`${start} + bitcast<u32>(b${sources}[k]) * ${step}`);
      inner.line(`sum += b${weights}[k] * b${slot}[${from}];`);
    });
    return "sum";
  };
  engine.map(program, sum, whole(cell), cell.length);
  for (const block of tables) engine.memory.give(block);
  return shaped(cell, shape);
}

export const resample: Kernel<"resample"> = (engine, call) => {
  const { shape, dtype } = call.outputs[0]!;
  if (!isFloat(dtype)) fail("resample", `there is no kernel for ${dtype}`, 'Cast to a float dtype with .to("float32")');
  const [x] = views(call) as [CellView];
  const last = call.attrs.stages.reduce((from, each) => {
    const made = stage(engine, from, each);
    if (from !== x) engine.drop(from.cell);
    return made;
  }, x);
  if (dtype === "float32") return [last.cell];
  const rounded = engine.express("copy", ([value]) => value!, [last], "float32", dtype, sizeOf(shape));
  return [rounded];
};
