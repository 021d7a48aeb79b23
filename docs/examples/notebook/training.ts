/** Rows 26 to 30: losses, optimizers, schedules, metrics and the loop. */
import * as nn from "@dl/nn";
import { lrScheduler, Optimizer, SGD } from "@dl/optim";
import { manualSeed, noGrad, randn, type Tensor, tensor } from "@dl/tensor";
import { mlp } from "./models.ts";

/** 27. An optimizer of one's own: p ← p − lr · sign(gradient). */
class SignSGD extends Optimizer {
  constructor(params: Iterable<Tensor>, options: { lr: number }) {
    super(params, options);
  }

  override step(): null {
    noGrad(() => {
      for (const group of this.paramGroups) {
        for (const p of group.params) if (p.grad) p.sub_(p.grad.sign(), { alpha: group["lr"] as number });
      }
    });
    return null;
  }
}

export function training(print: (text: unknown) => void): void {
  // 26. Losses.
  const probability = tensor([0.8, 0.4]);
  print(new nn.BCELoss()(probability, tensor([1, 0], { dtype: "float32" })).toString());
  print(new nn.CrossEntropyLoss()(tensor([[2, 1, 0.1]]), tensor([0])).toString());
  print(new nn.MSELoss({ reduction: "sum" })(probability, tensor([1, 0.5])).toString());

  // 27. Gradients add up until zeroGrad.
  const weight = tensor([1, 2], { dtype: "float32", requiresGrad: true });
  for (let i = 0; i < 2; i++) weight.square().sum().backward();
  print(weight.grad!.toString());
  const sign = new SignSGD([weight], { lr: 0.5 });
  sign.step();
  sign.zeroGrad();
  print(`${weight.toString()} ${weight.grad}`);

  // 28 to 30. The loop.
  manualSeed(0);
  const [inputs, model] = [randn(64, 4), mlp(4, 16, 2)];
  const targets = inputs.sum(1).gt(0).long();
  const [criterion, optimizer] = [new nn.CrossEntropyLoss(), new SGD(model.parameters(), { lr: 0.5, momentum: 0.9 })];
  const schedule = new lrScheduler.StepLR(optimizer, 20, { gamma: 0.5 });
  const accuracy = new nn.metrics.Accuracy();
  for (let epoch = 0; epoch < 60; epoch++) {
    optimizer.zeroGrad();
    const output = model(inputs);
    const loss = criterion(output, targets);
    loss.backward();
    optimizer.step();
    schedule.step();
    accuracy.reset();
    accuracy.update(output.detach(), targets);
  }
  print(`lr ${schedule.getLastLr()[0]}`);
  print(`accuracy ${accuracy.compute() > 0.95}`);
}
