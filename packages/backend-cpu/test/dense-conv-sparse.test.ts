import { afterEach, describe, expect, test, vi } from "vitest";
import { type ConvShape, convInput, convWeight } from "../src/dense/conv.ts";
import { threads } from "../src/runtime/index.ts";
import { check, sizes, tensor } from "./dense-conv-check.ts";
import { onOneAndThree } from "./on-threads.ts";

const none = [0, 0] as const;
const image: ConvShape = {
  ...{ batch: 2, inChannels: 16, outChannels: 10, groups: 1, input: [11, 14], kernel: [3, 3] },
  ...{ stride: [1, 1], padding: [none, none], dilation: [1, 1] },
};

/** The modules whose kernels ran. */
const modules = (): string[] => vi.mocked(threads.parallel).mock.calls.map(([key]) => key);

describe("gradients of a convolution whose output's gradient is mostly zeros", () => {
  vi.spyOn(threads, "parallel");
  afterEach(() => void vi.mocked(threads.parallel).mockClear());

  const shapes: readonly [string, ConvShape][] = [
    ["plain", image],
    ["wide runs", { ...image, inChannels: 68, kernel: [3, 5] }],
    ["one dimension", { ...image, batch: 8, input: [60], kernel: [5], stride: [1], padding: [[2, 1]], dilation: [1] }],
    [
      "padding and stride",
      {
        ...image,
        batch: 16,
        stride: [2, 3],
        padding: [
          [1, 2],
          [2, 0],
        ],
      },
    ],
    ["dilation", { ...image, dilation: [2, 2], input: [13, 15] }],
    ["dilated columns and groups", { ...image, batch: 8, groups: 2, dilation: [1, 3] }],
    [
      "three dimensions",
      {
        ...{ ...image, batch: 12, inChannels: 4, input: [6, 7, 8], kernel: [2, 3, 3] },
        ...{ stride: [1, 2, 1], padding: [[1, 1], none, [1, 1]], dilation: [1, 1, 1] },
      },
    ],
  ];
  test.each(shapes)("%s", (_, shape) => {
    check({ type: "f32", shape, oneOf: 7 });
    expect(modules().filter((key) => key.includes("sparse-weight"))).not.toEqual([]);
    expect(modules().filter((key) => key.includes("sparse-input"))).not.toEqual([]);
  });

  test("runs that are not whole vectors: the weights alone go that way", () => {
    check({ type: "f32", shape: { ...image, inChannels: 3, outChannels: 40, input: [20, 19] }, oneOf: 7 });
    expect(modules().filter((key) => key.includes("sparse-weight"))).not.toEqual([]);
    expect(modules().filter((key) => key.includes("sparse-input"))).toEqual([]);
  });

  test("all zeros give zeros, few zeros the dense kernels", () => {
    check({ type: "f32", shape: image, oneOf: 1e9 });
    vi.mocked(threads.parallel).mockClear();
    check({ type: "f32", shape: image });
    expect(modules().filter((key) => key.includes("sparse"))).toEqual([]);
  });

  test("float64, and little work, take the dense kernels", () => {
    check({ type: "f64", shape: image, oneOf: 7 });
    check({ type: "f32", shape: { ...image, batch: 1 }, oneOf: 7 });
    expect(modules().filter((key) => key.includes("sparse"))).toEqual([]);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("zeros times %d are NaN", (odd) => {
    const size = sizes({ type: "f32", shape: image });
    const [x, w, dx, dw] = [size.x, size.w, size.x, size.w].map((length, i) => tensor("f32", length, i));
    const dy = tensor("f32", size.y, 4);
    dy.values.fill(0);
    [x!.values[0], w!.values[0]] = [odd, odd];
    convInput("f32", image, { gradOutput: dy.address, factor: w!.address, result: dx!.address });
    convWeight("f32", image, { gradOutput: dy.address, factor: x!.address, result: dw!.address });
    expect([dx!.values[0], dw!.values[0], dx!.values.at(-1), dw!.values.at(-1)]).toEqual([
      Number.NaN,
      Number.NaN,
      0,
      0,
    ]);
    // The next call starts from a clean slate.
    [x!.values[0], w!.values[0]] = [1, 1];
    convInput("f32", image, { gradOutput: dy.address, factor: w!.address, result: dx!.address });
    convWeight("f32", image, { gradOutput: dy.address, factor: x!.address, result: dw!.address });
    expect([dx!.values[0], dw!.values[0]]).toEqual([0, 0]);
  });

  test("the same bits on one thread and on several", async () => {
    const shape = { ...image, batch: 8 };
    const size = sizes({ type: "f32", shape });
    const [x, w, y, dx, dw] = [size.x, size.w, size.y, size.x, size.w].map((length) => tensor("f32", length, 0));
    for (const t of [x, w, y]) t!.values.forEach((_, i) => void (t!.values[i] = Math.sin(i * 12.9898)));
    for (let i = 0; i < size.y; i++) if (i % 5 !== 0) y!.values[i] = 0;
    const [alone, together] = await onOneAndThree(() => {
      convInput("f32", shape, { gradOutput: y!.address, factor: w!.address, result: dx!.address });
      convWeight("f32", shape, { gradOutput: y!.address, factor: x!.address, result: dw!.address });
      return [...dx!.values, ...dw!.values];
    });
    expect(together).toEqual(alone);
  });
});
