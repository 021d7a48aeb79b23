import { gradgradcheck } from "@dl/autograd";
import "@dl/backend-cpu";
import { arange, getBackend, ones, randn, type Tensor, tensor, zeros } from "@dl/tensor";
import { describe, expect, it, vi } from "vitest";
import * as nn from "../src/index.ts";

const { functional: F, F: short } = nn;
const worst = (a: Tensor, b: Tensor): number => a.sub(b).abs().amax().item();

it("has a short name", () => {
  expect(short.linear).toBe(F.linear);
});

it("layerNorm wants weights of its own shape", () => {
  const x = ones([2, 3, 4]);
  expect(() => F.layerNorm(x, [3, 4], ones([4]))).toThrow("weight and bias must be [3, 4], got [4]");
  expect(() => F.layerNorm(x, [4], null, ones([3]))).toThrow("weight and bias must be [4], got [3]");
});

it("losses broadcast shapes that differ, and warn once of it", () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  for (let i = 0; i < 2; i++) expect(F.mseLoss(ones(3, 1), zeros(3)).item()).toBe(1);
  F.huberLoss(ones(3), zeros(3));
  expect(warn.mock.calls).toEqual([
    ["mseLoss: input [3, 1] and target [3] are broadcast. Give them one shape, by .view(…) or .unsqueeze(…)"],
  ]);
  warn.mockRestore();
});

describe("convolution", () => {
  it('"same" keeps the size, with even kernels too', () => {
    for (const kernel of [2, 3, 4]) {
      expect(F.conv1d(ones(1, 1, 7), ones(1, 1, kernel), { padding: "same" }).shape).toEqual([1, 1, 7]);
    }
    expect(() => F.conv1d(ones(1, 1, 7), ones(1, 1, 3), { padding: "same", stride: 2 })).toThrow(
      /needs stride 1, got \[2\]/,
    );
  });

  it("refuses sizes that are none", () => {
    const [x, w] = [ones(1, 3, 6, 6), ones(4, 3, 2, 2)];
    expect(() => F.conv2d(x, w, { padding: -1 })).toThrow("conv2d: padding is -1, needs whole numbers from 0 up");
    expect(() => F.conv2d(x, w, { stride: [1, 0] })).toThrow("conv2d: stride is [1, 0], needs whole numbers from 1 up");
    expect(() => F.conv2d(x, w, { dilation: 1.5 })).toThrow("conv2d: dilation is 1.5");
    expect(() => F.conv2d(x, ones(4, 3, 0, 0))).toThrow("conv2d: kernelSize is [0, 0]");
    expect(() => F.maxPool2d(x, 0)).toThrow("maxPool2d: kernelSize is 0");
    expect(() => new nn.Conv2d(3, 4, 0)).toThrow("Conv2d: kernelSize is 0, needs whole numbers from 1 up");
  });

  it("takes inputs without a batch", () => {
    const [x, w] = [randn(2, 6, 6), randn(3, 2, 3, 3)];
    expect(worst(F.conv2d(x, w), F.conv2d(x.unsqueeze(0), w).squeeze(0))).toBe(0);
  });

  it("is the matrix product of unfolded blocks", () => {
    const [x, w] = [randn(2, 3, 6, 5), randn(4, 3, 3, 2)];
    const columns = F.unfold(x, [3, 2], { stride: 2, padding: 1 });
    const product = w.view(4, -1).matmul(columns);
    const direct = F.conv2d(x, w, { stride: 2, padding: 1 });
    expect(worst(product.view(direct.shape), direct)).toBeLessThan(1e-4);
  });

  it("transposed undoes its shape", () => {
    const x = randn(1, 2, 9, 9);
    const y = F.conv2d(x, randn(5, 2, 3, 3), { stride: 2 });
    expect(F.convTranspose2d(y, randn(5, 2, 3, 3), { stride: 2 }).shape).toEqual(x.shape);
  });
});

describe("pooling", () => {
  it("gives positions that gather finds again, and unpooling puts back", () => {
    const x = randn(2, 3, 6, 6);
    const [values, indices] = F.maxPool2d(x, 2, { returnIndices: true });
    expect(worst(x.flatten(2).gather(2, indices.flatten(2)), values.flatten(2))).toBe(0);
    const back = F.maxUnpool2d(values, indices, 2);
    expect(back.sum().item()).toBeCloseTo(values.sum().item(), 3);
    expect(back.ne(0).sum().item()).toBe(values.numel());
  });

  it("averages over windows of any size, with padding counted or not", () => {
    const values = [3, 1, 4, 1, 5, 9, 2];
    const x = tensor(values).to("float32").view(1, 1, 7);
    for (const [kernel, stride, padding] of [
      [2, 2, 0],
      [3, 1, 1],
      [4, 3, 2],
      [3, 5, 0],
    ] as const) {
      for (const ceilMode of [false, true]) {
        for (const countIncludePad of [false, true]) {
          for (const divisorOverride of [null, 3]) {
            const expected: number[] = [];
            for (
              let start = -padding;
              start + (ceilMode ? 0 : kernel - 1) < 7 + (ceilMode ? 0 : padding);
              start += stride
            ) {
              const end = Math.min(start + kernel, 7 + padding);
              const inside = values.slice(Math.max(start, 0), Math.max(Math.min(end, 7), 0));
              const sum = inside.reduce((a, b) => a + b, 0);
              expected.push(Math.fround(sum / (divisorOverride ?? (countIncludePad ? end - start : inside.length))));
            }
            const options = { stride, padding, ceilMode, countIncludePad, divisorOverride };
            // In ceil mode as many windows as reach the end, and no more.
            const got = F.avgPool1d(x, kernel, options).flatten().toArray() as number[];
            expect(got).toEqual(expected.slice(0, got.length));
            expect(got.length).toBe(
              ceilMode
                ? Math.min(expected.length, Math.ceil((7 + 2 * padding - kernel) / stride) + 1)
                : expected.length,
            );
            const plane = F.avgPool2d(x.view(1, 1, 1, 7).expand(1, 1, 7, 7), [1, kernel], {
              ...options,
              stride: [1, stride],
              padding: [0, padding],
            });
            expect(plane.select(2, 3).flatten().toArray()).toEqual(got);
          }
        }
      }
    }
    expect(() => F.avgPool1d(x, 8)).toThrow(/a window of \[8\] does not fit into \[1, 1, 7\]/);
  });

  it("averages of 16-bit floats are rounded once, and do not overflow", () => {
    const x = ones(1, 1, 9, 9).mul(1001).to("float16");
    expect(F.avgPool2d(x, 9).item()).toBe(1001);
    expect(F.adaptiveAvgPool2d(x, [2, 3]).amax().item()).toBe(1001);
  });

  it("adaptive maxima say where they are", () => {
    const x = tensor([5, 1, 7, 2, Number.NaN, 3, 6]).view(1, 7);
    const [values, indices] = F.adaptiveMaxPool1d(x, 3, { returnIndices: true });
    expect(values.toArray()).toEqual([[7, Number.NaN, Number.NaN]]);
    expect(indices.toArray()).toEqual([[2, 4, 4]]);
  });

  it("adaptive averages cover everything evenly", () => {
    const x = arange(7).to("float32").view(1, 1, 7);
    expect(F.adaptiveAvgPool1d(x, 3).toArray()).toEqual([[[1, 3, 5]]]);
    expect(F.adaptiveAvgPool2d(ones(1, 2, 5, 7), [3, null]).shape).toEqual([1, 2, 3, 7]);
    expect(F.adaptiveAvgPool2d(x.view(1, 7, 1), 1).toArray()).toEqual([[[3]]]);
    const infinite = tensor([0, 1, 2, 3, 4, 5, Number.POSITIVE_INFINITY]).view(1, 7);
    expect(F.adaptiveAvgPool1d(infinite, 4).toArray()).toEqual([[0.5, 2, 4, Number.POSITIVE_INFINITY]]);
  });

  it("refuses padding beyond half of the kernel", () => {
    expect(() => F.maxPool2d(ones(1, 1, 4, 4), 2, { padding: 2 })).toThrow(/at most half of the kernel/);
  });
});

describe("activations", () => {
  it("in place change their input and keep gradients right", () => {
    for (const name of ["relu", "elu", "silu", "hardswish", "leakyRelu"] as const) {
      const f = F[name] as (x: Tensor, options?: object) => Tensor;
      const a = randn(9);
      const [x, y] = [a.clone(), a.clone()];
      x.requiresGrad = true;
      y.requiresGrad = true;
      const [u, v] = [x.mul(1), y.mul(1)];
      const out = f(u, { inplace: true });
      expect(out).toBe(u);
      out.sum().backward();
      f(v).sum().backward();
      expect(worst(x.grad!, y.grad!)).toBeLessThan(1e-6);
    }
  });

  it("stay finite far out", () => {
    const x = tensor([-1e4, -50, 50, 1e4]).to("float32");
    for (const f of [F.softplus, F.logsigmoid, F.elu, F.mish, F.silu, F.gelu])
      expect(f(x).isnan().any().item()).toBe(false);
    expect(F.logsigmoid(x).at(0).item()).toBe(-1e4);
  });
});

describe("padding", () => {
  it("mirrors, repeats, wraps and cuts", () => {
    const x = tensor([[1, 2, 3]]);
    expect(F.pad(x, [2, 1], "reflect").toArray()).toEqual([[3, 2, 1, 2, 3, 2]]);
    expect(F.pad(x, [2, 1], "replicate").toArray()).toEqual([[1, 1, 1, 2, 3, 3]]);
    expect(F.pad(x, [2, 1], "circular").toArray()).toEqual([[2, 3, 1, 2, 3, 1]]);
    expect(F.pad(x, [3, 0], "circular").toArray()).toEqual([[1, 2, 3, 1, 2, 3]]);
    expect(F.pad(x, [-1, 1], { value: 9 }).toArray()).toEqual([[2, 3, 9]]);
    expect(() => F.pad(x, [3, 0], "reflect")).toThrow(/too large for dimension 1/);
  });
});

describe("shapes of images", () => {
  it("pixel shuffle and unshuffle undo each other", () => {
    const x = randn(2, 8, 3, 5);
    expect(worst(F.pixelUnshuffle(F.pixelShuffle(x, 2), 2), x)).toBe(0);
  });

  it("folding unfolded blocks counts overlaps", () => {
    const x = randn(1, 2, 4, 4);
    const counts = F.fold(F.unfold(ones(1, 2, 4, 4), 2), 4, 2);
    expect(worst(F.fold(F.unfold(x, 2), 4, 2), x.mul(counts))).toBeLessThan(1e-5);
  });

  it("interpolation of a straight line is a straight line", () => {
    const line = arange(5).to("float32").view(1, 1, 5);
    expect(F.interpolate(line, { size: 9, mode: "linear", alignCorners: true }).flatten().toArray()).toEqual(
      Array.from({ length: 9 }, (_, i) => expect.closeTo(i / 2, 5)),
    );
    expect(F.interpolate(line, { scaleFactor: 2 }).flatten().toArray()).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
    expect(() => F.interpolate(line, { size: 3, mode: "bilinear" })).toThrow(/needs 4-d input/);
  });

  it("an identity grid samples the image itself", () => {
    const x = randn(2, 3, 4, 5);
    const theta = tensor([
      [1, 0, 0],
      [0, 1, 0],
    ])
      .to("float32")
      .unsqueeze(0)
      .expand(2, 2, 3);
    const grid = F.affineGrid(theta, [2, 3, 4, 5], { alignCorners: true });
    expect(worst(F.gridSample(x, grid, { alignCorners: true }), x)).toBeLessThan(1e-5);
  });
});

describe("attention", () => {
  it("of one key gives its value", () => {
    const value = randn(1, 1, 4);
    expect(
      worst(F.scaledDotProductAttention(randn(1, 3, 4), randn(1, 1, 4), value), value.expand(1, 3, 4)),
    ).toBeLessThan(1e-6);
  });

  it("masks come in two forms", () => {
    const [q, k, v] = [randn(2, 3, 4), randn(2, 3, 4), randn(2, 3, 4)];
    const mask = arange(3).view(3, 1).ge(arange(3).view(1, 3));
    expect(
      worst(F.scaledDotProductAttention(q, k, v, { isCausal: true }), F.scaledDotProductAttention(q, k, v, mask)),
    ).toBe(0);
    expect(() => F.scaledDotProductAttention(q, k, v, mask, { isCausal: true })).toThrow(/not both/);
  });
});

it("CTC counts every way to spell the labels", () => {
  // Two steps, labels [1]: "1 1", "blank 1" and "1 blank".
  const logs = tensor([[[0.6, 0.4]], [[0.3, 0.7]]]).log();
  const probability = 0.4 * 0.7 + 0.6 * 0.7 + 0.4 * 0.3;
  expect(F.ctcLoss(logs, tensor([[1]]), [2], [1]).item()).toBeCloseTo(-Math.log(probability), 5);
  expect(F.ctcLoss(logs, tensor([[1, 1]]), [2], [2]).item()).toBe(Number.POSITIVE_INFINITY);
  expect(F.ctcLoss(logs, tensor([[1, 1]]), [2], [2], { zeroInfinity: true }).item()).toBe(0);
});

describe("CTC where elements can be read, and where not", () => {
  /** The losses and the gradient of their sum. */
  function results(x: Tensor, targets: Tensor, inputs: number[], sizes: number[]): [number[], number[]] {
    const leaf = x.detach().clone().requiresGrad_();
    const options = { reduction: "none", zeroInfinity: true } as const;
    const losses = F.ctcLoss(F.logSoftmax(leaf, 2), targets, inputs, sizes, options);
    losses.sum().backward();
    return [losses.toArray() as number[], leaf.grad!.flatten().toArray() as number[]];
  }

  /** The same from a device whose memory the host cannot look into. */
  function afar(...args: Parameters<typeof results>): ReturnType<typeof results> {
    const backend = getBackend("cpu");
    const { hostMemory } = backend;
    Object.assign(backend, { hostMemory: undefined });
    try {
      return results(...args);
    } finally {
      Object.assign(backend, { hostMemory });
    }
  }

  it.each([
    ["samples of any lengths", randn(7, 4, 5, { dtype: "float64" }), [7, 5, 3, 6], [3, 1, 0, 2]],
    ["labels that repeat, and one too many", randn(5, 4, 3, { dtype: "float64" }), [5, 4, 5, 2], [3, 2, 1, 3]],
    ["a label that float64's probabilities cannot hold", improbable(), [3, 3, 3, 3], [1, 1, 2, 1]],
  ] as const)("agree for %s", (_, x, inputs, sizes) => {
    const targets = tensor([
      [1, 1, 2],
      [2, 2, 1],
      [2, 1, 1],
      [1, 2, 1],
    ]);
    const [losses, slopes] = results(x, targets, [...inputs], [...sizes]);
    const [wanted, wantedSlopes] = afar(x, targets, [...inputs], [...sizes]);
    expect(losses).toEqual(wanted.map((value) => expect.closeTo(value, 9) as number));
    expect(slopes).toEqual(wantedSlopes.map((value) => expect.closeTo(value, 9) as number));
  });
});

/** Scores [3, 4, 3] by which the first sample's label has no chance. */
function improbable(): Tensor {
  const x = randn(3, 4, 3, { dtype: "float64" });
  x.select(1, 0).select(1, 1).fill_(-2000);
  return x;
}

it("embedding bags sum what lies between offsets", () => {
  const table = arange(8).to("float32").view(4, 2);
  const bags = F.embeddingBag(tensor([0, 1, 3]), table, tensor([0, 2, 2]), { mode: "sum" });
  expect(bags.toArray()).toEqual([
    [2, 4],
    [0, 0],
    [6, 7],
  ]);
  expect(() => F.embeddingBag(tensor([0]), table)).toThrow(/a 1-d input needs offsets/);
  expect(F.embeddingBag(zeros(2, 2, { dtype: "int64" }), table, { mode: "max" }).shape).toEqual([2, 2]);
});

it("non-linearities are written into their input", () => {
  const x = tensor([-1, 2]).to("float32");
  expect(F.leakyRelu_(x, 0.5)).toBe(x);
  expect(x.toArray()).toEqual([-0.5, 2]);
  expect(F.threshold_(x, 0, 7).toArray()).toEqual([7, 2]);
  expect(F.hardtanh_(x).toArray()).toEqual([1, 1]);
});

it("NaN has the slope that it has in PyTorch", () => {
  const slopeAt = (f: (x: Tensor) => Tensor): number => {
    const x = tensor([Number.NaN], { dtype: "float32", requiresGrad: true });
    f(x).sum().backward();
    return x.grad!.item();
  };
  expect([F.relu, F.elu, F.celu, F.hardsigmoid].map((f) => slopeAt((x) => f(x)))).toEqual([1, 1, 1, 0]);
});

it("a hinge has the slope of what lies above it, as in PyTorch", () => {
  const slopes = (f: (x: Tensor) => Tensor): unknown => {
    const x = tensor([[1, 0]], { dtype: "float32", requiresGrad: true });
    f(x).sum().backward();
    return x.grad!.toArray();
  };
  const beside = tensor([[0, 1]], { dtype: "float32" });
  expect(slopes((x) => F.hingeEmbeddingLoss(x, tensor([[-1, -1]]), { reduction: "sum" }))).toEqual([[-1, -1]]);
  expect(slopes((x) => F.cosineEmbeddingLoss(x, beside, tensor([-1])))).toEqual([[0, 1]]);
  expect(slopes((x) => F.tripletMarginLoss(x, beside, beside, { margin: 0 }))).toEqual([[0, 0]]);
  expect(slopes((x) => F.tripletMarginLoss(beside, x, beside, { margin: -Math.SQRT2, eps: 0 }))).not.toEqual([[0, 0]]);
});

it("a transposed convolution whose output padding exceeds its stride has a gradient", () => {
  const [x, weight] = [randn(1, 1, 4, { requiresGrad: true }), randn(1, 1, 3, { requiresGrad: true })];
  const out = F.convTranspose1d(x, weight, { stride: 1, padding: 2, outputPadding: 2, dilation: 3 });
  out.sum().backward();
  expect(out.shape).toEqual([1, 1, 8]);
  expect(x.grad!.shape).toEqual([1, 1, 4]);
  // Linear in both: each gives the sum back.
  expect(x.grad!.mul(x.detach()).sum().item()).toBeCloseTo(out.sum().item(), 4);
  expect(weight.grad!.mul(weight.detach()).sum().item()).toBeCloseTo(out.sum().item(), 4);
});

it("and a second one", () => {
  const leaves = [randn(1, 1, 4), randn(1, 1, 3)].map((leaf) => leaf.to("float64").requiresGrad_());
  const settings = { stride: 1, padding: 2, outputPadding: 2, dilation: 3 };
  expect(gradgradcheck((x: Tensor, weight: Tensor) => F.convTranspose1d(x, weight, settings), leaves)).toBe(true);
});

it("what is empty is normalized to nothing", () => {
  expect(F.batchNorm(zeros(0), zeros(0), ones(0), { training: true }).shape).toEqual([0]);
});

it("the root of a window keeps the sign of its sum", () => {
  const x = tensor([[-1, -2, 3, 4]]).to("float32");
  expect(F.lpPool1d(x, 1, 2).toArray()).toEqual([[-3, 7]]);
});

it("a factor that leaves the size as it is leaves the elements too", () => {
  const x = tensor([[[1, 2, 5]]], { dtype: "float32" });
  for (const mode of ["nearest", "linear"] as const) {
    expect(F.interpolate(x, { scaleFactor: 1.3, mode }).toArray()).toEqual([[[1, 2, 5]]]);
  }
  expect(F.interpolate(x, { scaleFactor: 1.3, mode: "nearest-exact" }).toArray()).toEqual([[[1, 2, 2]]]);
});

it("slopes of exponentials far below zero do not vanish", () => {
  for (const f of [F.elu, F.celu, F.selu]) {
    const x = tensor([-20, -50], { dtype: "float32", requiresGrad: true });
    f(x).sum().backward();
    const scale = f === F.selu ? 1.0507009873554805 * 1.6732632423543772 : 1;
    const expected = x.detach().to("float64").exp().mul(scale);
    expect(x.grad!.to("float64").div(expected).sub(1).abs().amax().item()).toBeLessThan(1e-6);
  }
});
