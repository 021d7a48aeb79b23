/** Training inside a page, on both devices: batches from a loader, forward, backward, step; a page awaits its results. */
import "@dl/autograd";
import "@dl/backend-cpu";
import { useWebGPU } from "@dl/backend-webgpu";
import { DataLoader, TensorDataset } from "@dl/data";
import * as nn from "@dl/nn";
import { Adam } from "@dl/optim";
import { arange, manualSeed, scope, type Tensor, tensor } from "@dl/tensor";
import { beforeEach, describe, expect, test } from "vitest";
import { Net } from "../examples/mnist/net.ts";

const gpu = await useWebGPU();
beforeEach(() => manualSeed(0));

/** The loss after every epoch. */
async function train(model: nn.Module, loader: AsyncIterable<[Tensor, Tensor]>, epochs: number): Promise<number[]> {
  const criterion = new nn.CrossEntropyLoss();
  const optimizer = new Adam(model.parameters(), { lr: 1e-2 });
  const losses: number[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    let last = 0;
    for await (const [x, y] of loader) {
      const loss = scope(() => {
        optimizer.zeroGrad();
        const value = criterion(model(x), y) as Tensor;
        value.backward();
        optimizer.step();
        return value.detach();
      });
      last = Number((await loss.data())[0]);
    }
    losses.push(last);
  }
  return losses;
}

/** Pictures with one bright row each; the row is the label. */
function stripes(count: number): TensorDataset<[Tensor, Tensor]> {
  const labels = Array.from({ length: count }, (_, i) => i % 10);
  const rows = arange(28).view(1, 1, 28, 1).expand(count, 1, 28, 28);
  const images = rows.eq(tensor(labels).mul(2).view(count, 1, 1, 1)).to("float32");
  return new TensorDataset(images, tensor(labels));
}

describe.each(["cpu", "webgpu"])("on %s", (device) => {
  test("a perceptron learns exclusive or", async () => {
    const inputs = tensor([[0, 0], [0, 1], [1, 0], [1, 1]], { dtype: "float32" }); // biome-ignore format: pairs
    const data = new TensorDataset(inputs, tensor([0, 1, 1, 0]));
    const model = new nn.Sequential(new nn.Linear(2, 16), new nn.Tanh(), new nn.Linear(16, 2)).to(device);
    const losses = await train(model, new DataLoader(data, { batchSize: 4, device }), 150);
    expect(losses.at(-1)).toBeLessThan(0.1);
    const answers = await model(inputs.to(device)).argmax(1).cpu();
    expect(answers.toArray()).toEqual([0, 1, 1, 0]);
  });

  test("the convolutional network of the examples lowers its loss", async () => {
    const loader = new DataLoader(stripes(5), { batchSize: 5, device });
    const losses = await train(new Net().to(device), loader, 4);
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
  });
});

test("a page cannot wait for the GPU, and is told to await", () => {
  const x = tensor([1, 2], { device: "webgpu" });
  expect(() => x.toArray()).toThrow(/await/);
  expect(gpu.readSync).toBeUndefined();
});
