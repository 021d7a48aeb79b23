/** Batches of ever other sizes: what free lists hold stays bounded, and nothing grows. */
import "@dl/autograd";
import { setNumThreads } from "@dl/backend-cpu";
import * as nn from "@dl/nn";
import { SGD } from "@dl/optim";
import { manualSeed, memory, randint, randn, scope } from "@dl/tensor";
import { expect, test } from "vitest";

/** On a busy machine. */
const long = 120_000;
const MiB = 2 ** 20;
/** Sizes come round again after a prime number of steps. */
const [round, largest] = [1009, 512];

test(
  "training on batches of changing sizes asks the system for nothing after its first steps",
  () => {
    manualSeed(0);
    setNumThreads(1);
    const model = new nn.Sequential(new nn.Linear(4, 32), new nn.Tanh(), new nn.Linear(32, 3));
    const optimizer = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
    const criterion = new nn.CrossEntropyLoss();
    const [x, y] = [randn(largest, 4), randint(0, 3, [largest])];
    const train = (first: number, count: number): void => {
      for (let step = first; step < first + count; step++) {
        // Spread evenly over the powers of two: most are small, and every size comes.
        const size = Math.floor(largest ** (((step * 7919) % round) / round));
        scope(() => {
          optimizer.zeroGrad();
          criterion(model(x.narrow(0, 0, size)), y.narrow(0, 0, size)).backward();
          optimizer.step();
        });
      }
    };
    train(0, round);
    const [before, resident] = [memory("cpu"), process.memoryUsage().rss];
    train(round, 8 * round);
    expect(memory("cpu")).toEqual(before);
    expect(before.reserved).toBeLessThan(before.peak * 1.25 + 40 * MiB);
    expect(process.memoryUsage().rss - resident).toBeLessThan(100 * MiB);
  },
  long,
);
