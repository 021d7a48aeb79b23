import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { data } from "../examples/notebook/data.ts";
import { device } from "../examples/notebook/device.ts";
import { models } from "../examples/notebook/models.ts";
import { tensors } from "../examples/notebook/tensors.ts";
import { training } from "../examples/notebook/training.ts";
import "@dl/autograd";
import "@dl/backend-cpu";

/** Stands beside the project where the tests are complete. */
const mnist = fileURLToPath(new URL("../../../shared/data/mnist", import.meta.url));

function printed(rows: (print: (text: unknown) => void) => void): unknown[] {
  const lines: unknown[] = [];
  rows((text) => lines.push(text));
  return lines;
}

test("rows 1 to 14: tensors", () => {
  expect(printed(tensors)).toEqual([
    "tensor([[1, 2],\n        [3, 4]])",
    "tensor: lists are ragged: the list at [1] has 3 elements where its first sibling has 2 elements. " +
      "All lists of one depth need the same length",
    "tensor([[1., 2.],\n        [3., 4.]], dtype=float64)",
    "shape [2,2] stride [2,1] offset 0",
    "tensor([[9, 2],\n        [3, 4]])",
    "tensor(1.)",
    "tensor(2.)",
    "tensor(3.)",
    "tensor([3., 4., 5.])",
    "tensor([1., 2., 0., 0., 0., 6., 7.])",
    "add: operands have dtypes float32 and float64, and they do not mix. " +
      'Cast with .to("float64"), or allow promotion with setTypePromotion(true)',
    "tensor([2, 2, 3])",
    [2, 2],
    "tensor([[1],\n        [2],\n        [3],\n        [4]])",
    "tensor([1, 2, 3, 4])",
    "tensor([[1, 2, 3, 4]])",
    "tensor([[1],\n        [2],\n        [3],\n        [4]])",
    "tensor([[1, 2],\n        [3, 4]])",
    "view: shape [3, -1] is for multiples of 3 elements, shape [2, 2] has 4",
    "tensor([1, 2, 3, 4, 5])",
    "tensor([[1, 4],\n        [2, 5],\n        [3, 6]])",
  ]);
});

const withoutGpu: unknown[] = [];
await device({ webgpu: false, print: (text) => withoutGpu.push(text) });

test("row 3 without a GPU: the error says how to get one", () => {
  expect(withoutGpu[0]).toContain('no backend for "webgpu"');
  expect(withoutGpu[0]).toContain("useWebGPU()");
});

const adapter = await import("@dl/backend-webgpu").then(({ useWebGPU }) =>
  useWebGPU().then(
    (gpu) => {
      gpu.destroy();
      return true;
    },
    () => false,
  ),
);
if (!adapter) console.log("skipped: rows 3, 6, 7 and 15 need a WebGPU adapter, and there is none");

test.skipIf(!adapter && !process.env["CI"])("rows 3, 6, 7 and 15: the GPU", async () => {
  const lines: unknown[] = [];
  await device({ webgpu: true, print: (text) => lines.push(text) });
  expect(lines).toEqual([
    "tensor([[1, 2],\n        [3, 4]], device='webgpu')",
    'numpy: the tensor is on "webgpu". Bring it to the CPU first: x.to("cpu") or await x.cpu()',
    [1n, 2n, 3n, 4n],
    [1n, 2n, 3n, 4n],
    "tensor([[ 8., 11.],\n        [16., 23.]])",
    "tensor(5.)",
  ]);
});

if (!existsSync(mnist)) console.log("skipped: rows 16 to 20 need MNIST's files beside the project");

test.skipIf(!existsSync(mnist))("rows 16 to 20: data (needs ../shared)", async () => {
  const lines: unknown[] = [];
  await data({ root: mnist, print: (text) => lines.push(text) });
  expect(lines).toEqual([
    "1,28,28 5 -0.5 0.5000",
    "Dataset MNIST\n    Number of datapoints: 60000\n    Root location: " +
      `${mnist}\n    Split: Train\n    StandardTransform\nTransform: Compose(\n               ToTensor()\n` +
      "               Normalize(mean=(0.5,), std=(1.0,))\n           )",
    "938 batches; the first: images [64,1,28,28], labels [64]",
  ]);
});

const layers = [
  "Sequential(\n  (0): Conv2d(1, 64, kernel_size=(5, 5), stride=(1, 1))\n  (1): ReLU(inplace=True)\n" +
    "  (2): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)\n)",
  "Sequential(\n  (0): Conv2d(64, 32, kernel_size=(5, 5), stride=(1, 1))\n  (1): ReLU(inplace=True)\n" +
    "  (2): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)\n)",
  "Sequential(\n  (0): Linear(in_features=512, out_features=10, bias=True)\n  (1): ReLU(inplace=True)\n)",
];
const indented = (text: string): string => text.replaceAll("\n", "\n  ");

test("rows 21 to 25: models", () => {
  const lines = printed(models);
  expect(lines[0]).toEqual([2, 10]);
  expect(lines[1]).toContain("512");
  expect(lines.slice(2, 5)).toEqual(layers);
  const net = `Net(\n${layers.map((layer, i) => `  (layer${i + 1}): ${indented(layer)}`).join("\n")}\n)`;
  const parts = layers.flatMap((layer) => [
    layer,
    ...layer
      .split("\n")
      .slice(1, -1)
      .map((line) => line.slice(7)),
  ]);
  expect(lines.slice(5, -1)).toEqual([net, ...parts]);
  expect(lines.at(-1)).toEqual([3, 2]);
});

test("rows 26 to 30: training", () => {
  expect(printed(training)).toEqual([
    "tensor(0.3670)",
    "tensor(0.4170)",
    "tensor(0.0500)",
    "tensor([4., 8.])",
    "tensor([0.5000, 1.5000], requires_grad=True) null",
    "lr 0.0625",
    "accuracy true",
  ]);
});
