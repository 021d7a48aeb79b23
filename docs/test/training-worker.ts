/** Trains in a worker, on threads that it starts itself; started by worker.browser.test.ts. */
import "@dl/autograd";
import { getNumThreads, setNumThreads } from "@dl/backend-cpu";
import { fromBytes, toBytes } from "@dl/checkpoint";
import * as nn from "@dl/nn";
import { SGD } from "@dl/optim";
import { manualSeed, randn, scope } from "@dl/tensor";

declare const self: {
  onmessage: (event: { data: { weights: ArrayBuffer; steps: number } }) => void;
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
};
const model = new nn.Linear(64, 64);
const optimizer = new SGD(model.parameters(), { lr: 0.1 });

self.onmessage = async ({ data: { weights, steps } }) => {
  setNumThreads(2);
  manualSeed(0);
  model.loadStateDict(fromBytes(weights));
  const x = randn(256, 64);
  for (let step = 0; step < steps; step++) {
    scope(() => {
      optimizer.zeroGrad();
      model(x).sub(x).square().mean().backward();
      optimizer.step();
    });
  }
  const { buffer } = await toBytes(model.stateDict());
  self.postMessage({ weights: buffer, threads: getNumThreads() }, [buffer]);
};
