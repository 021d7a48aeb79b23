import "@dl/autograd";
import "@dl/backend-cpu";
import { Conv2d, F, Parameter } from "@dl/nn";
import * as dl from "@dl/tensor";
import { expect, it } from "vitest";

// biome-ignore lint/suspicious/noExplicitAny: what types refuse reaches us from plain JavaScript.
type Loose = any;
const [t, f, x]: Loose[] = [dl, F, dl.ones(2, 3)];

it.each<[string, () => unknown, string]>([
  ["copy_", () => x.copy_([1]), "copy_: needs a tensor, got [1]. Make it one with tensor(…)"],
  ["matmul", () => x.matmul([1]), "matmul: needs a tensor, got [1]"],
  ["relu", () => t.relu([1]), "relu: needs tensors and numbers, got [1]. Make it one with tensor(…)"],
  ["add", () => x.add(undefined), "add: needs tensors and numbers, got undefined. Make it one with tensor(…)"],
  ["mul_", () => x.mul_(undefined), "mul: needs tensors and numbers, got undefined. Make it one with tensor(…)"],
  ["fill_", () => x.fill_([1]), "fill_: needs a number or a 0-d tensor, got [1]"],
  ["linear", () => f.linear([1], x), "linear: cannot use input [1], weight a tensor [2, 3]"],
  ["crossEntropy", () => f.crossEntropy(x, [0, 1]), "crossEntropy: cannot use input a tensor [2, 3], target [0, 1]"],
  ["mseLoss", () => f.mseLoss(x, 0), "mseLoss: cannot use input a tensor [2, 3], target 0"],
  ["cat", () => t.cat(x, x), "cat: cannot use tensors a tensor [2, 3], dim a tensor [2, 3]"],
  ["full", () => t.full(2, 3), "full: the shape is 2, needs a list of sizes. Write [2, 3]"],
  ["randint", () => t.randint(0, 10, 3), "randint: the shape is 3, needs a list of sizes"],
  ["Parameter", () => new (Parameter as Loose)(3), "Parameter: needs a tensor, got 3"],
])("%s says what it got and needs where it is given no tensor", (_, call, message) => {
  expect(call).toThrow(dl.TensorError);
  expect(call).toThrow(message);
});

const image = dl.ones(1, 1, 3, 3);
const rows: Loose[] = [dl.tensor([[0]]), x];
it.each<[string, () => unknown, string]>([
  ["conv2d", () => f.conv2d(image, image, { padding: "full" }), 'unknown padding "full". Use "same" or "valid"'],
  [
    "Conv2d",
    () => new (Conv2d as Loose)(1, 1, 3, { padding: "full" }),
    'unknown padding "full". Use "same" or "valid"',
  ],
  [
    "Conv2d",
    () => new (Conv2d as Loose)(1, 1, 3, { paddingMode: "mirror" }),
    'unknown paddingMode "mirror". Use "zeros", "reflect", "replicate" or "circular"',
  ],
  [
    "gridSample",
    () => f.gridSample(image, dl.zeros(1, 2, 2, 2), { paddingMode: "replicate" }),
    'unknown paddingMode "replicate". Use "zeros", "border" or "reflection"',
  ],
  ["gridSample", () => f.gridSample(image, dl.zeros(1, 2, 2, 2), { mode: "cubic" }), 'unknown mode "cubic"'],
  ["embeddingBag", () => f.embeddingBag(...rows, { mode: "avg" }), 'unknown mode "avg". Use "mean", "sum" or "max"'],
  [
    "searchsorted",
    () => t.searchsorted(dl.arange(3), 1, { side: "Right" }),
    'unknown side "Right". Use "left" or "right"',
  ],
  [
    "pad",
    () => f.pad(image, [1, 1], "edge"),
    'unknown mode "edge". Use "constant", "reflect", "replicate" or "circular"',
  ],
  ["cdist", () => t.cdist(x, x, -1), "needs p ≥ 0, got -1"],
])("%s names what there is", (name, call, message) => {
  expect(call).toThrow(dl.TensorError);
  expect(call).toThrow(`${name}: ${message}`);
});
