// What a user writes, against the published declarations. It throws when an answer is wrong.
import "@dl/autograd";
import "@dl/backend-cpu";
import * as webgpu from "@dl/backend-webgpu";
import * as checkpoint from "@dl/checkpoint";
import { DataLoader, TensorDataset } from "@dl/data";
import * as nn from "@dl/nn";
import { SGD } from "@dl/optim";
import { manualSeed, type Tensor, tensor } from "@dl/tensor";
import * as testing from "@dl/tensor/testing";
import { MNIST } from "@dl/vision-datasets";

for (const entry of [webgpu, checkpoint, testing, MNIST]) check(entry !== undefined, "every entry loads");

class Net extends nn.Module {
  hidden = new nn.Linear(2, 8);
  out = new nn.Linear(8, 1);

  forward(x: Tensor): Tensor {
    return this.out(this.hidden(x).tanh());
  }
}

manualSeed(0);
const inputs = tensor([0, 0, 0, 1, 1, 0, 1, 1], { dtype: "float32" }).view(4, 2);
const targets = tensor([0, 1, 1, 0], { dtype: "float32" }).view(4, 1);
const loader = new DataLoader(new TensorDataset(inputs, targets), { batchSize: 2, shuffle: true });
const model = new Net();
const printed = "Net(\n  (hidden): Linear(in_features=2, out_features=8, bias=True)";
check(String(model).startsWith(printed), `modules print under their names, not as ${model}`);
const criterion = new nn.MSELoss();
const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });

let last = Number.POSITIVE_INFINITY;
for (let epoch = 0; epoch < 200; epoch++) {
  for await (const [x, y] of loader) {
    optimizer.zeroGrad();
    const loss: Tensor = criterion(model(x), y);
    loss.backward();
    optimizer.step();
    last = Number(loss.item());
  }
}
check(last < 0.05, `exclusive or is learnt, the loss is ${last}`);

function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(`consumer: ${what}`);
}
