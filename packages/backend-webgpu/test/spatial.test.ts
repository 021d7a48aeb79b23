import type { ConvAttrs, PoolAttrs, Shape } from "@dl/tensor";
import { describe, test } from "vitest";
import { agrees, noise, type Source } from "./both.ts";
import { onDevice } from "./device.ts";

const size = (shape: Shape): number => shape.reduce((product, extent) => product * extent, 1);
const floats = (shape: Shape, seed = 1): Source => ({ dtype: "float32", data: noise(size(shape), seed), shape });
const fill = <T>(rank: number, value: T): T[] => new Array<T>(rank).fill(value);

interface Convolution {
  readonly x: Shape;
  readonly weight: Shape;
  readonly attrs: ConvAttrs;
}

function convolution(x: Shape, weight: Shape, given: Partial<ConvAttrs> = {}): Convolution {
  const rank = x.length - 2;
  return {
    x,
    weight,
    attrs: { stride: fill(rank, 1), padding: fill(rank, 0), dilation: fill(rank, 1), groups: 1, ...given },
  };
}

function outputOf({ x, weight, attrs }: Convolution): Shape {
  const space = x.slice(2).map((n, d) => {
    const window = attrs.dilation[d]! * (weight[2 + d]! - 1) + 1;
    return Math.floor((n + 2 * attrs.padding[d]! - window) / attrs.stride[d]!) + 1;
  });
  return [x[0]!, weight[0]!, ...space];
}

const convolutions: [string, Convolution][] = [
  ["1d", convolution([2, 3, 9], [4, 3, 3])],
  ["2d", convolution([2, 1, 12, 12], [6, 1, 5, 5])],
  ["stride and padding", convolution([2, 3, 8, 7], [4, 3, 3, 2], { stride: [2, 3], padding: [1, 0] })],
  ["dilation", convolution([1, 2, 11, 11], [3, 2, 3, 3], { dilation: [2, 3], padding: [2, 2] })],
  ["groups", convolution([2, 4, 6, 6], [8, 2, 3, 3], { groups: 2, padding: [1, 1] })],
  ["depthwise", convolution([2, 3, 6, 6], [3, 1, 3, 3], { groups: 3 })],
  ["3d", convolution([1, 2, 4, 5, 4], [3, 2, 2, 3, 2], { stride: [1, 2, 1], padding: [1, 0, 1] })],
  ["tiles of many", convolution([3, 5, 10, 10], [40, 5, 3, 3])],
  ["a long depth", convolution([16, 1, 20, 20], [3, 1, 3, 3])],
];

onDevice("convolution", () => {
  test.each(convolutions)("%s", async (_, task) => {
    const { x, weight, attrs } = task;
    const out = outputOf(task);
    const meta = (shape: Shape) => [{ shape, dtype: "float32" }] as const;
    await agrees("conv", [floats(x), floats(weight, 2)], attrs, meta(out), 1e-5, 1e-5);
    await agrees("conv", [floats(x), floats(weight, 2), floats([weight[0]!], 3)], attrs, meta(out), 1e-5, 1e-5);
    await agrees("convInput", [floats(out), floats(weight, 2)], { ...attrs, inputShape: x }, meta(x), 1e-5, 1e-5);
    await agrees(
      "convWeight",
      [floats(out), floats(x, 2)],
      { ...attrs, weightShape: weight },
      meta(weight),
      1e-5,
      1e-4,
    );
  });

  test("strided views", async () => {
    const { attrs } = convolution([2, 3, 6, 5], [4, 3, 3, 3]);
    const x: Source = { ...floats([2, 6, 5, 3]), shape: [2, 3, 6, 5], strides: [90, 1, 15, 3] };
    const weight: Source = { ...floats([4, 3, 3, 3]), strides: [27, 9, -3, -1], offset: 8 };
    await agrees("conv", [x, weight], attrs, [{ shape: [2, 4, 4, 3], dtype: "float32" }], 1e-5, 1e-5);
  });
});

const pool = (kernel: number[], given: Partial<PoolAttrs> = {}): PoolAttrs => ({
  kernel,
  stride: kernel,
  padding: fill(kernel.length, 0),
  dilation: fill(kernel.length, 1),
  ceilMode: false,
  ...given,
});

const pools: [string, Shape, Shape, PoolAttrs][] = [
  ["1d", [2, 3, 9], [2, 3, 4], pool([2])],
  ["2d", [2, 3, 6, 6], [2, 3, 3, 3], pool([2, 2])],
  ["overlapping, padded", [2, 2, 7, 6], [2, 2, 4, 3], pool([3, 3], { stride: [2, 2], padding: [1, 1] })],
  ["ceil", [1, 2, 5, 5], [1, 2, 3, 3], pool([2, 2], { ceilMode: true })],
  ["3d", [1, 2, 4, 4, 4], [1, 2, 2, 2, 2], pool([2, 2, 2])],
];

describe.each(pools)("pooling %s", (_, x, out, attrs) => {
  onDevice("", () => {
    test("maxima", async () => {
      const outputs = [
        { shape: out, dtype: "float32" },
        { shape: out, dtype: "int64" },
      ] as const;
      await agrees("maxPool", [floats(x)], attrs, outputs);
      await agrees("maxPool", [{ ...floats(x), data: noise(size(x)).map(Math.round) }], attrs, outputs);
      const pixels = size(x.slice(2));
      const positions = {
        dtype: "int64",
        shape: out,
        data: noise(size(out), 5).map((v) => Math.floor(((v + 1) / 2) * pixels)),
      } as const;
      await agrees("maxPoolBackward", [floats(out), positions], { inputShape: x }, [{ shape: x, dtype: "float32" }]);
    });
  });
});

onDevice("pooling", () => {
  test("dilated maxima, NaN first", async () => {
    const data = noise(49);
    data[10] = Number.NaN;
    data[30] = Number.NaN;
    const outputs = [
      { shape: [1, 1, 3, 3], dtype: "float32" },
      { shape: [1, 1, 3, 3], dtype: "int64" },
    ] as const;
    const attrs = pool([3, 3], { stride: [1, 1], dilation: [2, 2] });
    await agrees("maxPool", [{ dtype: "float32", data, shape: [1, 1, 7, 7] }], attrs, outputs);
  });
});
