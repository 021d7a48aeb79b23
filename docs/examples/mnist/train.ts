import { DataLoader, type Dataset } from "@dl/data";
import * as nn from "@dl/nn";
import { Adam, type Optimizer, SGD } from "@dl/optim";
import { scope, type Tensor } from "@dl/tensor";
import type { Digit } from "./data.ts";
import type { Options } from "./options.ts";
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
export async function train(
  model: nn.Module,
  digits: Dataset<Digit> & { readonly length: number },
  options: Options,
): Promise<string | undefined> {
  const loader = new DataLoader(digits, { batchSize: options.batchSize, shuffle: true, device: options.device });
  const optimizer = optimizers[options.optimizer](model.parameters(), options.lr);
  const criterion = new nn.CrossEntropyLoss();
  const interrupt = onInterrupt();
  model.train();
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    const bar = new EpochBar(epoch, options.epochs, digits.length);
    let step = 0;
    for await (const [images, labels] of loader as AsyncIterable<[Tensor, Tensor]>) {
      step++;
      const { loss, correct } = scope(() => {
        optimizer.zeroGrad();
        const output = model(images);
        const error = criterion(output, labels) as Tensor;
        error.backward();
        optimizer.step();
        return { loss: error.item(), correct: output.detach().argmax(1).eq(labels).sum().item() };
      });
      if (!Number.isFinite(loss)) throw new Error(diverged(loss, epoch, step, options));
      bar.advance(images.shape[0]!, loss, correct);
      images.dispose();
      labels.dispose();
      if (interrupt.aborted) break;
    }
    bar.stop();
    if (interrupt.aborted) return `epoch ${epoch}, step ${step}`;
  }
  return undefined;
}

function diverged(loss: number, epoch: number, step: number, { lr }: Options): string {
  return (
    `The loss became ${loss} in epoch ${epoch}, step ${step}. The steps are too large: ` +
    `lower the learning rate, for example --lr ${lr / 10}`
  );
}

/** The first Ctrl-C asks to stop after the current step, the second one ends the process. */
function onInterrupt(): AbortSignal {
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort());
  return controller.signal;
}
