/** Calls that wait for kernels that know them: what comes of both at once must be what comes of one after the other. */
import { type Attrs, applyAll, memory, type Shape, scope, type Tensor, tensor } from "@dl/tensor";
import { beforeEach, describe, expect, test, vi } from "vitest";
import "../src/index.ts";
import { threads } from "../src/runtime/index.ts";
import { onOneAndThree } from "./on-threads.ts";

/** Small whole numbers, for which every order of addition gives the same sum; most are zeros if so wanted. */
function values(seed: number, shape: Shape, zeros = false): Tensor<"float32"> {
  const count = shape.reduce((product, size) => product * size, 1);
  const number = (i: number): number => ((((i + 1 + seed) * 2654435761) >>> 20) % 7) - 3;
  const data = Float32Array.from({ length: count }, (_, i) => (zeros && number(3 * i) > -2 ? 0 : number(i)));
  return scope(() => tensor(data).reshape(...shape)) as Tensor<"float32">;
}

const plain: Attrs<"maxPool"> = {
  ...{ kernel: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1], ceilMode: false },
};
const convolution: Attrs<"conv"> = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };

interface Layers {
  /** Of the convolution's input, its weight and its result. */
  readonly x: Shape;
  readonly weight: Shape;
  readonly y: Shape;
  readonly conv: Attrs<"conv">;
  readonly window: Attrs<"maxPool">;
}

const usual: Layers = {
  ...{ x: [4, 8, 28, 30], weight: [12, 8, 3, 3], y: [4, 12, 28, 30], conv: convolution, window: plain },
};

const cases: readonly (readonly [string, Layers])[] = [
  ["windows side by side", usual],
  ["windows apart", { ...usual, window: { ...plain, stride: [3, 4] } }],
  [
    "windows that overlap, and stick out",
    { ...usual, window: { ...plain, kernel: [3, 3], padding: [1, 1], ceilMode: true } },
  ],
  [
    "groups and strides",
    {
      ...{ x: [8, 16, 39, 39], weight: [12, 8, 3, 3], y: [8, 12, 20, 20] },
      ...{ conv: { ...convolution, stride: [2, 2], groups: 2 }, window: plain },
    },
  ],
  ["a kernel of one", { ...usual, weight: [12, 8, 1, 1], conv: { ...convolution, padding: [0, 0] } }],
  [
    "one dimension",
    {
      ...{ x: [4, 8, 900], weight: [12, 8, 5], y: [4, 12, 900] },
      ...{ conv: { stride: [1], padding: [2], dilation: [1], groups: 1 } },
      window: { kernel: [3], stride: [3], padding: [0], dilation: [1], ceilMode: false },
    },
  ],
  [
    "three dimensions",
    {
      ...{ x: [4, 4, 10, 10, 10], weight: [12, 4, 3, 3, 3], y: [4, 12, 10, 10, 10] },
      ...{ conv: { stride: [1, 1, 1], padding: [1, 1, 1], dilation: [1, 1, 1], groups: 1 } },
      window: { kernel: [2, 2, 2], stride: [2, 2, 2], padding: [0, 0, 0], dilation: [1, 1, 1], ceilMode: false },
    },
  ],
];

const elements = (x: Tensor): unknown => x.backend.readSync!(x);

/** The gradient of the pooling, which waits; and those of the convolution that are made of one. */
function backwards({ x, weight, y, conv, window }: Layers, change: (factor: Tensor) => void = () => {}) {
  const [, positions] = applyAll("maxPool", [values(1, y)], window) as [Tensor, Tensor];
  const pooled = values(2, positions.shape, true);
  const [image, weights] = [values(3, x), values(4, weight)];
  change(image);
  change(weights);
  return {
    pooled,
    waiting: () => applyAll("maxPoolBackward", [pooled, positions], { inputShape: y, window })[0]!,
    gradients: (gradient: Tensor): unknown[] => [
      elements(applyAll("convInput", [gradient, weights], { ...conv, inputShape: x })[0]!),
      elements(applyAll("convWeight", [gradient, image], { ...conv, weightShape: weight })[0]!),
      elements(gradient.sum(y.map((_, dim) => dim).filter((dim) => dim !== 1))),
    ],
  };
}

const parallel = vi.spyOn(threads, "parallel");
beforeEach(() => void parallel.mockClear());
const ran = (name: string): boolean => parallel.mock.calls.some(([key]) => key.startsWith(name));

describe("max pooling over a convolution that waits for it", () => {
  const sides = (stride: number, padding: number): Attrs<"conv"> => ({
    ...{ stride: [stride, stride], padding: [padding, padding], dilation: [1, 1], groups: 1 },
  });
  const usual = { x: [3, 5, 13, 19], weight: [15, 5, 3, 3], attrs: sides(1, 0), window: plain };
  test.each([
    ["as it lies", true, usual],
    ["one image", true, { ...usual, x: [1, 5, 28, 28] }],
    ["a kernel of one", true, { ...usual, weight: [15, 5, 1, 1] }],
    ["padding and stride, of many images", true, { ...usual, x: [9, 5, 13, 19], attrs: sides(2, 1) }],
    ["groups", true, { ...usual, x: [9, 15, 13, 19], attrs: { ...sides(1, 1), groups: 3 } }],
    ["padding, of one large image", false, { ...usual, x: [1, 5, 60, 40], attrs: sides(1, 1) }],
    ["planes that are too large", false, { ...usual, x: [1, 2, 160, 160], weight: [7, 2, 3, 3] }],
    ["windows that overlap", false, { ...usual, window: { ...plain, kernel: [3, 3] } }],
    ["no image", false, { ...usual, x: [0, 5, 13, 19] }],
  ] as const)("%s", (_, fused, { x, weight, attrs, window }) => {
    scope(() => {
      const inputs = [values(1, x), values(2, weight), values(3, [weight[0]])];
      inputs[0]!.div_(7);
      if (inputs[0]!.numel() > 0) inputs[0]!.view(-1).narrow(0, 3, 1).fill_(Number.NaN);
      const pool = (awaited: boolean, bias: boolean): unknown[] => {
        const [convolved] = applyAll("conv", bias ? inputs : inputs.slice(0, 2), { ...attrs, awaited });
        return applyAll("maxPool", [convolved!], window).map(elements);
      };
      const expected = [pool(false, true), pool(false, false)];
      parallel.mockClear();
      expect([pool(true, true), pool(true, false)]).toEqual(expected);
      expect([ran("conv:pool"), ran("pool")]).toEqual([fused, !fused]);
    });
  });

  test.each([
    ["as it lies", usual],
    ["planes that are too large to be pooled", { ...usual, x: [1, 2, 160, 160], weight: [7, 2, 3, 3] }],
    ["groups, padding and stride", { ...usual, x: [9, 15, 13, 19], attrs: { ...sides(2, 1), groups: 3 } }],
    ["no image", { ...usual, x: [0, 5, 13, 19] }],
  ] as const)("a ReLU takes it on the way, %s", (_, { x, weight, attrs }) => {
    scope(() => {
      const inputs = [values(1, x), values(2, weight), values(3, [weight[0]])];
      if (inputs[0]!.numel() > 0) inputs[0]!.view(-1).narrow(0, 3, 1).fill_(Number.NaN);
      const rectified = (awaited: boolean, bias: boolean): unknown => {
        const [convolved] = applyAll("conv", bias ? inputs : inputs.slice(0, 2), { ...attrs, awaited });
        return elements(applyAll("relu", [convolved!], {})[0]!);
      };
      const expected = [rectified(false, true), rectified(false, false)];
      parallel.mockClear();
      expect([rectified(true, true), rectified(true, false)]).toEqual(expected);
      expect([ran("conv:relu"), ran("conv:store"), ran("relu")]).toEqual([x[0] > 0, false, false]);
    });
  });

  test("a ReLU of a part, in place or into a part, reads it as it was", () => {
    scope(() => {
      const inputs = [values(1, usual.x), values(2, usual.weight)];
      const convolve = (awaited: boolean) => applyAll("conv", inputs, { ...usual.attrs, awaited })[0]!;
      const expected = convolve(false).relu();
      expect(elements(convolve(true).narrow(1, 0, 2).relu())).toEqual(elements(expected.narrow(1, 0, 2)));
      expect(elements(convolve(true).relu_())).toEqual(elements(expected));
    });
  });

  test("others read it as it was, too", () => {
    scope(() => {
      const inputs = [values(1, usual.x), values(2, usual.weight)];
      const convolve = (awaited: boolean) => applyAll("conv", inputs, { ...usual.attrs, awaited })[0]!;
      const expected = elements(convolve(false));
      const waiting = [convolve(true), convolve(true).narrow(1, 0, 2)] as const;
      for (const input of inputs) input.fill_(1);
      expect(elements(waiting[0])).toEqual(expected);
      expect(elements(waiting[1])).toEqual(elements(waiting[0].narrow(1, 0, 2)));
      const double = inputs.map((input) => input.to("float64"));
      const [wide] = applyAll("conv", double, { ...usual.attrs, awaited: true });
      expect(elements(applyAll("maxPool", [wide!], plain)[0]!)).toEqual(new Float64Array(3 * 15 * 5 * 8).fill(45));
    });
  });

  test("the same bits on one thread and on several", async () => {
    const inputs = [values(1, [9, 5, 28, 28]).div(7), values(2, usual.weight)];
    const [alone, together] = await onOneAndThree(() => {
      const [convolved] = applyAll("conv", inputs, { ...usual.attrs, awaited: true });
      return applyAll("maxPool", [convolved!], plain).map(elements);
    });
    expect(together).toEqual(alone);
  });
});

describe("gradients of a convolution from a pooling's that waits", () => {
  test.each(cases)("%s", (_, layers) => {
    scope(() => {
      const { waiting, gradients } = backwards(layers);
      const touched = waiting();
      elements(touched);
      const expected = gradients(touched);
      parallel.mockClear();
      expect(gradients(waiting())).toEqual(expected);
      const kinds = ["conv:sparse-input", "conv:sparse-weight", "pool"];
      expect(kinds.map(ran)).toEqual([true, true, false]);
    });
  });

  test("infinite factors, and gradients that are not mostly zeros, need all of it", () => {
    scope(() => {
      const odd = backwards(usual, (factor) => void factor.narrow(-1, 0, 1).fill_(Number.POSITIVE_INFINITY));
      const { pooled } = odd;
      for (const change of [() => {}, () => void pooled.fill_(Number.NaN)]) {
        change();
        const touched = odd.waiting();
        elements(touched);
        expect(odd.gradients(odd.waiting())).toEqual(odd.gradients(touched));
      }
      const dense = backwards({ ...usual, window: { ...plain, kernel: [1, 1], stride: [1, 1] } });
      dense.pooled.fill_(2);
      parallel.mockClear();
      const [, , sum] = dense.gradients(dense.waiting());
      expect(sum).toEqual(new Float32Array(12).fill(2 * 4 * 28 * 30));
      expect(["conv:input", "conv:sparse", "pool"].map(ran)).toEqual([false, false, true]);
    });
  });

  test("windows that lie in the padding altogether give nothing, and do not wait", () => {
    scope(() => {
      const apart = { ...plain, stride: [1, 2], padding: [1, 1], dilation: [3, 1] };
      const { waiting } = backwards({ ...usual, x: [4, 8, 2, 400], y: [4, 12, 2, 400], window: apart });
      const gradient = waiting();
      expect(ran("pool:maxPoolBackward")).toBe(true);
      expect(elements(gradient.sum())).toEqual(new Float32Array(1));
    });
  });

  test("sums over parts of the planes, slices and other readers see the zeros", () => {
    scope(() => {
      const { waiting } = backwards(usual);
      const touched = waiting();
      elements(touched);
      for (const read of [
        (g: Tensor) => g.sum(3),
        (g: Tensor) => g.narrow(2, 1, 5).sum([2, 3]),
        (g: Tensor) => g.add(1),
      ])
        expect(elements(read(waiting()))).toEqual(elements(read(touched)));
    });
  });

  test("it is of its sources as they were, and takes no memory until it is asked for", () => {
    const { pooled, waiting } = backwards(usual);
    const before = memory().bytes;
    const [late, early] = [waiting(), waiting()];
    expect(memory().bytes).toBe(before);
    late.dispose();
    const expected = elements(waiting());
    pooled.fill_(9);
    expect(elements(early)).toEqual(expected);
  });
});
