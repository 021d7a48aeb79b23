import { DataLoader, type Dataset } from "@dl/data";
import * as nn from "@dl/nn";
import { Adam, type Optimizer, SGD } from "@dl/optim";
import { scope, type Tensor } from "@dl/tensor";
import type { Digit } from "./data.ts";
import { Interrupt } from "./interrupt.ts";
import { type Options, usualLr } from "./options.ts";
import { EpochBar } from "./progress.ts";

const optimizers = {
  adam: (params: Tensor[], lr: number): Optimizer => new Adam(params, { lr }),
  sgd: (params: Tensor[], lr: number): Optimizer => new SGD(params, { lr, momentum: 0.9 }),
};

/**
 * The loop: zero the gradients, run the model, measure the loss, go back, step.
 * @returns where Ctrl-C stopped it, or undefined when it went through
 * @throws Error when the loss is no longer a number, with the step and what to change
 */
export async function train(model: nn.Module, digits: Dataset<Digit>, options: Options): Promise<string | undefined> {
  const loader = new DataLoader(digits, { batchSize: options.batchSize, shuffle: true, device: options.device });
  const optimizer = optimizers[options.optimizer](model.parameters(), options.lr);
  const criterion = new nn.CrossEntropyLoss();
  const interrupt = new Interrupt();
  model.train();

  const step = (images: Tensor, labels: Tensor) => {
    optimizer.zeroGrad();
    const output = model(images);
    const loss = criterion(output, labels) as Tensor;
    loss.backward();
    optimizer.step();
    return { loss: loss.item(), correct: output.detach().argmax(1).eq(labels).sum().item() };
  };

  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    using bar = new EpochBar(epoch, options.epochs, digits.length);
    let count = 0;
    for await (const [images, labels] of loader as AsyncIterable<[Tensor, Tensor]>) {
      const { loss, correct } = scope(() => step(images, labels));
      const place = `epoch ${epoch}, step ${++count}`;
      if (!Number.isFinite(loss)) throw new Error(diverged(loss, place, options));
      bar.advance(images.shape[0]!, loss, correct);
      images.dispose();
      labels.dispose();
      if (interrupt.asked) return place;
    }
  }
  interrupt.close();
  return undefined;
}

/** A rate above the usual one is the likely culprit. */
function diverged(loss: number, place: string, { lr, optimizer }: Options): string {
  const usual = usualLr[optimizer];
  const lower = lr > usual ? usual : lr / 10;
  return (
    `The loss became ${loss} in ${place}, and no weights were saved. ` +
    `The steps are too large: lower the learning rate, for example --lr ${lower}`
  );
}
