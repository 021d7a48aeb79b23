/** Several schedules on one optimizer. */
import { fail } from "@dl/tensor";
import type { Optimizer } from "../optimizer.ts";
import type { LRScheduler, SchedulerState } from "./base.ts";

function sameOptimizer(name: string, schedulers: readonly LRScheduler[], optimizer: Optimizer | undefined): Optimizer {
  if (!optimizer || schedulers.some((one) => one.optimizer !== optimizer)) {
    fail(name, "needs schedulers that all belong to one optimizer");
  }
  return optimizer;
}

/** All at once. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ChainedScheduler.html */
export class ChainedScheduler {
  readonly optimizer: Optimizer;
  readonly schedulers: readonly LRScheduler[];

  constructor(schedulers: readonly LRScheduler[]) {
    this.optimizer = sameOptimizer("ChainedScheduler", schedulers, schedulers[0]?.optimizer);
    this.schedulers = schedulers;
  }

  step(): void {
    for (const scheduler of this.schedulers) scheduler.step();
  }

  getLastLr(): readonly number[] {
    return this.optimizer.paramGroups.map(({ lr }) => lr);
  }

  stateDict(): SchedulerState {
    return { schedulers: this.schedulers.map((one) => one.stateDict()) };
  }

  loadStateDict(state: SchedulerState): void {
    (state["schedulers"] as SchedulerState[]).forEach((saved, i) => void this.schedulers[i]!.loadStateDict(saved));
  }
}

/** One after the other, changing at milestones. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.SequentialLR.html */
export class SequentialLR {
  readonly optimizer: Optimizer;
  readonly schedulers: readonly LRScheduler[];
  readonly milestones: readonly number[];
  lastEpoch: number;

  constructor(
    optimizer: Optimizer,
    schedulers: readonly LRScheduler[],
    milestones: readonly number[],
    { lastEpoch = -1 }: { readonly lastEpoch?: number } = {},
  ) {
    this.optimizer = sameOptimizer("SequentialLR", schedulers, optimizer);
    if (milestones.length !== schedulers.length - 1) {
      fail("SequentialLR", `${schedulers.length} schedulers need ${schedulers.length - 1} milestones, got ${milestones.length}`);
    }
    this.schedulers = schedulers;
    this.milestones = milestones;
    this.lastEpoch = lastEpoch + 1;
    // Each scheduler has made its first step already: all take it back, and the first one makes it again.
    for (const group of optimizer.paramGroups) group.lr = group.initialLr!;
    for (const scheduler of schedulers) scheduler.lastEpoch--;
    schedulers[0]!.step();
  }

  step(): void {
    this.lastEpoch++;
    const index = this.milestones.filter((milestone) => milestone <= this.lastEpoch).length;
    const scheduler = this.schedulers[index]!;
    if (index > 0 && this.milestones[index - 1] === this.lastEpoch) scheduler.step(0);
    else scheduler.step();
  }

  getLastLr(): readonly number[] {
    return this.optimizer.paramGroups.map(({ lr }) => lr);
  }

  stateDict(): SchedulerState {
    return { lastEpoch: this.lastEpoch, schedulers: this.schedulers.map((one) => one.stateDict()) };
  }

  loadStateDict(state: SchedulerState): void {
    this.lastEpoch = state["lastEpoch"] as number;
    (state["schedulers"] as SchedulerState[]).forEach((saved, i) => void this.schedulers[i]!.loadStateDict(saved));
  }
}
