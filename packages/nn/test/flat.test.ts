import "@dl/backend-cpu";
import { grad } from "@dl/autograd";
import { arange, logaddexp, type Tensor, tensor, zeros } from "@dl/tensor";
import { expect, test } from "vitest";
import { functional as F } from "../src/index.ts";

const target = tensor([0, 1, 1]);

test.each<[string, (x: Tensor) => Tensor]>([
  ["leakyRelu", (x) => F.leakyRelu(x)],
  ["prelu", (x) => F.prelu(x, tensor([0.25], { dtype: "float32" }))],
  ["rrelu", (x) => F.rrelu(x, { training: true })],
  ["hardtanh", (x) => F.hardtanh(x)],
  ["relu6", (x) => F.relu6(x)],
  ["threshold", (x) => F.threshold(x, 0, 1)],
  ["hardshrink", (x) => F.hardshrink(x)],
  ["softshrink", (x) => F.softshrink(x)],
  ["relu", (x) => F.relu(x)],
  ["abs", (x) => x.abs()],
  ["l1Loss", (x) => F.l1Loss(x, zeros(x.shape))],
  ["nllLoss", (x) => F.nllLoss(x.view(3, 4), target)],
  ["maxPool1d", (x) => F.maxPool1d(x.view(1, 2, 6), 2)],
  ["adaptiveMaxPool1d", (x) => F.adaptiveMaxPool1d(x.view(1, 2, 6), 2)],
  ["avgPool1d", (x) => F.avgPool1d(x.view(1, 2, 6), 2)],
  ["adaptiveAvgPool2d", (x) => F.adaptiveAvgPool2d(x.view(1, 3, 4), [2, 3])],
  ["reflection", (x) => F.pad(x.view(1, 2, 6), [1, 1], "reflect")],
  ["replication", (x) => F.pad(x.view(1, 2, 6), [1, 1], "replicate")],
])("the second derivative of %s is zero, not missing", (_, f) => {
  const x = arange(12, { dtype: "float32" }).sub(5.5).requiresGrad_();
  const [slope] = grad(f(x).sum(), x, { createGraph: true });
  expect(slope!.requiresGrad).toBe(true);
  slope!.sum().backward();
  expect(x.grad!.toArray()).toEqual(Array.from({ length: 12 }, () => 0));
});

test.each<[string, (x: Tensor) => Tensor]>([
  ["MaxPool2DWithIndicesBackwardBackward0", (x) => F.maxPool2d(x, 2)],
  ["HardshrinkBackwardBackward0", (x) => F.hardshrink(x)],
])("the history of such a slope is %s, as in PyTorch", (name, f) => {
  const x = arange(12, { dtype: "float32" }).view(1, 1, 3, 4).detach().requiresGrad_();
  const [slope] = grad(f(x).sum(), x, { createGraph: true });
  expect(slope!.gradFn!.name).toBe(name);
});

test.each<[string, (x: Tensor) => Tensor]>([
  ["a multiple", (x) => x.mul(3)],
  ["a sum", (x) => x.cumsum(0)],
  ["sort", (x) => x.sort().values],
  ["topk", (x) => x.topk(3).values],
  ["cummax", (x) => x.cummax(0).values],
  ["clamp", (x) => x.clamp(-1, 1)],
])("the slope of %s has no history, as in PyTorch", (_, f) => {
  const x = arange(12, { dtype: "float32" }).sub(5.5).requiresGrad_();
  const [slope] = grad(f(x).sum(), x, { createGraph: true });
  expect(slope!.requiresGrad).toBe(false);
});

test("logaddexp bends where its operands are equal", () => {
  const x = tensor([0, 2, 1000], { dtype: "float32" }).requiresGrad_();
  const [slope] = grad(logaddexp(x, x.detach()).sum(), x, { createGraph: true });
  expect(slope!.toArray()).toEqual([0.5, 0.5, 0.5]);
  expect(grad(slope!.sum(), x)[0]!.toArray()).toEqual([0.25, 0.25, 0.25]);
});

test("nearest sampling has no slope for its grid: zeros", () => {
  const image = arange(9, { dtype: "float32" }).view(1, 1, 3, 3).requiresGrad_();
  const grid = tensor([-0.9, -0.2, 0.4, Number.NaN, 5, -5, 0, 0], { dtype: "float32" })
    .view(1, 2, 2, 2)
    .requiresGrad_();
  F.gridSample(image, grid, { mode: "nearest", alignCorners: false }).sum().backward();
  expect(grid.grad!.flatten().toArray()).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  expect(image.grad!.sum().item()).toBe(2);
});

test("hardswish is the identity far above, and its slope is one", () => {
  const x = tensor([-1e30, -4, 3, 4, Number.POSITIVE_INFINITY], { dtype: "float32" }).requiresGrad_();
  const y = F.hardswish(x);
  y.sum().backward();
  expect(y.abs().toArray()).toEqual([0, 0, 3, 4, Number.POSITIVE_INFINITY]);
  expect(x.grad!.toArray()).toEqual([0, 0, 1, 1, 1]);
});
