/** The gradient of max pooling waits: what is made of its few numbers must be what is made of it when it is there. */
import { type Attrs, applyAll, memory, type Shape, scope, type Tensor, tensor } from "@dl/tensor";
import { beforeEach, describe, expect, test, vi } from "vitest";
import "../src/index.ts";
import { threads } from "../src/runtime/index.ts";

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

describe("gradients of a convolution from a pooling's that waits", () => {
  const parallel = vi.spyOn(threads, "parallel");
  beforeEach(() => void parallel.mockClear());
  const ran = (name: string): boolean => parallel.mock.calls.some(([key]) => key.startsWith(name));

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
