import "@dl/autograd";
import "@dl/backend-cpu";
import { ones, rand, randn, type Tensor, tensor } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import { functional as F } from "../src/index.ts";

const worst = (a: Tensor, b: Tensor): number => a.sub(b).abs().amax().item();

describe("cross entropy", () => {
  const scores = tensor([
    [2, 1, 0],
    [0, 1, 0],
  ]).to("float32");

  it("is the mean negative log-probability", () => {
    const expected = -(2 - Math.log(Math.exp(2) + Math.E + 1) + 1 - Math.log(2 + Math.E)) / 2;
    expect(F.crossEntropy(scores, tensor([0, 1])).item()).toBeCloseTo(expected, 5);
  });

  it("takes probabilities, and leaves out what is ignored", () => {
    const soft = F.oneHot(tensor([0, 1]), 3).to("float32");
    const hard = F.crossEntropy(scores, tensor([0, 1])).item();
    expect(F.crossEntropy(scores, soft).item()).toBeCloseTo(hard, 5);
    const first = F.crossEntropy(scores.narrow(0, 0, 1), tensor([0])).item();
    expect(F.crossEntropy(scores, tensor([0, -100])).item()).toBeCloseTo(first, 5);
    expect(F.crossEntropy(scores, tensor([0, 2]), { ignoreIndex: 2 }).item()).toBeCloseTo(first, 5);
  });

  it("does not overflow", () => {
    expect(F.crossEntropy(tensor([[1e4, 0]]).to("float32"), tensor([1])).item()).toBe(1e4);
  });

  it("names wrong targets", () => {
    expect(() => F.crossEntropy(scores, tensor([0, 3]))).toThrow(
      "crossEntropy: class 3 is out of range: there are 3 classes",
    );
    for (const wrong of [-1, -100, 2 ** 32, -(2 ** 32)]) {
      const [dtype, ignoreIndex] = ["int64", -7] as const;
      expect(() => F.nllLoss(scores, tensor([0, wrong], { dtype }), { ignoreIndex })).toThrow(`class ${wrong} is out`);
    }
    expect(() => F.crossEntropy(scores, tensor([0]))).toThrow(
      /scores \[2, 3\] need class numbers of shape \[2\], got \[1\]/,
    );
    expect(() => F.crossEntropy(scores, tensor([0.5, 1]))).toThrow(/must be int64, got float32/);
    expect(() => F.nllLoss(scores, tensor([0, 1]), { reduction: "average" as never })).toThrow(
      /unknown reduction "average"/,
    );
  });

  it("needs a weight for each class", () => {
    const needed = "crossEntropy: the weight needs the shape [3], one for each class, got [2]";
    for (const target of [tensor([0, 1]), scores.softmax(1)]) {
      expect(() => F.crossEntropy(scores, target, ones(2))).toThrow(needed);
    }
  });
});

describe("binary cross entropy", () => {
  it("agrees with its form for scores", () => {
    const [x, t] = [randn(20), tensor(Array.from({ length: 20 }, (_, i) => i % 2)).to("float32")];
    expect(worst(F.binaryCrossEntropy(x.sigmoid(), t), F.binaryCrossEntropyWithLogits(x, t))).toBeLessThan(1e-5);
  });

  it("is limited where it would be infinite, and refuses what is no probability", () => {
    expect(F.binaryCrossEntropy(tensor([0.0001]).mul(0), ones(1)).item()).toBe(100);
    const one = ones(1, { requiresGrad: true });
    F.binaryCrossEntropy(one, ones(1)).backward();
    expect(one.grad!.item()).toBe(0);
    expect(
      F.binaryCrossEntropy(tensor([0.5, Number.NaN]), ones(2), { reduction: "none" })
        .isnan()
        .toArray(),
    ).toEqual([false, true]);
    for (const wrong of [1.5, -0.25, Number.NEGATIVE_INFINITY]) {
      const given = tensor([0.5, Number.NaN, wrong, 0]);
      expect(() => F.binaryCrossEntropy(given, ones(4))).toThrow(`must lie in [0, 1], got ${wrong}`);
    }
  });
});

it("looks at class numbers without taking their memory for the user's", () => {
  const classes = tensor([0, 2, 1]);
  F.crossEntropy(rand(3, 4), classes);
  F.embeddingBag(classes, rand(4, 2), tensor([0, 1]));
  expect(classes.storage).toMatchObject({ isExposed: false });
});
