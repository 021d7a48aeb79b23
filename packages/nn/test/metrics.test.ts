import "@dl/backend-cpu";
import { ones, tensor } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import { functional, metrics } from "../src/index.ts";

const { oneHot } = functional;

const scores = tensor([
  [0.1, 0.7, 0.2],
  [0.8, 0.1, 0.1],
  [0.3, 0.4, 0.3],
]);

describe("Accuracy", () => {
  it("counts over batches", () => {
    const accuracy = new metrics.Accuracy();
    expect(accuracy.compute()).toBeNaN();
    accuracy.update(scores, tensor([1, 0, 2]));
    accuracy.update(tensor([2, 2]), tensor([2, 0]));
    expect([accuracy.correct, accuracy.total, accuracy.compute()]).toEqual([3, 5, 0.6]);
    accuracy.reset();
    expect(accuracy.total).toBe(0);
  });

  it("counts the best few", () => {
    const accuracy = new metrics.Accuracy({ topK: 2 });
    accuracy.update(scores, tensor([2, 1, 1]));
    expect(accuracy.correct).toBeGreaterThanOrEqual(2);
    expect(() => accuracy.update(tensor([1]), tensor([1]))).toThrow(/topK needs scores/);
  });

  it("leaves out samples of the class to ignore", () => {
    const accuracy = new metrics.Accuracy({ ignoreIndex: -100 });
    accuracy.update(scores, tensor([1, -100, 2]));
    expect([accuracy.correct, accuracy.total]).toEqual([1, 2]);
    const best = new metrics.Accuracy(2, 0);
    best.update(scores, tensor([1, 0, 2]));
    expect([best.correct, best.total]).toEqual([1, 2]);
  });

  it("takes classes of any whole dtype, and yes or no", () => {
    const accuracy = new metrics.Accuracy();
    accuracy.update(tensor([1, 2], { dtype: "uint8" }), tensor([1, 1], { dtype: "int32" }));
    accuracy.update(tensor([0.3, -0.2]).gt(0), tensor([true, true]));
    expect([accuracy.correct, accuracy.total]).toEqual([2, 4]);
  });

  const target = tensor([1, 0, 2]);
  it.each([
    ["shapes that do not match", () => new metrics.Accuracy().update(scores, tensor([1, 0])), /got \[3, 3\] and \[2\]/],
    ["targets that broadcast", () => new metrics.Accuracy(2).update(ones(2, 3, 4), ones(2, 1).long()), /topK needs/],
    ["fractions for classes", () => new metrics.Accuracy().update(scores, tensor([1.6, 0, 2])), /got float32 of \[3\]/],
    ["classes as one-hot", () => new metrics.Accuracy().update(scores, oneHot(target).float()), /argmax\(1\)/],
    ["scores of a single class", () => new metrics.Accuracy().update(ones(3, 1), target), /squeeze\(1\)/],
    ["half a class", () => new metrics.Accuracy({ topK: 1.5 }), /topK is a whole number above 0, got 1.5/],
    ["unknown options", () => new metrics.Accuracy({ top_k: 2 } as never), /unknown option "top_k"/],
  ])("refuses %s", (_, run, message) => {
    expect(run).toThrow(message);
  });
});

describe("ConfusionMatrix", () => {
  it("counts truth by prediction", () => {
    const matrix = new metrics.ConfusionMatrix(3);
    matrix.update(scores, tensor([1, 0, 2]));
    matrix.update(tensor([1]), tensor([1]));
    expect(matrix.compute().toArray()).toEqual([
      [1, 0, 0],
      [0, 2, 0],
      [0, 1, 0],
    ]);
    expect(matrix.recall()).toEqual([1, 1, 0]);
    expect(matrix.precision()).toEqual([1, 2 / 3, Number.NaN]);
    expect(String(matrix)).toBe("   0 1 2\n 0 1 0 0\n 1 0 2 0\n 2 0 1 0");
    expect(() => matrix.update(tensor([0, 3]), tensor([0, 0]))).toThrow(/class 0 taken for 3: there are 3 classes/);
    expect(matrix.compute().sum().item()).toBe(4);
    expect(() => matrix.update(tensor([0]), tensor([0.5]))).toThrow(/needs class numbers/);
  });
});

describe("MeanMetric", () => {
  it("weighs what it is given", () => {
    const mean = new metrics.MeanMetric();
    mean.update(tensor(1.5), 2);
    mean.update(3);
    expect(mean.compute()).toBe(2);
    mean.reset();
    expect(mean.compute()).toBeNaN();
  });
});
