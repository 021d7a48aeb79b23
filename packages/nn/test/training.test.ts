import "@dl/autograd";
import "@dl/backend-cpu";
import { Adam, SGD } from "@dl/optim";
import { manualSeed, memory, rand, randn, scope, type Tensor, tensor } from "@dl/tensor";
import { expect, it } from "vitest";
import * as nn from "../src/index.ts";

it("an MLP learns XOR", () => {
  manualSeed(0);
  const net = new nn.Sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 1));
  const optimizer = new SGD(net.parameters(), { lr: 0.5 });
  const criterion = new nn.BCEWithLogitsLoss();
  const x = tensor([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ]).to("float32");
  const y = tensor([[0], [1], [1], [0]]).to("float32");
  for (let step = 0; step < 400; step++) {
    optimizer.zeroGrad();
    const loss = criterion(net(x), y);
    loss.backward();
    optimizer.step();
  }
  expect(criterion(net(x), y).item()).toBeLessThan(0.05);
  expect(net(x).gt(0).to("int64").toArray()).toEqual([[0], [1], [1], [0]]);
});

class Net extends nn.Module {
  features = new nn.Sequential(
    new nn.Conv2d(1, 8, 3),
    new nn.BatchNorm2d(8),
    new nn.ReLU({ inplace: true }),
    new nn.MaxPool2d(2),
  );
  head = new nn.Linear(8 * 3 * 3, 2);

  forward(x: Tensor): Tensor {
    const y = this.features(x);
    return this.head(y.view(y.shape[0]!, -1));
  }
}

/** Bright left halves are class 0, bright right halves class 1. */
function images(count: number): [Tensor, Tensor] {
  const labels = rand(count).mul(2).floor();
  const x = rand(count, 1, 8, 8);
  const left = x.narrow(3, 0, 4);
  left.add_(labels.neg().add(1).view(-1, 1, 1, 1).expand(left.shape));
  const right = x.narrow(3, 4, 4);
  right.add_(labels.view(-1, 1, 1, 1).expand(right.shape));
  return [x, labels.to("int64")];
}

it("a CNN learns to tell sides apart, and accuracy says so", () => {
  manualSeed(1);
  const net = new Net();
  const optimizer = new Adam(net.parameters(), { lr: 0.01 });
  const criterion = new nn.CrossEntropyLoss();
  const running = new nn.metrics.MeanMetric();
  for (let step = 0; step < 30; step++) {
    const [x, y] = images(16);
    optimizer.zeroGrad();
    const loss = criterion(net(x), y);
    loss.backward();
    optimizer.step();
    if (step >= 25) running.update(loss, 16);
  }
  expect(running.compute()).toBeLessThan(0.1);
  net.eval();
  const [accuracy, [x, y]] = [new nn.metrics.Accuracy(), images(64)];
  accuracy.update(net(x), y);
  expect(accuracy.compute()).toBeGreaterThan(0.95);
});

it("gradients of several batches add up until zeroGrad", () => {
  const net = new nn.Linear(3, 2);
  const [a, b] = [randn(4, 3), randn(4, 3)];
  const mse = new nn.MSELoss();
  const target = randn(4, 2);
  mse(net(a), target).backward();
  const first = net.weight.grad!.clone();
  mse(net(b), target).backward();
  const both = net.weight.grad!.clone();
  net.zeroGrad();
  mse(net(b), target).backward();
  expect(first.add(net.weight.grad!).sub(both).abs().amax().item()).toBeLessThan(1e-6);
});

it("a synchronous loop with scope keeps memory flat", () => {
  const net = new nn.Sequential(new nn.Linear(16, 32), new nn.ReLU(), new nn.Linear(32, 4));
  const optimizer = new Adam(net.parameters());
  const criterion = new nn.CrossEntropyLoss();
  const step = (): void =>
    scope(() => {
      optimizer.zeroGrad();
      criterion(net(randn(8, 16)), tensor([0, 1, 2, 3, 0, 1, 2, 3])).backward();
      optimizer.step();
    });
  for (let i = 0; i < 20; i++) step();
  const { bytes, buffers } = memory();
  for (let i = 0; i < 200; i++) step();
  expect([memory().bytes, memory().buffers]).toEqual([bytes, buffers]);
});

it("a loop that waits for values needs no scope", async () => {
  let most = 0;
  for (let i = 0; i < 150; i++) {
    await randn(2 ** 20)
      .add(i)
      .at(0)
      .data();
    most = Math.max(most, memory().bytes);
  }
  expect(most).toBeLessThan(2 ** 29);
});
