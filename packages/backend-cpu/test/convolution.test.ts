import { type Attrs, apply, arange, type DType, type Shape, type Tensor } from "@dl/tensor";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { cpu } from "../src/backend.ts";
import "../src/index.ts";
import { getNumThreads, setNumThreads, threads } from "../src/runtime/index.ts";
import { agree, anyView, floatDTypes, outputsOf, plainView, precision, realize } from "./oracle.ts";

interface Problem {
  readonly x: Shape;
  readonly weight: Shape;
  readonly out: Shape;
  readonly attrs: Attrs<"conv">;
}

interface Side {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
}

const side: fc.Arbitrary<Side> = fc
  .record({
    size: fc.integer({ min: 1, max: 7 }),
    kernel: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 3 }),
    padding: fc.integer({ min: 0, max: 2 }),
    dilation: fc.integer({ min: 1, max: 2 }),
  })
  .filter(({ size, kernel, padding, dilation }) => size + 2 * padding > dilation * (kernel - 1));

const windows = ({ size, kernel, stride, padding, dilation }: Side): number =>
  Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;

const few = fc.integer({ min: 1, max: 3 });

const convolutions: fc.Arbitrary<Problem> = fc
  .tuple(fc.integer({ min: 0, max: 2 }), few, few, few, fc.array(side, { minLength: 1, maxLength: 3 }))
  .map(([batch, groups, channels, outputs, sides]) => ({
    x: [batch, groups * channels, ...sides.map(({ size }) => size)],
    weight: [groups * outputs, channels, ...sides.map(({ kernel }) => kernel)],
    out: [batch, groups * outputs, ...sides.map(windows)],
    attrs: {
      stride: sides.map(({ stride }) => stride),
      padding: sides.map(({ padding }) => padding),
      dilation: sides.map(({ dilation }) => dilation),
      groups,
    },
  }));

describe.each(floatDTypes)("convolution of %s", (dtype) => {
  const tolerance = precision[dtype]!;
  const runs = { numRuns: 40 };

  test("of any views, with and without biases", () => {
    const calls = convolutions.chain((problem) => {
      const { x, weight } = problem;
      const views = fc.tuple(anyView(x, dtype), anyView(weight, dtype), fc.option(anyView([weight[0]!], dtype)));
      return views.map((inputs) => ({ ...problem, inputs: inputs.filter((input) => input !== null) }));
    });
    fc.assert(
      fc.property(calls, ({ inputs, attrs, out }) => {
        agree("conv", inputs, attrs, [{ shape: out, dtype }], tolerance);
      }),
      runs,
    );
  });

  test("gradients of the input and of the weight", () => {
    const calls = convolutions.chain((problem) =>
      fc.tuple(
        fc.constant(problem),
        anyView(problem.out, dtype),
        anyView(problem.x, dtype),
        anyView(problem.weight, dtype),
      ),
    );
    fc.assert(
      fc.property(calls, ([{ attrs }, gradient, x, weight]) => {
        const [inputShape, weightShape] = [x.shape, weight.shape];
        agree("convInput", [gradient, weight], { ...attrs, inputShape }, [{ shape: inputShape, dtype }], tolerance);
        agree("convWeight", [gradient, x], { ...attrs, weightShape }, [{ shape: weightShape, dtype }], tolerance);
      }),
      runs,
    );
  });
});

interface Pool {
  readonly x: Shape;
  readonly out: Shape;
  readonly attrs: Attrs<"maxPool">;
}

/** Padding is at most half the window, as everywhere. */
const pools: fc.Arbitrary<Pool> = fc
  .tuple(few, few, fc.array(side, { minLength: 1, maxLength: 3 }))
  .map(([batch, channels, drawn]) => {
    const sides = drawn.map((one) => ({ ...one, padding: Math.min(one.padding, one.kernel >> 1) }));
    const attrs = {
      kernel: sides.map(({ kernel }) => kernel),
      stride: sides.map(({ stride }) => stride),
      padding: sides.map(({ padding }) => padding),
      dilation: sides.map(({ dilation }) => dilation),
      ceilMode: false,
    };
    const out = sides.map(windows);
    return { x: [batch, channels, ...sides.map(({ size }) => size)], out: [batch, channels, ...out], attrs };
  })
  .filter(({ out }) => out.every((size) => size > 0));

/** Whether every window has an element that is not padding. */
function meetsInput({ x, out, attrs }: Pool): boolean {
  const { kernel, stride, padding, dilation } = attrs;
  return kernel.every((taps, d) =>
    Array.from({ length: out[2 + d]! }, (_, i) => i * stride[d]! - padding[d]!).every((start) =>
      Array.from({ length: taps }, (_, k) => start + k * dilation[d]!).some((at) => at >= 0 && at < x[2 + d]!),
    ),
  );
}

test.each(["float16", "bfloat16"] as const)(
  "gradients of %s that are mostly zeros are computed in float32",
  (dtype) => {
    const parallel = vi.spyOn(threads, "parallel");
    const wholes = (shape: Shape): Tensor =>
      arange(shape.reduce((size, extent) => size * extent, 1))
        .remainder(5)
        .reshape(...shape);
    const gradient = wholes([4, 16, 20, 20]).sub(3).relu();
    const [x, weight] = [wholes([4, 8, 22, 22]), wholes([16, 8, 3, 3])];
    const attrs = { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 };
    const gradients = (type: DType): unknown[] => {
      const [g, a, b] = [gradient, x, weight].map((whole) => whole.to(type)) as [Tensor, Tensor, Tensor];
      const results = [
        apply("convInput", [g, b], { ...attrs, inputShape: x.shape }),
        apply("convWeight", [g, a], { ...attrs, weightShape: weight.shape }),
      ];
      return results.map((result) => result.to(dtype).toArray());
    };
    const expected = gradients("float32");
    parallel.mockClear();
    expect(gradients(dtype)).toEqual(expected);
    const sparse = parallel.mock.calls.filter(([key]) => key.startsWith("conv:sparse"));
    expect(sparse.map(([, name]) => name)).toEqual(["prepare", "input", "prepare", "weight"]);
  },
);

describe.each(floatDTypes)("pooling of %s", (dtype) => {
  const tolerance = precision[dtype]!;

  test("maxima, where they are, and their gradients", () => {
    const calls = pools
      .filter(meetsInput)
      .chain((pool) => fc.tuple(fc.constant(pool), anyView(pool.x, dtype), anyView(pool.out, dtype)));
    fc.assert(
      fc.property(calls, ([{ attrs, out }, x, gradient]) => {
        const positions = { shape: out, dtype: "int32" } as const;
        agree("maxPool", [x], attrs, [{ shape: out, dtype }, positions]);
        const values = outputsOf("maxPool", [x], attrs, [{ shape: out, dtype }, positions])[1]!;
        const places = { ...plainView(out, "int64"), values };
        for (const window of [undefined, attrs]) {
          const back = { inputShape: x.shape, window };
          agree("maxPoolBackward", [gradient, places], back, [{ shape: x.shape, dtype }], tolerance);
        }
      }),
      { numRuns: 60 },
    );
  });
});

test("a transposed convolution's output padding: the convolution gives more than there are gradients for", () => {
  const attrs = { stride: [1, 2], padding: [0, 1], dilation: [2, 3], groups: 1 };
  const [inputShape, weightShape] = [
    [2, 2, 6, 10],
    [3, 2, 2, 3],
  ];
  const [gradient, weight] = [plainView([2, 3, 3, 2], "float32", 1), plainView(weightShape!, "float32", 2)];
  const x = plainView(inputShape!, "float32", 3);
  agree("convInput", [gradient, weight], { ...attrs, inputShape }, [{ shape: inputShape!, dtype: "float32" }]);
  agree("convWeight", [gradient, x], { ...attrs, weightShape }, [{ shape: weightShape!, dtype: "float32" }]);
});

test("the number of threads changes nothing", () => {
  const fraction = (random: () => number): number => random() - 0.5;
  const attrs = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };
  const [x, weight] = [
    plainView([4, 8, 30, 30], "float32", 1, fraction),
    plainView([16, 8, 3, 3], "float32", 2, fraction),
  ];
  const gradient = plainView([4, 16, 30, 30], "float32", 3, fraction);
  const made = (shape: Shape): [{ shape: Shape; dtype: DType }] => [{ shape, dtype: "float32" }];
  const run = (): number[][][] => [
    outputsOf("conv", [x, weight], attrs, made(gradient.shape)),
    outputsOf("convInput", [gradient, weight], { ...attrs, inputShape: x.shape }, made(x.shape)),
    outputsOf("convWeight", [gradient, x], { ...attrs, weightShape: weight.shape }, made(weight.shape)),
  ];
  const before = getNumThreads();
  setNumThreads(1);
  const alone = run();
  setNumThreads(4);
  expect(run()).toEqual(alone);
  setNumThreads(before);
});

test("windows of nothing but padding change nothing beside them", () => {
  const attrs = { kernel: [2], stride: [1], padding: [1], dilation: [2], ceilMode: false };
  const shape = [3, 1, 1];
  const x = plainView(shape, "float32");
  const outputs = [{ shape, dtype: "float32" }, { shape, dtype: "int32" }] as const; // biome-ignore format: a pair
  const [, values] = outputsOf("maxPool", [x], attrs, outputs);
  const places = { ...plainView(shape, "int32"), values: values! };
  const back = { inputShape: shape, window: attrs };
  expect(outputsOf("maxPoolBackward", [x, places], back, [outputs[0]])).toEqual([[0, 0, 0]]);
});

test("whole numbers are refused by name", () => {
  const inputs = [[1, 1, 3], [1, 1, 2]].map((shape) => realize(plainView(shape, "int32"))); // biome-ignore format: shapes
  const attrs = { stride: [1], padding: [0], dilation: [1], groups: 1 };
  const call = { op: "conv", inputs, attrs, outputs: [{ shape: [1, 1, 2], dtype: "int32" }] } as const;
  expect(() => cpu.run(call)).toThrow("conv: there is no kernel for int32");
});
