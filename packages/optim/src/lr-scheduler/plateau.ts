import { fail } from "@dl/tensor";
import type { Optimizer } from "../optimizer.ts";
import type { SchedulerState } from "./base.ts";

export interface ReduceLROnPlateauOptions {
  readonly mode?: "min" | "max";
  readonly factor?: number;
  readonly patience?: number;
  readonly threshold?: number;
  readonly thresholdMode?: "rel" | "abs";
  readonly cooldown?: number;
  readonly minLr?: number | readonly number[];
  readonly eps?: number;
}

/** Lowers the rate when a metric stops improving. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html */
export class ReduceLROnPlateau {
  readonly optimizer: Optimizer;
  readonly options: Required<ReduceLROnPlateauOptions>;
  lastEpoch = 0;
  best: number;
  numBadEpochs = 0;
  cooldownCounter = 0;

  constructor(optimizer: Optimizer, options: ReduceLROnPlateauOptions = {}) {
    const defaults = { mode: "min", factor: 0.1, patience: 10, threshold: 1e-4, thresholdMode: "rel", cooldown: 0, minLr: 0, eps: 1e-8 } as const;
    this.optimizer = optimizer;
    this.options = { ...defaults, ...options };
    const { factor, mode } = this.options;
    if (factor >= 1) fail("ReduceLROnPlateau", `factor must be below 1, got ${factor}`);
    this.best = mode === "min" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }

  /** @param metric what is watched, such as the loss on held-out data */
  step(metric: number): void {
    const { patience, cooldown } = this.options;
    this.lastEpoch++;
    if (this.#isBetter(metric)) {
      this.best = metric;
      this.numBadEpochs = 0;
    } else this.numBadEpochs++;
    if (this.cooldownCounter > 0) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs <= patience) return;
    this.#reduce();
    this.cooldownCounter = cooldown;
    this.numBadEpochs = 0;
  }

  #isBetter(metric: number): boolean {
    const { mode, threshold, thresholdMode } = this.options;
    if (mode === "min") return metric < (thresholdMode === "rel" ? this.best * (1 - threshold) : this.best - threshold);
    return metric > (thresholdMode === "rel" ? this.best * (threshold + 1) : this.best + threshold);
  }

  #reduce(): void {
    const { factor, minLr, eps } = this.options;
    this.optimizer.paramGroups.forEach((group, i) => {
      const lowest = typeof minLr === "number" ? minLr : minLr[i]!;
      const lr = Math.max(group.lr * factor, lowest);
      if (group.lr - lr > eps) group.lr = lr;
    });
  }

  getLastLr(): readonly number[] {
    return this.optimizer.paramGroups.map(({ lr }) => lr);
  }

  stateDict(): SchedulerState {
    const { lastEpoch, best, numBadEpochs, cooldownCounter } = this;
    return { lastEpoch, best, numBadEpochs, cooldownCounter };
  }

  loadStateDict(state: SchedulerState): void {
    Object.assign(this, state);
  }
}
