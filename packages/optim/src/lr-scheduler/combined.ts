/** Several schedules on one optimizer. */
import { type Arguments, fail, readArguments } from "@dl/tensor";
import type { Optimizer } from "../optimizer.ts";
import type { SchedulerState } from "../state-dict.ts";
import type { LRScheduler } from "./base.ts";

function statesOf(schedulers: readonly LRScheduler[]): SchedulerState[] {
  return schedulers.map((one) => one.stateDict());
}

function loadAll(name: string, schedulers: readonly LRScheduler[], state: SchedulerState): void {
  const saved = (state["_schedulers"] ?? []) as readonly SchedulerState[];
  if (saved.length !== schedulers.length) {
    fail(`${name}.loadStateDict`, `the state is of ${saved.length} schedulers, here are ${schedulers.length}`);
  }
  for (const [i, one] of schedulers.entries()) one.loadStateDict(saved[i]!);
}

function sameOptimizer(name: string, schedulers: readonly LRScheduler[], optimizer: Optimizer | undefined): Optimizer {
  if (!optimizer || schedulers.some((one) => one.optimizer !== optimizer)) {
    fail(name, "needs schedulers that all belong to one optimizer");
  }
  return optimizer;
}

export type ChainedArguments = [schedulers: readonly LRScheduler[]];

/** All at once. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ChainedScheduler.html */
export class ChainedScheduler {
  static readonly names = ["schedulers"] as const;
  readonly optimizer: Optimizer;
  readonly schedulers: readonly LRScheduler[];

  constructor(...args: Arguments<typeof ChainedScheduler.names, ChainedArguments>) {
    const [schedulers] = readArguments<ChainedArguments>(ChainedScheduler, args);
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
    return { _schedulers: statesOf(this.schedulers), _last_lr: this.getLastLr() };
  }

  loadStateDict(state: SchedulerState): void {
    loadAll("ChainedScheduler", this.schedulers, state);
  }
}

export type SequentialArguments = [
  optimizer: Optimizer,
  schedulers: readonly LRScheduler[],
  milestones: readonly number[],
  lastEpoch?: number,
];

/** One after the other, changing at milestones. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.SequentialLR.html */
export class SequentialLR {
  static readonly names = ["optimizer", "schedulers", "milestones", "lastEpoch"] as const;
  readonly optimizer: Optimizer;
  readonly schedulers: readonly LRScheduler[];
  readonly milestones: readonly number[];
  lastEpoch: number;

  constructor(...args: Arguments<typeof SequentialLR.names, SequentialArguments>) {
    const [optimizer, schedulers, milestones, lastEpoch = -1] = readArguments<SequentialArguments>(SequentialLR, args);
    this.optimizer = sameOptimizer("SequentialLR", schedulers, optimizer);
    if (milestones.length !== schedulers.length - 1) {
      fail(
        "SequentialLR",
        `${schedulers.length} schedulers need ${schedulers.length - 1} milestones, got ${milestones.length}`,
      );
    }
    this.schedulers = schedulers;
    this.milestones = milestones;
    this.lastEpoch = lastEpoch + 1;
    // Each scheduler has made its first step already: all take it back, and the first one makes it again.
    for (const group of optimizer.paramGroups) group.lr = group.initialLr ?? group.lr;
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
    const { lastEpoch, milestones, schedulers } = this;
    return {
      last_epoch: lastEpoch,
      _milestones: milestones,
      _schedulers: statesOf(schedulers),
      _last_lr: this.getLastLr(),
    };
  }

  loadStateDict(state: SchedulerState): void {
    loadAll("SequentialLR", this.schedulers, state);
    this.lastEpoch = state["last_epoch"] as number;
  }
}
