// A training step as everyone writes it, timed over one batch that a loader could have handed out.

import * as nn from "@dl/nn";
import { SGD } from "@dl/optim";
import { type Tensor, tensor } from "@dl/tensor";
import { batchOf } from "../lib/data.ts";

/** The seed network of the notebook, without its last ReLU. */
export const cnn = (): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(1, 64, 5),
    new nn.ReLU({ inplace: true }),
    new nn.MaxPool2d(2),
    new nn.Conv2d(64, 32, 5),
    new nn.ReLU({ inplace: true }),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(512, 10),
  );

export const mlp = (): nn.Sequential =>
  new nn.Sequential(
    new nn.Linear(784, 512),
    new nn.ReLU(),
    new nn.Linear(512, 512),
    new nn.ReLU(),
    new nn.Linear(512, 10),
  );

export function tensorsOf(size: number, shape: readonly number[]): { images: Tensor; labels: Tensor } {
  const { pixels, digits } = batchOf(size);
  return { images: tensor(pixels).view(size, ...shape), labels: tensor(digits, { dtype: "int64" }) };
}

/** One step of SGD over the same batch, and the loss of the last one: it is read, as a loop with a progress bar does. */
export function trainer(model: nn.Sequential, shape: readonly number[], size: Readonly<Record<string, number>>) {
  const { images, labels } = tensorsOf(size["batch"]!, shape);
  const criterion = new nn.CrossEntropyLoss();
  const optimizer = new SGD(model.parameters(), { lr: size["learningRate"]! });
  let last = 0;
  const step = (): void => {
    optimizer.zeroGrad();
    const loss = criterion(model(images), labels);
    loss.backward();
    optimizer.step();
    last = loss.item();
  };
  return { step, loss: () => last };
}
