/** A training that stops and goes on is the training that never stopped: weights, optimizer, schedule, random numbers. */
import "@dl/autograd";
import "@dl/backend-cpu";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadCheckpoint, saveCheckpoint } from "@dl/checkpoint";
import { BatchNorm1d, Dropout, functional as F, Linear, MSELoss, ReLU, Sequential, type StateDict } from "@dl/nn";
import { AdamW, lrScheduler, type OptimizerState } from "@dl/optim";
import { defaultGenerator, type GeneratorState, linspace, manualSeed, randn, tensor } from "@dl/tensor";
import { afterAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "dl-resume-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Saved {
  readonly model: StateDict;
  readonly optimizer: OptimizerState;
  readonly scheduler: Record<string, unknown>;
  readonly random: GeneratorState;
}

class Training {
  readonly model = new Sequential(new Linear(4, 8), new BatchNorm1d(8), new Dropout(0.2), new Linear(8, 1));
  readonly optimizer = new AdamW(this.model.parameters(), { lr: 0.1, amsgrad: true });
  readonly scheduler = new lrScheduler.StepLR(this.optimizer, 2, { gamma: 0.5 });

  run(epochs: number): number[] {
    const criterion = new MSELoss();
    return Array.from({ length: epochs }, () => {
      const x = randn(16, 4);
      this.optimizer.zeroGrad();
      const loss = criterion(this.model(x), x.sum(1, { keepdim: true }));
      loss.backward();
      this.optimizer.step();
      this.scheduler.step();
      return loss.item();
    });
  }
}

test("a training goes on from its checkpoint as if it had not stopped", async () => {
  const path = join(folder, "run.safetensors");
  manualSeed(0);
  const first = new Training();
  first.run(3);
  const { model, optimizer, scheduler } = first;
  await saveCheckpoint(
    {
      model: model.stateDict(),
      optimizer: optimizer.stateDict(),
      scheduler: scheduler.stateDict(),
      random: defaultGenerator.getState(),
    },
    path,
  );
  const expected = first.run(4);

  manualSeed(99);
  const second = new Training();
  const saved = await loadCheckpoint<Saved>(path);
  second.model.loadStateDict(saved.model);
  second.optimizer.loadStateDict(saved.optimizer);
  second.scheduler.loadStateDict(saved.scheduler);
  defaultGenerator.setState(saved.random);
  expect(second.run(4)).toEqual(expected);
  expect(second.scheduler.getLastLr()).toEqual(first.scheduler.getLastLr());
});

/** What PyTorch's training gave after three steps, and its losses and rates after six more. */
const recorded = {
  path: new URL("fixtures/resume.pt", import.meta.url).pathname,
  losses: [
    0.7251448631286621, 0.7213678956031799, 0.7212918400764465, 0.7212131023406982, 0.7212050557136536,
    0.7211968898773193,
  ],
  rates: [5e-5, 1e-5],
};

test("a training that began in PyTorch goes on here", async () => {
  const model = new Sequential(new Linear(4, 8), new BatchNorm1d(8), new ReLU(), new Linear(8, 2));
  const [first, ...others] = [...model.children()].map((layer) => ({ params: layer.parameters() }));
  const groups = [{ ...first!, lr: 0.05 }, { params: others.flatMap(({ params }) => params) }];
  const optimizer = new AdamW(groups, { lr: 1 });
  const { LinearLR, MultiStepLR, SequentialLR } = lrScheduler;
  const schedules = [new LinearLR(optimizer), new MultiStepLR(optimizer, [])];
  const scheduler = new SequentialLR(optimizer, schedules, [2]);

  const saved = await loadCheckpoint<Omit<Saved, "random">>(recorded.path);
  model.loadStateDict(saved.model);
  optimizer.loadStateDict(saved.optimizer);
  scheduler.loadStateDict(saved.scheduler);
  const x = linspace(-1, 1, 24).view(6, 4);
  const losses = recorded.losses.map(() => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(x), tensor([0, 1, 0, 1, 1, 0]));
    loss.backward();
    optimizer.step();
    scheduler.step();
    return loss.item();
  });
  for (const [i, loss] of losses.entries()) expect(loss).toBeCloseTo(recorded.losses[i]!, 5);
  for (const [i, lr] of scheduler.getLastLr().entries()) expect(lr).toBeCloseTo(recorded.rates[i]!, 12);
});
