/** Convolutions of small planes, whose images are joined: exact for small whole numbers. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ConvShape, convForward, convInput, convWeight } from "../src/dense/conv.ts";
import { geometryOf } from "../src/dense/conv-geometry.ts";
import { joins } from "../src/dense/conv-joined.ts";
import { keptOf } from "../src/dense/conv-kept.ts";
import type { FloatName } from "../src/dense/element.ts";
import { check, sizes, tensor } from "./dense-conv-check.ts";
import { onOneAndThree } from "./on-threads.ts";

const between = (min: number, max: number) => fc.integer({ min, max });

function shapes(dimensions: number): fc.Arbitrary<ConvShape> {
  const each = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: dimensions, maxLength: dimensions });
  return fc
    .record({
      batch: between(1, 19),
      groups: between(1, 2),
      inPerGroup: between(12, 20),
      outPerGroup: between(16, 30),
      input: each(between(1, 4)),
      kernel: each(between(1, 4)),
      stride: each(between(1, 3)),
      padding: each(fc.tuple(fc.nat(3), fc.nat(3))),
      dilation: each(between(1, 2)),
    })
    .map(({ inPerGroup, outPerGroup, ...s }) => {
      return { ...s, inChannels: s.groups * inPerGroup, outChannels: s.groups * outPerGroup };
    })
    .filter((shape) => sizes({ type: "f32", shape }).output.every((size) => size > 0 && size < 5));
}

const plain = (batch: number, channels: readonly [number, number], side: number, stride = 1): ConvShape => ({
  ...{ batch, inChannels: channels[0], outChannels: channels[1], groups: 1 },
  ...{ input: [side, side], kernel: [3, 3], stride: [stride, stride], dilation: [1, 1] },
  padding: [
    [1, 1],
    [1, 1],
  ],
});

const tensors = (...lengths: number[]) =>
  lengths.map((length, i) => tensor("f32", length, i)) as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
type Tensor = ReturnType<typeof tensor>;

describe("convolutions of small planes", () => {
  test.each([1, 2, 3])("in %s dimensions", (dimensions) => {
    const problems = fc.record({ type: fc.constantFrom<FloatName>("f32", "f64"), shape: shapes(dimensions) });
    fc.assert(fc.property(problems, check), { numRuns: 60 });
  });

  test.each([
    [plain(7, [70, 50], 1)],
    [plain(13, [36, 40], 2)],
    [plain(13, [36, 41], 3, 2)],
    [plain(9, [71, 61], 4)],
    [plain(33, [40, 70], 5, 2)],
    [{ ...plain(9, [112, 128], 4), groups: 2 }],
    [{ ...plain(9, [48, 64], 5), dilation: [1, 2], stride: [1, 2] }],
  ])("are joined: %o", (shape) => {
    expect(joins(geometryOf("f64", shape))).toBe(true);
    check({ type: "f64", shape });
    check({ type: "f32", shape });
  });

  test("others are not", () => {
    const left = [plain(8, [64, 64], 14), plain(1, [64, 64], 4), plain(8, [3, 4], 4), plain(0, [64, 64], 1)];
    expect(left.map((shape) => joins(geometryOf("f32", shape)))).toEqual([false, false, false, false]);
  });

  test("taps that only meet zeros are left out", () => {
    const keptBy = (shape: ConvShape) => {
      const { geometry, first } = keptOf(geometryOf("f32", shape));
      return [geometry.kernel, geometry.before, first];
    };
    expect(keptBy(plain(8, [64, 64], 1))).toEqual([[1, 1, 1], [0, 0, 0], 4]);
    expect(keptBy(plain(8, [64, 64], 2, 2))).toEqual([[1, 2, 2], [0, 0, 0], 4]);
    expect(keptBy(plain(8, [64, 64], 2))).toEqual([[1, 3, 3], [0, 1, 1], undefined]);
  });

  test("many images go together in parts", () => {
    const [most, last] = [plain(600, [512, 16], 2), plain(7, [512, 16], 2)];
    const [x, w, y, tail] = tensors(600 * 2048, 16 * 4608, 600 * 64, 7 * 64);
    convForward("f32", most, { x: x.address, w: w.address, y: y.address });
    convForward("f32", last, { x: x.address + 4 * 593 * 2048, w: w.address, y: tail.address });
    expect(y.values.slice(593 * 64)).toEqual(tail.values);
  });

  test.each([plain(11, [64, 50], 4), plain(11, [64, 50], 4, 2), plain(11, [64, 50], 2, 2), plain(11, [64, 50], 1)])(
    "a ReLU on the way, and the same bits on one thread and on several: %o",
    async (shape) => {
      const size = sizes({ type: "f32", shape });
      const [x, w, bias, y, r, dx, dw] = tensors(size.x, size.w, shape.outChannels, size.y, size.y, size.x, size.w);
      for (const { values } of [x, w]) for (let i = 0; i < values.length; i++) values[i] = Math.sin(i * 12.9898);
      const [alone, together] = await onOneAndThree(() => {
        const from = { x: x.address, w: w.address, bias: bias.address };
        convForward("f32", shape, { ...from, y: y.address });
        convForward("f32", shape, { ...from, y: r.address, relu: true });
        convInput("f32", shape, { gradOutput: y.address, factor: w.address, result: dx.address });
        convWeight("f32", shape, { gradOutput: y.address, factor: x.address, result: dw.address });
        return [y, r, dx, dw].map(({ values }) => values.slice());
      });
      expect(together).toEqual(alone);
      expect(alone[1]).toEqual(alone[0]!.map((value) => Math.max(0, value)));
    },
  );
});
