import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ConvShape, convForward, convInput, convWeight, outputSize } from "../src/dense/conv.ts";
import { bytesPerElement, type FloatName } from "../src/dense/element.ts";
import { getNumThreads, heap, memory, setNumThreads } from "../src/runtime/index.ts";

const product = (values: readonly number[]) => values.reduce((a, b) => a * b, 1);

/** A tensor of small whole numbers, for which every order of addition gives the same sum. */
function tensor(type: FloatName, length: number, seed: number) {
  // Held, because what is forgotten may be handed out again after an await.
  const block = memory.allocate(length * bytesPerElement[type]);
  const { address } = block;
  const all = type === "f32" ? heap.f32 : heap.f64;
  const start = address / bytesPerElement[type];
  const values = all.subarray(start, start + length);
  for (let i = 0; i < length; i++) values[i] = ((((i + 1 + seed) * 2654435761) >>> 20) % 7) - 3;
  return { block, address, values };
}

interface Problem {
  readonly type: FloatName;
  readonly shape: ConvShape;
}

function sizes({ shape: s }: Problem) {
  const output = s.input.map((size, i) => {
    return outputSize(size, s.kernel[i]!, s.stride[i]!, s.padding[i]!, s.dilation[i]!);
  });
  return {
    output,
    x: s.batch * s.inChannels * product(s.input),
    w: (s.outChannels * s.inChannels * product(s.kernel)) / s.groups,
    y: s.batch * s.outChannels * product(output),
  };
}

/** Calls `visit` for every product in the convolution, with indices into x, w and y. */
function walk(p: Problem, visit: (x: number, w: number, y: number) => void): void {
  const { shape: s } = p;
  const { output } = sizes(p);
  const [channels, outputs] = [s.inChannels / s.groups, s.outChannels / s.groups];
  const [taps, pixels] = [product(s.kernel), product(output)];
  const split = (index: number, size: readonly number[]) => {
    const at: number[] = [];
    for (let i = size.length - 1; i >= 0; i--) {
      at[i] = index % size[i]!;
      index = Math.floor(index / size[i]!);
    }
    return at;
  };
  const places: [number, number, number][] = [];
  for (let pixel = 0; pixel < pixels; pixel++) {
    const out = split(pixel, output);
    for (let tap = 0; tap < taps; tap++) {
      const k = split(tap, s.kernel);
      const from = out.map((o, i) => o * s.stride[i]! + k[i]! * s.dilation[i]! - s.padding[i]![0]);
      if (from.some((x, i) => x < 0 || x >= s.input[i]!)) continue;
      places.push([from.reduce((index, x, i) => index * s.input[i]! + x, 0), tap, pixel]);
    }
  }
  for (let n = 0; n < s.batch; n++) {
    for (let o = 0; o < s.outChannels; o++) {
      const group = Math.floor(o / outputs);
      for (let c = 0; c < channels; c++) {
        const plane = (n * s.inChannels + group * channels + c) * product(s.input);
        for (const [x, tap, pixel] of places) {
          visit(plane + x, (o * channels + c) * taps + tap, (n * s.outChannels + o) * pixels + pixel);
        }
      }
    }
  }
}

function check(p: Problem): void {
  const { type, shape } = p;
  const size = sizes(p);
  const x = tensor(type, size.x, 1);
  const w = tensor(type, size.w, 2);
  const bias = tensor(type, shape.outChannels, 3);
  const y = tensor(type, size.y, 4);
  const dy = tensor(type, size.y, 5);
  const [dx, dw] = [tensor(type, size.x, 6), tensor(type, size.w, 7)];
  const pixels = product(size.output);
  const expected = {
    y: Array.from(y.values, (_, i) => bias.values[Math.floor(i / pixels) % shape.outChannels]!),
    dx: Array.from(dx.values, () => 0),
    dw: Array.from(dw.values, () => 0),
  };
  walk(p, (i, j, k) => {
    expected.y[k]! += x.values[i]! * w.values[j]!;
    expected.dx[i]! += dy.values[k]! * w.values[j]!;
    expected.dw[j]! += dy.values[k]! * x.values[i]!;
  });
  convForward(type, shape, { x: x.address, w: w.address, bias: bias.address, y: y.address });
  convInput(type, shape, { gradOutput: dy.address, w: w.address, gradInput: dx.address });
  convWeight(type, shape, { x: x.address, gradOutput: dy.address, gradWeight: dw.address });
  expect(Array.from(y.values)).toEqual(expected.y);
  expect(Array.from(dx.values, (v) => v + 0)).toEqual(expected.dx.map((v) => v + 0));
  expect(Array.from(dw.values, (v) => v + 0)).toEqual(expected.dw.map((v) => v + 0));
}

const small = (max: number) => fc.integer({ min: 1, max });

function problems(dimensions: number, side: number) {
  const each = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: dimensions, maxLength: dimensions });
  return fc
    .record({
      type: fc.constantFrom<FloatName>("f32", "f64"),
      shape: fc
        .record({
          batch: small(3),
          groups: small(3),
          inPerGroup: small(4),
          outPerGroup: small(8),
          input: each(small(side)),
          kernel: each(small(4)),
          stride: each(small(3)),
          padding: each(fc.tuple(fc.nat(2), fc.nat(2))),
          dilation: each(small(2)),
        })
        .map(({ inPerGroup, outPerGroup, ...s }) => {
          return { ...s, inChannels: s.groups * inPerGroup, outChannels: s.groups * outPerGroup };
        }),
    })
    .filter((p) => sizes(p).output.every((size) => size > 0));
}

const seed: ConvShape = {
  ...{ batch: 3, inChannels: 1, outChannels: 64, groups: 1, input: [28, 28], kernel: [5, 5] },
  ...{
    stride: [1, 1],
    padding: [
      [0, 0],
      [0, 0],
    ] as const,
    dilation: [1, 1],
  },
};

describe("convolution and its adjoints", () => {
  test("one dimension", () => {
    fc.assert(fc.property(problems(1, 40), check), { numRuns: 100 });
  });

  test("two dimensions", () => {
    fc.assert(fc.property(problems(2, 14), check), { numRuns: 150 });
  });

  test("three dimensions", () => {
    fc.assert(fc.property(problems(3, 6), check), { numRuns: 60 });
  });

  test("the layers of a small image classifier", () => {
    check({ type: "f32", shape: seed });
    check({ type: "f32", shape: { ...seed, inChannels: 64, outChannels: 32, input: [12, 12] } });
  });

  test("wide kernels, one by one kernels, one channel a group, odd widths", () => {
    const same = {
      ...seed,
      padding: [
        [3, 3],
        [3, 3],
      ] as const,
    };
    check({ type: "f32", shape: { ...same, kernel: [7, 7], outChannels: 8, input: [17, 23] } });
    check({ type: "f32", shape: { ...seed, kernel: [1, 11], outChannels: 7, input: [3, 31] } });
    check({ type: "f32", shape: { ...seed, kernel: [1, 1], inChannels: 20, outChannels: 9, input: [7, 9] } });
    check({
      type: "f32",
      shape: { ...seed, groups: 6, inChannels: 6, outChannels: 6, kernel: [3, 3], input: [9, 13] },
    });
    check({ type: "f32", shape: { ...same, kernel: [7, 7], stride: [2, 2], outChannels: 5, input: [21, 30] } });
  });

  test("gives the same bits on one thread and on several", async () => {
    const shape = { ...seed, batch: 8, inChannels: 16, outChannels: 24 };
    const size = sizes({ type: "f32", shape });
    const make = (length: number) => tensor("f32", length, 0);
    const [x, w, y, dx, dw] = [make(size.x), make(size.w), make(size.y), make(size.x), make(size.w)];
    for (const t of [x, w]) for (let i = 0; i < t.values.length; i++) t.values[i] = Math.sin(i * 12.9898);
    const run = (threads: number) => {
      setNumThreads(threads);
      convForward("f32", shape, { x: x.address, w: w.address, y: y.address });
      convInput("f32", shape, { gradOutput: y.address, w: w.address, gradInput: dx.address });
      convWeight("f32", shape, { x: x.address, gradOutput: y.address, gradWeight: dw.address });
      return [y, dx, dw].map((t) => t.values.slice());
    };
    const before = getNumThreads();
    const alone = run(1);
    run(3);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const together = run(3);
    const differing = together.map((values, t) => values.filter((value, i) => !Object.is(value, alone[t]![i])).length);
    expect(differing).toEqual([0, 0, 0]);
    setNumThreads(before);
  });
});
