/** Schedules that are one formula. */
import { fail } from "@dl/tensor";
import type { Optimizer, ParamGroup } from "../optimizer.ts";
import { LRScheduler } from "./base.ts";

export interface LastEpoch {
  /** Steps already taken, when resuming. */
  readonly lastEpoch?: number;
}

/** A function of the step, or one for each group. */
export type LrLambda = ((epoch: number) => number) | readonly ((epoch: number) => number)[];

function perGroup(name: string, optimizer: Optimizer, lambda: LrLambda): readonly ((epoch: number) => number)[] {
  const groups = optimizer.paramGroups.length;
  if (typeof lambda === "function") return new Array(groups).fill(lambda);
  if (lambda.length !== groups) fail(name, `needs ${groups} functions, one a group, got ${lambda.length}`);
  return lambda;
}

/** base · lambda(epoch). @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LambdaLR.html */
export class LambdaLR extends LRScheduler {
  readonly lrLambdas: readonly ((epoch: number) => number)[];

  constructor(optimizer: Optimizer, lrLambda: LrLambda, { lastEpoch = -1 }: LastEpoch = {}) {
    super(optimizer, lastEpoch);
    this.lrLambdas = perGroup("LambdaLR", optimizer, lrLambda);
    this.step();
  }

  protected override nextLr(_group: ParamGroup, base: number, index: number): number {
    return base * this.lrLambdas[index]!(this.lastEpoch);
  }
}

/** The rate before · lambda(epoch). @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiplicativeLR.html */
export class MultiplicativeLR extends LRScheduler {
  readonly lrLambdas: readonly ((epoch: number) => number)[];

  constructor(optimizer: Optimizer, lrLambda: LrLambda, { lastEpoch = -1 }: LastEpoch = {}) {
    super(optimizer, lastEpoch);
    this.lrLambdas = perGroup("MultiplicativeLR", optimizer, lrLambda);
    this.step();
  }

  protected override nextLr({ lr }: ParamGroup, _base: number, index: number): number {
    return this.lastEpoch > 0 ? lr * this.lrLambdas[index]!(this.lastEpoch) : lr;
  }
}

/** × gamma every `stepSize` epochs. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html */
export class StepLR extends LRScheduler {
  readonly stepSize: number;
  readonly gamma: number;

  constructor(optimizer: Optimizer, stepSize: number, { gamma = 0.1, lastEpoch = -1 }: LastEpoch & { readonly gamma?: number } = {}) {
    super(optimizer, lastEpoch);
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

/** × gamma at each milestone. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiStepLR.html */
export class MultiStepLR extends LRScheduler {
  readonly milestones: readonly number[];
  readonly gamma: number;

  constructor(
    optimizer: Optimizer,
    milestones: readonly number[],
    { gamma = 0.1, lastEpoch = -1 }: LastEpoch & { readonly gamma?: number } = {},
  ) {
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
}

export interface ConstantLROptions extends LastEpoch {
  readonly factor?: number;
  readonly totalIters?: number;
}

/** × factor for the first `totalIters` epochs. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ConstantLR.html */
export class ConstantLR extends LRScheduler {
  readonly factor: number;
  readonly totalIters: number;

  constructor(optimizer: Optimizer, { factor = 1 / 3, totalIters = 5, lastEpoch = -1 }: ConstantLROptions = {}) {
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

export interface LinearLROptions extends LastEpoch {
  readonly startFactor?: number;
  readonly endFactor?: number;
  readonly totalIters?: number;
}

/** From × startFactor to × endFactor. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LinearLR.html */
export class LinearLR extends LRScheduler {
  readonly startFactor: number;
  readonly endFactor: number;
  readonly totalIters: number;

  constructor(
    optimizer: Optimizer,
    { startFactor = 1 / 3, endFactor = 1, totalIters = 5, lastEpoch = -1 }: LinearLROptions = {},
  ) {
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

/** × gamma every epoch. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ExponentialLR.html */
export class ExponentialLR extends LRScheduler {
  readonly gamma: number;

  constructor(optimizer: Optimizer, gamma: number, { lastEpoch = -1 }: LastEpoch = {}) {
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

export interface PolynomialLROptions extends LastEpoch {
  readonly totalIters?: number;
  readonly power?: number;
}

/** (1 − epoch / total)^power. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.PolynomialLR.html */
export class PolynomialLR extends LRScheduler {
  readonly totalIters: number;
  readonly power: number;

  constructor(optimizer: Optimizer, { totalIters = 5, power = 1, lastEpoch = -1 }: PolynomialLROptions = {}) {
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
