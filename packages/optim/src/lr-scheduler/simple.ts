/** Schedules that are one formula. */
import { type Arguments, fail, readArguments } from "@dl/tensor";
import type { Optimizer, ParamGroup } from "../optimizer.ts";
import type { SchedulerState } from "../state-dict.ts";
import { LRScheduler } from "./base.ts";

/** A function of the step, or one for each group. */
export type LrLambda = ((epoch: number) => number) | readonly ((epoch: number) => number)[];

function perGroup(name: string, optimizer: Optimizer, lambda: LrLambda): readonly ((epoch: number) => number)[] {
  const groups = optimizer.paramGroups.length;
  if (typeof lambda === "function") return new Array(groups).fill(lambda);
  if (lambda.length !== groups) fail(name, `needs ${groups} functions, one a group, got ${lambda.length}`);
  return lambda;
}

const lambdaNames = ["optimizer", "lrLambda", "lastEpoch"] as const;
export type LambdaArguments = [optimizer: Optimizer, lrLambda: LrLambda, lastEpoch?: number];

/** base · lambda(epoch). @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LambdaLR.html */
export class LambdaLR extends LRScheduler {
  static readonly names: typeof lambdaNames = lambdaNames;
  readonly #lambdas: readonly ((epoch: number) => number)[];

  constructor(...args: Arguments<typeof lambdaNames, LambdaArguments>) {
    const [optimizer, lrLambda, lastEpoch] = readArguments<LambdaArguments>(LambdaLR, args);
    super(optimizer, lastEpoch);
    this.#lambdas = perGroup("LambdaLR", optimizer, lrLambda);
    this.step();
  }

  protected override nextLr(_group: ParamGroup, base: number, index: number): number {
    return base * this.#lambdas[index]!(this.lastEpoch);
  }
}

/** The rate before · lambda(epoch). @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiplicativeLR.html */
export class MultiplicativeLR extends LRScheduler {
  static readonly names: typeof lambdaNames = lambdaNames;
  readonly #lambdas: readonly ((epoch: number) => number)[];

  constructor(...args: Arguments<typeof lambdaNames, LambdaArguments>) {
    const [optimizer, lrLambda, lastEpoch] = readArguments<LambdaArguments>(MultiplicativeLR, args);
    super(optimizer, lastEpoch);
    this.#lambdas = perGroup("MultiplicativeLR", optimizer, lrLambda);
    this.step();
  }

  protected override nextLr({ lr }: ParamGroup, _base: number, index: number): number {
    return this.lastEpoch > 0 ? lr * this.#lambdas[index]!(this.lastEpoch) : lr;
  }
}

export type StepArguments = [optimizer: Optimizer, stepSize: number, gamma?: number, lastEpoch?: number];

/**
 * × gamma every `stepSize` epochs.
 * @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html
 * @example
 * const scheduler = new lrScheduler.StepLR(optimizer, 10, { gamma: 0.5 });
 * for (let epoch = 0; epoch < 20; epoch++) {
 *   optimizer.step(); // …for every batch
 *   scheduler.step();
 * }
 * scheduler.getLastLr(); // a quarter of the rate at the start
 */
export class StepLR extends LRScheduler {
  static readonly names = ["optimizer", "stepSize", "gamma", "lastEpoch"] as const;
  readonly stepSize: number;
  readonly gamma: number;

  constructor(...args: Arguments<typeof StepLR.names, StepArguments>) {
    const [optimizer, stepSize, gamma = 0.1, lastEpoch] = readArguments<StepArguments>(StepLR, args);
    super(optimizer, lastEpoch);
    if (!(stepSize > 0)) fail("StepLR", `stepSize must be above 0, got ${stepSize}`);
    this.stepSize = stepSize;
    this.gamma = gamma;
    this.step();
  }

  protected override nextLr({ lr }: ParamGroup): number {
    return this.lastEpoch === 0 || this.lastEpoch % this.stepSize !== 0 ? lr : lr * this.gamma;
  }

  protected override closedLr(base: number): number {
    return base * this.gamma ** Math.floor(this.lastEpoch / this.stepSize);
  }
}

/** `{ 2: 1, 3: 2 }` as `[2, 3, 3]`. */
function repeated(counts: object): number[] {
  return Object.entries(counts).flatMap(([epoch, times]) => new Array<number>(times as number).fill(Number(epoch)));
}

export type MilestoneArguments = [
  optimizer: Optimizer,
  milestones: readonly number[],
  gamma?: number,
  lastEpoch?: number,
];

/** × gamma at each milestone. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiStepLR.html */
export class MultiStepLR extends LRScheduler {
  static readonly names = ["optimizer", "milestones", "gamma", "lastEpoch"] as const;
  readonly milestones: readonly number[];
  readonly gamma: number;

  constructor(...args: Arguments<typeof MultiStepLR.names, MilestoneArguments>) {
    const [optimizer, milestones, gamma = 0.1, lastEpoch] = readArguments<MilestoneArguments>(MultiStepLR, args);
    super(optimizer, lastEpoch);
    this.milestones = milestones;
    this.gamma = gamma;
    this.step();
  }

  protected override nextLr({ lr }: ParamGroup): number {
    return lr * this.gamma ** this.milestones.filter((milestone) => milestone === this.lastEpoch).length;
  }

  protected override closedLr(base: number): number {
    return base * this.gamma ** this.milestones.filter((milestone) => milestone <= this.lastEpoch).length;
  }

  /** PyTorch keeps how often each milestone stands in the list. */
  override loadStateDict(state: SchedulerState): void {
    const { milestones = [] } = state as { readonly milestones?: readonly number[] | Readonly<Record<string, number>> };
    super.loadStateDict({ ...state, milestones: Array.isArray(milestones) ? milestones : repeated(milestones) });
  }
}

export type ConstantArguments = [optimizer: Optimizer, factor?: number, totalIters?: number, lastEpoch?: number];

/** × factor for the first `totalIters` epochs. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ConstantLR.html */
export class ConstantLR extends LRScheduler {
  static readonly names = ["optimizer", "factor", "totalIters", "lastEpoch"] as const;
  readonly factor: number;
  readonly totalIters: number;

  constructor(...args: Arguments<typeof ConstantLR.names, ConstantArguments>) {
    const [optimizer, factor = 1 / 3, totalIters = 5, lastEpoch] = readArguments<ConstantArguments>(ConstantLR, args);
    super(optimizer, lastEpoch);
    this.factor = factor;
    this.totalIters = totalIters;
    this.step();
  }

  protected override nextLr({ lr }: ParamGroup): number {
    if (this.lastEpoch === 0) return lr * this.factor;
    return this.lastEpoch === this.totalIters ? lr * (1 / this.factor) : lr;
  }

  protected override closedLr(base: number): number {
    return this.lastEpoch >= this.totalIters ? base : base * this.factor;
  }
}

export type LinearArguments = [
  optimizer: Optimizer,
  startFactor?: number,
  endFactor?: number,
  totalIters?: number,
  lastEpoch?: number,
];

/** From × startFactor to × endFactor. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LinearLR.html */
export class LinearLR extends LRScheduler {
  static readonly names = ["optimizer", "startFactor", "endFactor", "totalIters", "lastEpoch"] as const;
  readonly startFactor: number;
  readonly endFactor: number;
  readonly totalIters: number;

  constructor(...args: Arguments<typeof LinearLR.names, LinearArguments>) {
    const [optimizer, startFactor = 1 / 3, endFactor = 1, totalIters = 5, lastEpoch] = readArguments<LinearArguments>(
      LinearLR,
      args,
    );
    super(optimizer, lastEpoch);
    this.startFactor = startFactor;
    this.endFactor = endFactor;
    this.totalIters = totalIters;
    this.step();
  }

  protected override nextLr({ lr }: ParamGroup): number {
    const { lastEpoch, startFactor, endFactor, totalIters } = this;
    if (lastEpoch === 0) return lr * startFactor;
    if (lastEpoch > totalIters) return lr;
    const rise = endFactor - startFactor;
    return lr * (1 + rise / (totalIters * startFactor + (lastEpoch - 1) * rise));
  }

  protected override closedLr(base: number): number {
    const share = Math.min(this.totalIters, this.lastEpoch) / this.totalIters;
    return base * (this.startFactor + (this.endFactor - this.startFactor) * share);
  }
}

export type ExponentialArguments = [optimizer: Optimizer, gamma: number, lastEpoch?: number];

/** × gamma every epoch. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ExponentialLR.html */
export class ExponentialLR extends LRScheduler {
  static readonly names = ["optimizer", "gamma", "lastEpoch"] as const;
  readonly gamma: number;

  constructor(...args: Arguments<typeof ExponentialLR.names, ExponentialArguments>) {
    const [optimizer, gamma, lastEpoch] = readArguments<ExponentialArguments>(ExponentialLR, args);
    super(optimizer, lastEpoch);
    this.gamma = gamma;
    this.step();
  }

  protected override nextLr({ lr }: ParamGroup): number {
    return this.lastEpoch === 0 ? lr : lr * this.gamma;
  }

  protected override closedLr(base: number): number {
    return base * this.gamma ** this.lastEpoch;
  }
}

export type PolynomialArguments = [optimizer: Optimizer, totalIters?: number, power?: number, lastEpoch?: number];

/** (1 − epoch / total)^power. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.PolynomialLR.html */
export class PolynomialLR extends LRScheduler {
  static readonly names = ["optimizer", "totalIters", "power", "lastEpoch"] as const;
  readonly totalIters: number;
  readonly power: number;

  constructor(...args: Arguments<typeof PolynomialLR.names, PolynomialArguments>) {
    const [optimizer, totalIters = 5, power = 1, lastEpoch] = readArguments<PolynomialArguments>(PolynomialLR, args);
    super(optimizer, lastEpoch);
    this.totalIters = totalIters;
    this.power = power;
    this.step();
  }

  protected override nextLr({ lr }: ParamGroup): number {
    const { lastEpoch, totalIters } = this;
    if (lastEpoch === 0 || lastEpoch > totalIters) return lr;
    return lr * ((1 - lastEpoch / totalIters) / (1 - (lastEpoch - 1) / totalIters)) ** this.power;
  }

  protected override closedLr(base: number): number {
    return base * (1 - Math.min(this.totalIters, this.lastEpoch) / this.totalIters) ** this.power;
  }
}
