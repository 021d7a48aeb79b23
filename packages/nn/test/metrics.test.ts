import "@dl/backend-cpu";
import { tensor } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import { metrics } from "../src/index.ts";

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

  it("refuses shapes that do not match", () => {
    expect(() => new metrics.Accuracy().update(scores, tensor([1, 0]))).toThrow(/got \[3, 3\] and \[2\]/);
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
    expect(() => matrix.update(tensor([3]), tensor([0]))).toThrow(/class 0 taken for 3: there are 3 classes/);
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
