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

/** The result of a convolution: computed, or waiting for who reads it. */
function convolve(inputs: readonly Tensor[], attrs: Attrs<"conv">, now = false): Tensor {
  const [result] = applyAll("conv", inputs, attrs) as [Tensor];
  if (now) elements(result);
  return result;
}

describe("a convolution that waits for max pooling or ReLU", () => {
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
      const pool = (now: boolean, relu: boolean, bias: boolean): unknown[] => {
        const convolved = convolve(bias ? inputs : inputs.slice(0, 2), attrs, now);
        return applyAll("maxPool", [relu ? convolved.relu() : convolved], window).map(elements);
      };
      for (const [relu, name] of [
        [false, "conv:pool"],
        [true, "conv:reluPool"],
      ] as const) {
        const expected = [pool(true, relu, true), pool(true, relu, false)];
        parallel.mockClear();
        expect([pool(false, relu, true), pool(false, relu, false)]).toEqual(expected);
        expect([ran(name), ran("pool")]).toEqual([fused, !fused]);
      }
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
      const rectify = (now: boolean, inPlace: boolean, bias: boolean): unknown => {
        const convolved = convolve(bias ? inputs : inputs.slice(0, 2), attrs, now);
        return elements(inPlace ? convolved.relu_() : convolved.relu());
      };
      const expected = [rectify(true, false, true), rectify(true, false, false)];
      for (const inPlace of [false, true]) {
        parallel.mockClear();
        expect([rectify(false, inPlace, true), rectify(false, inPlace, false)]).toEqual(expected);
        expect([ran("conv:relu"), ran("conv:store"), ran("relu")]).toEqual([x[0] > 0, false, false]);
      }
    });
  });

  test("a ReLU of a part reads it as it was, and so do those who came before a ReLU in place", () => {
    scope(() => {
      const inputs = [values(1, usual.x), values(2, usual.weight)];
      const known = convolve(inputs, usual.attrs, true);
      expect(elements(convolve(inputs, usual.attrs).narrow(1, 0, 2).relu())).toEqual(
        elements(known.narrow(1, 0, 2).relu()),
      );
      const [convolved, large] = [convolve(inputs, usual.attrs), values(1, [9, 5, 28, 28])];
      expect(elements(convolved.narrow(1, 0, 2).relu_())).toEqual(elements(known.narrow(1, 0, 2).relu()));
      expect(elements(convolved.narrow(1, 2, 5))).toEqual(elements(known.narrow(1, 2, 5)));
      const before = convolve([large, inputs[1]!], usual.attrs);
      const sum = before.add(1);
      before.relu_();
      expect(elements(sum.relu())).toEqual(elements(convolve([large, inputs[1]!], usual.attrs, true).add(1).relu()));
      expect(elements(before)).toEqual(elements(convolve([large, inputs[1]!], usual.attrs, true).relu()));
    });
  });

  test("others read it as it was, too", () => {
    scope(() => {
      const inputs = [values(1, usual.x), values(2, usual.weight)];
      const expected = elements(convolve(inputs, usual.attrs, true));
      const waiting = [convolve(inputs, usual.attrs), convolve(inputs, usual.attrs).narrow(1, 0, 2)] as const;
      for (const input of inputs) input.fill_(1);
      expect(elements(waiting[0])).toEqual(expected);
      expect(elements(waiting[1])).toEqual(elements(waiting[0].narrow(1, 0, 2)));
      const double = inputs.map((input) => input.to("float64"));
      expect(elements(applyAll("maxPool", [convolve(double, usual.attrs)], plain)[0]!)).toEqual(
        new Float64Array(3 * 15 * 5 * 8).fill(45),
      );
    });
  });

  test("it is not computed for an optimizer once it has served, and still is what it was", () => {
    scope(() => {
      const inputs = [values(1, usual.x), values(2, usual.weight)];
      const expected = elements(convolve(inputs, usual.attrs, true));
      const served = convolve(inputs, usual.attrs);
      elements(served.relu());
      parallel.mockClear();
      inputs[1]!.fill_(1);
      expect(ran("conv")).toBe(false);
      expect(elements(served)).toEqual(expected);
    });
  });

  test("it does not wait where that has cost more than it gained", () => {
    scope(() => {
      const waits = (...inputs: Tensor[]): boolean => {
        parallel.mockClear();
        convolve(inputs, usual.attrs);
        return !ran("conv");
      };
      const x = values(1, usual.x);
      const both = values(2, usual.weight);
      const convolved = convolve([x, both], usual.attrs);
      elements(convolved.relu());
      expect(waits(x, both)).toBe(true);
      elements(convolved);
      expect(waits(x, both)).toBe(false);

      const many = values(2, [300, 20, 3, 3]);
      const small = values(1, [1, 20, 5, 5]);
      elements(convolve([small, many], usual.attrs).relu());
      expect(waits(small, many)).toBe(true);
      many.fill_(1);
      expect(waits(small, many)).toBe(false);

      const lent = values(2, usual.weight);
      lent.numpy();
      expect(waits(x, lent)).toBe(false);
    });
  });

  test("the same bits on one thread and on several", async () => {
    const inputs = [values(1, [9, 5, 28, 28]).div(7), values(2, usual.weight)];
    const [alone, together] = await onOneAndThree(() => {
      return applyAll("maxPool", [convolve(inputs, usual.attrs).relu()], plain).map(elements);
    });
    expect(together).toEqual(alone);
  });
});

describe("the gradient of a ReLU that was pooled", () => {
  const [x, weight] = [values(1, [4, 8, 28, 30]), values(2, [12, 8, 3, 3])];
  const layers = (now: boolean, window: Attrs<"maxPool">, inPlace = false) => {
    const convolved = convolve([x, weight], convolution, now);
    const rectified = inPlace ? convolved.relu_() : convolved.relu();
    if (now) elements(rectified);
    const [pooled, positions] = applyAll("maxPool", [rectified], window) as [Tensor, Tensor];
    const gradient = values(3, pooled.shape);
    const backward = (): Tensor => {
      const [plane] = applyAll("maxPoolBackward", [gradient, positions], { inputShape: convolved.shape, window });
      if (now) elements(plane!);
      return applyAll("reluBackward", [plane!, rectified], {})[0]!;
    };
    return { pooled, rectified, backward };
  };
  const windows = { "side by side": plain, "that overlap": { ...plain, kernel: [3, 3], padding: [1, 1] } };

  test.each(Object.entries(windows))("is made of the winners alone, of windows %s", (_, window) => {
    scope(() => {
      const expected = elements(layers(true, window).backward());
      for (const inPlace of [false, true]) {
        const { backward, rectified } = layers(false, window, inPlace);
        const gradient = backward();
        parallel.mockClear();
        elements(applyAll("convWeight", [gradient, x], { ...convolution, weightShape: weight.shape })[0]!);
        expect([ran("pool"), ran("conv:relu"), ran("conv:sparse-weight")]).toEqual([false, false, true]);
        expect(elements(gradient)).toEqual(expected);
        expect(elements(rectified)).toEqual(elements(layers(true, window).rectified));
      }
    });
  });

  test("needs the ReLU itself where what was pooled has changed, or something else was", () => {
    scope(() => {
      const expected = elements(layers(true, plain).backward());
      const changed = layers(false, plain);
      changed.pooled.fill_(-1);
      expect(elements(changed.backward())).toEqual(expected);
      const other = layers(false, plain);
      applyAll("maxPool", [other.rectified], windows["that overlap"]);
      expect(elements(other.backward())).toEqual(expected);
    });
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
