import "@dl/backend-cpu";
import { ones, zeros } from "@dl/tensor";
import { expect, test } from "vitest";
import { F, Linear, MSELoss, Sequential } from "../src/index.ts";

const [a, b] = [ones(2, 3), zeros(2, 3, { dtype: "float64" })];

test.each([
  ["linear", () => F.linear(b, ones(4, 3), ones(4))],
  ["linear", () => new Sequential(new Linear(3, 4), new Linear(4, 2))(b)],
  ["bilinear", () => F.bilinear(b, a, ones(4, 3, 3))],
  ["layerNorm", () => F.layerNorm(b, [3], ones(3), ones(3))],
  ["layerNorm", () => F.layerNorm(zeros(2, 3, { dtype: "int64" }), [3])],
  ["crossEntropy", () => F.crossEntropy(zeros(2, 3, { dtype: "int64" }), zeros(2, { dtype: "int64" }))],
  ["smoothL1Loss", () => F.smoothL1Loss(a, b)],
  ["mseLoss", () => new MSELoss()(a, b)],
  ["cosineSimilarity", () => F.cosineSimilarity(a, ones(2, 4))],
  ["conv2d", () => F.conv2d(ones(1, 3, 5, 5), ones(4, 2, 3, 3))],
  ["maxPool2d", () => F.maxPool2d(ones(1, 3, 2, 2), 3)],
  ["lpPool2d", () => F.lpPool2d(ones(1, 3, 2, 2), 2, 3)],
  ["upsample", () => F.upsample(ones(1, 3, 4))],
  ["normalize", () => F.normalize(a, 2, 7)],
  ["scaledDotProductAttention", () => F.scaledDotProductAttention(ones(2, 3, 4), ones(2, 3, 5), ones(2, 3, 4))],
] as const)("%s names itself, not what it is made of", (name, call) => {
  expect(call).toThrow(new RegExp(`^${name}: `));
});

test("convolutions refuse what their kernels cannot read", () => {
  const [x, weight] = [ones(1, 3, 5, 5), ones(4, 3, 3, 3)];
  expect(() => F.conv2d(x, weight, ones(2))).toThrow("conv2d: needs a bias of [4], got [2]");
  expect(() => F.conv2d(x.to("float64"), weight)).toThrow("conv2d: dtypes float64 and float32 do not mix");
  expect(() => F.convTranspose2d(x, ones(3, 4, 3, 3), ones(1))).toThrow(
    "convTranspose2d: needs a bias of [4], got [1]",
  );
  expect(() => F.convTranspose2d(x, ones(3, 4, 3, 3), null, { groups: 2 })).toThrow(
    "needs 3 input channels in 2 groups",
  );
});
