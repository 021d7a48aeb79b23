import "@dl/autograd";
import "@dl/backend-cpu";
import * as optim from "@dl/optim";
import { lrScheduler, SGD } from "@dl/optim";
import { type Tensor, tensor } from "@dl/tensor";
import { expect, test } from "vitest";

const start = (): Tensor => tensor([3, -2], { dtype: "float64", requiresGrad: true });

test.each([
  ["SGD", (p: Tensor[]) => new optim.SGD(p, { lr: 0.1, momentum: 0.5 })],
  ["Adam", (p: Tensor[]) => new optim.Adam(p, { lr: 0.1 })],
  ["AdamW", (p: Tensor[]) => new optim.AdamW(p, { lr: 0.1, amsgrad: true })],
  ["RMSprop", (p: Tensor[]) => new optim.RMSprop(p, { lr: 0.05 })],
  ["Adagrad", (p: Tensor[]) => new optim.Adagrad(p, { lr: 1 })],
  ["Adamax", (p: Tensor[]) => new optim.Adamax(p, { lr: 0.1 })],
  ["NAdam", (p: Tensor[]) => new optim.NAdam(p, { lr: 0.1 })],
  ["RAdam", (p: Tensor[]) => new optim.RAdam(p, { lr: 0.1 })],
  ["Rprop", (p: Tensor[]) => new optim.Rprop(p, { lr: 0.1 })],
  ["ASGD", (p: Tensor[]) => new optim.ASGD(p, { lr: 0.1 })],
] as const)("%s goes down to the minimum of a bowl", (_, make) => {
  const x = start();
  const optimizer = make([x]);
  for (let step = 0; step < 300; step++) {
    optimizer.zeroGrad();
    x.square().sum().backward();
    optimizer.step();
  }
  expect(x.detach().abs().max().item()).toBeLessThan(0.05);
});

test("the state goes on where it was saved", () => {
  const run = (steps: number, optimizer: optim.Optimizer, x: Tensor): void => {
    for (let step = 0; step < steps; step++) {
      optimizer.zeroGrad();
      x.square().sum().backward();
      optimizer.step();
    }
  };
  const [a, b] = [start(), start()];
  const first = new optim.Adam([a]);
  run(3, first, a);
  const second = new optim.Adam([b]);
  b.detach().copy_(a.detach());
  second.loadStateDict(first.stateDict());
  run(2, first, a);
  run(2, second, b);
  expect(b.toArray()).toEqual(a.toArray());
});

test("schedules change the rate", () => {
  const optimizer = new SGD([start()], { lr: 1 });
  const schedule = new lrScheduler.StepLR(optimizer, 2, { gamma: 0.1 });
  const rates = [optimizer.paramGroups[0]!.lr];
  for (let epoch = 0; epoch < 4; epoch++) {
    schedule.step();
    rates.push(optimizer.paramGroups[0]!.lr);
  }
  expect(rates.map((lr) => Number(lr.toFixed(6)))).toEqual([1, 1, 0.1, 0.1, 0.01]);
});

test("what cannot be optimized is refused", () => {
  expect(() => new SGD([], { lr: 1 })).toThrow("empty list");
  const x = start();
  expect(() => new SGD([x, x], { lr: 1 })).toThrow("in two groups");
  expect(() => new SGD([x.mul(2)], { lr: 1 })).toThrow("Optimize leaves only");
  expect(() => new SGD([x], { lr: -1 })).toThrow("lr must be at least 0, got -1");
});
