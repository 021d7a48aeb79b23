/** Convolutions of enough channels go by tiles: exact for small whole numbers, as exact as sums in order for others. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ConvShape, convForward, convWeight } from "../src/dense/conv.ts";
import { geometryOf } from "../src/dense/conv-geometry.ts";
import { tiledForward, tiledWeight } from "../src/dense/conv-tiled.ts";
import { convTiled } from "../src/dense/winograd.ts";
import { convWeightTiled } from "../src/dense/winograd-weight.ts";
import { check, sizes, tensor } from "./dense-conv-check.ts";
import { onOneAndThree } from "./on-threads.ts";

/** Kernels and images for which tiles pay, mostly. */
function shapes(dimensions: number, side: number, channels: number): fc.Arbitrary<ConvShape> {
  const each = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: dimensions, maxLength: dimensions });
  return fc
    .record({
      batch: fc.integer({ min: 1, max: 3 }),
      inChannels: fc.integer({ min: channels, max: channels + 6 }),
      outChannels: fc.integer({ min: channels, max: channels + 9 }),
      input: each(fc.integer({ min: Math.ceil(side / 2), max: side })),
      kernel: each(fc.integer({ min: 2, max: 5 })),
      padding: each(fc.tuple(fc.nat(2), fc.nat(2))),
      dilation: each(fc.constantFrom(1, 1, 2)),
    })
    .map((shape) => ({ ...shape, groups: 1, stride: shape.input.map(() => 1) }))
    .filter((shape) => sizes({ type: "f32", shape }).output.every((size) => size > 0));
}

const plain = (input: number[], kernel: number[], batch = 2): ConvShape => ({
  ...{ batch, inChannels: 48, outChannels: 40, groups: 1, input, kernel },
  ...{ stride: input.map(() => 1), dilation: input.map(() => 1), padding: kernel.map(() => [1, 1] as const) },
});

/** Numbers that are not whole: input, output and weights. */
function valuesOf(shape: ConvShape): readonly [x: Tensor, y: Tensor, w: Tensor] {
  const size = sizes({ type: "f32", shape });
  const tensors = [size.x, size.y, size.w].map((length, i) => tensor("f32", length, i));
  for (const { values } of tensors) {
    const start = Math.min(4093, values.length);
    for (let i = 0; i < start; i++) values[i] = Math.sin(1 + i * 12.9898);
    for (let i = start; i < values.length; i *= 2) values.copyWithin(i, 0, i);
  }
  return tensors as unknown as readonly [Tensor, Tensor, Tensor];
}

/** Runs one by tiles over numbers that are not whole. */
function run(shape: ConvShape, ending: "store" | "relu" = "store") {
  const [x, y, w] = valuesOf(shape);
  const isDone = convTiled(geometryOf("f32", shape), ending, { x: x.address, w: w.address, bias: 0, y: y.address });
  return { x, w, y, isDone };
}
type Tensor = ReturnType<typeof tensor>;
type Values = Tensor["values"];

/** Errors of a result, against sums in float64: the root of their mean square. */
function errorOf(shape: ConvShape, { x, w, y }: { x: Tensor; w: Tensor; y: Tensor }): number {
  const size = sizes({ type: "f64", shape });
  const [x64, w64, y64] = [size.x, size.w, size.y].map((length, i) => tensor("f64", length, i)) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  x64.values.set(x.values);
  w64.values.set(w.values);
  convForward("f64", shape, { x: x64.address, w: w64.address, y: y64.address });
  let sum = 0;
  for (let i = 0; i < size.y; i++) sum += (y.values[i]! - y64.values[i]!) ** 2;
  return Math.sqrt(sum / size.y);
}

describe("convolution by tiles", () => {
  test.each([
    [1, 200, 200],
    [2, 40, 72],
  ])("in %s dimensions, in steps of two", (dimensions, side, channels) => {
    const stepping = shapes(dimensions, side, channels).map(
      (shape): ConvShape => ({
        ...shape,
        kernel: shape.kernel.map(() => 3),
        stride: shape.input.map((_, i) => (shape.dilation[i] === 1 ? 2 : 1)),
      }),
    );
    fc.assert(
      fc.property(stepping, (shape) => check({ type: "f32", shape })),
      { numRuns: 8 },
    );
  });

  test.each([
    [1, 200, 70],
    [2, 22, 36],
    [3, 9, 32],
  ])("in %s dimensions", (dimensions, side, channels) => {
    fc.assert(
      fc.property(shapes(dimensions, side, channels), (shape) => check({ type: "f32", shape })),
      { numRuns: 8 },
    );
  });

  test.each([
    [[400], [3]],
    [
      [30, 30],
      [3, 3],
    ],
    [
      [27, 19],
      [3, 3],
    ],
    [
      [28, 28],
      [5, 5],
    ],
    [
      [28, 28],
      [2, 4],
    ],
    [
      [9, 14, 14],
      [3, 3, 3],
    ],
    [[41, 32], [3, 3], { inChannels: 128, outChannels: 96, stride: [2, 2] }],
  ] as [number[], number[], Partial<ConvShape>?][])(
    "errors of %s with a kernel of %s are no larger than those of sums in order",
    (input, kernel, other) => {
      const shape = { ...plain(input, kernel), ...other };
      const tiled = run(shape);
      expect(tiled.isDone).toBe(true);
      const { y, x, w } = tiled;
      const error = errorOf(shape, tiled);
      // One output channel at a time is too little for tiles.
      const few = { ...shape, outChannels: 1 };
      const [outputs, taps] = [sizes({ type: "f32", shape: few }).y, w.values.length / shape.outChannels];
      expect(outputs * shape.outChannels).toBe(y.values.length);
      const direct = { x, w, y: tensor("f32", outputs, 0) };
      expect(convTiled(geometryOf("f32", few), "store", { x: 0, w: 0, bias: 0, y: 0 })).toBe(false);
      convForward("f32", few, { x: x.address, w: w.address, y: direct.y.address });
      expect(error).toBeLessThan(1.1 * errorOf(few, { ...direct, w: { ...w, values: w.values.subarray(0, taps) } }));
    },
  );

  test.each([
    [[2000], [3]],
    [
      [30, 30],
      [3, 3],
    ],
    [
      [27, 19],
      [5, 4],
    ],
    [
      [9, 14, 14],
      [3, 3, 3],
    ],
  ])("errors of the weights' gradient for %s and %s are no larger than those of sums in order", (input, kernel) => {
    const shape = plain(input, kernel);
    const [x, y, w] = valuesOf(shape);
    const of64 = [x, y, w].map(({ values }, i) => tensor("f64", values.length, i)) as [Tensor, Tensor, Tensor];
    for (const [i, from] of [x, y].entries()) of64[i]!.values.set(from.values);
    const pass = (type: "f32" | "f64", [x, y, w]: readonly Tensor[], of = shape): void => {
      convWeight(type, of, { factor: x!.address, gradOutput: y!.address, result: w!.address });
    };
    pass("f64", of64);
    const errors = (count: number): number => {
      let sum = 0;
      for (let i = 0; i < count; i++) sum += (w.values[i]! - of64[2].values[i]!) ** 2;
      return Math.sqrt(sum / count);
    };
    expect(convWeightTiled(geometryOf("f32", shape), x.address, y.address, w.address)).toBe(true);
    const tiled = errors(w.values.length);
    // One output channel is too little for tiles.
    const few = { ...shape, outChannels: 1 };
    expect(convWeightTiled(geometryOf("f32", few), 0, 0, 0)).toBe(false);
    pass("f32", [x, y, w], few);
    pass("f64", of64, few);
    expect(tiled).toBeLessThan(1.1 * errors(sizes({ type: "f32", shape: few }).w));
  });

  test("dilated ones, as images of the pixels that belong together", () => {
    for (const [height, width] of [
      [34, 34],
      [31, 33],
    ] as const) {
      const shape = { ...plain([height, width], [3, 3]), dilation: [3, 2] };
      const [x, y, w] = valuesOf(shape);
      const g = geometryOf("f32", shape);
      const addresses = { x: x.address, w: w.address, bias: 0, y: y.address };
      expect(tiledForward(g, "store", addresses)).toBe(true);
      const own = y.values.slice();
      const [x64, y64, w64] = [x, y, w].map(({ values }, i) => tensor("f64", values.length, i)) as [
        Tensor,
        Tensor,
        Tensor,
      ];
      for (const [to, from] of [
        [x64, x],
        [w64, w],
      ] as const)
        to.values.set(from.values);
      expect(tiledWeight(g, x.address, y.address, w.address)).toBe(true);
      const gradient = w.values.slice();
      convForward("f64", shape, { x: x64.address, w: w64.address, y: y64.address });
      const error = (result: Values, exact: Values): number => {
        let [difference, size] = [0, 0];
        for (let i = 0; i < result.length; i++) {
          difference = Math.max(difference, Math.abs(result[i]! - exact[i]!));
          size = Math.max(size, Math.abs(exact[i]!));
        }
        return difference / size;
      };
      expect(error(own, y64.values)).toBeLessThan(3e-6);
      y64.values.set(own);
      convWeight("f64", shape, { factor: x64.address, gradOutput: y64.address, result: w64.address });
      expect(error(gradient, w64.values)).toBeLessThan(3e-6);
    }
  });

  test("ReLU behind it", () => {
    const shape = plain([20, 21], [3, 3]);
    const [before, after] = [run(shape), run(shape, "relu")];
    expect(after.y.values).toEqual(before.y.values.map((value) => Math.max(0, value)));
  });

  test.each(["pool", "reluPool"] as const)("windows of 2×2 behind it: %s", (ending) => {
    for (const [height, width] of [
      [20, 20],
      [21, 17],
    ] as const) {
      const shape = plain([height, width], [3, 3]);
      const { x, w, y } = run(shape, ending === "pool" ? "store" : "relu");
      const planes = shape.batch * shape.outChannels;
      const [rows, columns] = [height >> 1, width >> 1];
      const count = planes * rows * columns;
      const [largest, places] = [tensor("f32", count, 0), tensor("f32", count, 1)];
      const addresses = { x: x.address, w: w.address, bias: 0, y: largest.address, indices: places.address };
      expect(convTiled(geometryOf("f32", shape), ending, addresses)).toBe(true);
      const found = new Int32Array(places.values.buffer, places.address, count);
      for (let i = 0; i < count; i++) {
        const [plane, row, column] = [Math.floor(i / (rows * columns)), Math.floor(i / columns) % rows, i % columns];
        const corner = 2 * row * width + 2 * column;
        const window = [0, 1, width, width + 1].map((step) => y.values[plane * height * width + corner + step]!);
        expect(largest.values[i]).toBe(Math.max(...window));
        expect(y.values[plane * height * width + found[i]!]).toBe(largest.values[i]);
        expect(found[i]).toBe(corner + [0, 1, width, width + 1][window.indexOf(Math.max(...window))]!);
      }
    }
  });

  test("infinities and NaN go another way, and come out where they belong", () => {
    const shape = plain([20, 20], [3, 3], 1);
    for (const odd of [Number.POSITIVE_INFINITY, Number.NaN]) {
      const { x, w, y } = run(shape);
      x.values[5 * 20 + 7] = odd;
      const addresses = { x: x.address, w: w.address, y: y.address };
      expect(convTiled(geometryOf("f32", shape), "store", { ...addresses, bias: 0 })).toBe(false);
      convForward("f32", shape, addresses);
      const reached = Array.from(y.values.subarray(0, 400).entries()).filter(([, value]) => !Number.isFinite(value));
      expect(reached.map(([i]) => i)).toEqual([4, 5, 6].flatMap((row) => [6, 7, 8].map((column) => 20 * row + column)));
      expect(convWeightTiled(geometryOf("f32", shape), x.address, y.address, w.address)).toBe(false);
      expect(reached.every(([, value]) => Number.isNaN(value) === Number.isNaN(odd))).toBe(true);
    }
  });

  test("images too big to go together go one after the other", () => {
    const shape = { ...plain([603, 600], [3, 3]), inChannels: 24, outChannels: 24 };
    const together = run(shape);
    expect(together.isDone).toBe(true);
    const [x, y] = [together.x, together.y].map(({ values }) => values.length / 2) as [number, number];
    const alone = { ...shape, batch: 1 };
    const result = tensor("f32", y, 0);
    for (let image = 0; image < 2; image++) {
      const from = together.x.address + 4 * image * x;
      const addresses = { x: from, w: together.w.address, bias: 0, y: result.address };
      expect(convTiled(geometryOf("f32", alone), "store", addresses)).toBe(true);
      const own = Buffer.from(together.y.values.slice(image * y, (image + 1) * y).buffer);
      expect(Buffer.from(result.values.slice().buffer).equals(own)).toBe(true);
    }
  });

  test("gives the same bits on one thread and on several", async () => {
    for (const shape of [plain([30, 30], [3, 3]), { ...plain([8, 8], [3, 3], 8), inChannels: 160, outChannels: 144 }]) {
      const [alone, together] = await onOneAndThree(() => {
        const { x, w, y, isDone } = run(shape);
        const results = [y.values.slice()];
        expect(isDone).toBe(true);
        expect(convWeightTiled(geometryOf("f32", shape), x.address, y.address, w.address)).toBe(true);
        return [...results, w.values.slice()];
      });
      expect(together).toEqual(alone);
    }
  });
});
