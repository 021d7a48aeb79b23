import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ConvShape, convForward, convInput, convWeight } from "../src/dense/conv.ts";
import type { Geometry } from "../src/dense/conv-geometry.ts";
import { PlanCache } from "../src/dense/conv-plan.ts";
import type { FloatName } from "../src/dense/element.ts";
import type { Block } from "../src/runtime/block.ts";
import { memory } from "../src/runtime/index.ts";
import { check, sizes, tensor } from "./dense-conv-check.ts";
import { onOneAndThree } from "./on-threads.ts";

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

test("the plans that are kept are those of the shapes used last", () => {
  const cache = new PlanCache<{ readonly plans: readonly { readonly block: Block }[] }>();
  const made: number[] = [];
  const shapes = Array.from({ length: 66 }, () => ({}) as Geometry);
  const use = (i: number) =>
    cache.get(shapes[i]!, () => {
      made.push(i);
      return { plans: [{ block: memory.allocate(4) }] };
    });
  for (let i = 0; i < 64; i++) use(i);
  for (const i of [0, 64, 0, 2, 65, 1]) use(i);
  expect(made.slice(64)).toEqual([64, 65, 1]);
});

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

  test("an empty batch gives nothing, and a gradient of zeros for the weights", () => {
    check({ type: "f32", shape: { ...seed, batch: 0 } });
  });

  test("gives the same bits on one thread and on several", async () => {
    const shape = { ...seed, batch: 8, inChannels: 16, outChannels: 24 };
    const size = sizes({ type: "f32", shape });
    const make = (length: number) => tensor("f32", length, 0);
    const [x, w, y, dx, dw] = [make(size.x), make(size.w), make(size.y), make(size.x), make(size.w)];
    for (const t of [x, w]) for (let i = 0; i < t.values.length; i++) t.values[i] = Math.sin(i * 12.9898);
    const [alone, together] = await onOneAndThree(() => {
      convForward("f32", shape, { x: x.address, w: w.address, y: y.address });
      convInput("f32", shape, { gradOutput: y.address, factor: w.address, result: dx.address });
      convWeight("f32", shape, { gradOutput: y.address, factor: x.address, result: dw.address });
      return [y, dx, dw].map((t) => t.values.slice());
    });
    const differing = together.map((values, t) => values.filter((value, i) => !Object.is(value, alone[t]![i])).length);
    expect(differing).toEqual([0, 0, 0]);
  });
});
