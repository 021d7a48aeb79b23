import { type Arguments, fail, readArguments, type Tensor } from "@dl/tensor";
import type { Optimizer } from "../optimizer.ts";
import { exportFields, importFields, type SchedulerState } from "../state-dict.ts";
import { perGroup } from "./momentum.ts";

export type PlateauArguments = [
  optimizer: Optimizer,
  mode?: "min" | "max",
  factor?: number,
  patience?: number,
  threshold?: number,
  thresholdMode?: "rel" | "abs",
  cooldown?: number,
  minLr?: number | readonly number[],
  eps?: number,
];

/**
 * Lowers the rate when a metric stops improving.
 * @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html
 * @example
 * const scheduler = new lrScheduler.ReduceLROnPlateau(optimizer, { patience: 2 });
 * scheduler.step(0.31); // the validation loss, after each epoch
 */
export class ReduceLROnPlateau {
  static readonly names = [
    "optimizer",
    "mode",
    "factor",
    "patience",
    "threshold",
    "thresholdMode",
    "cooldown",
    "minLr",
    "eps",
  ] as const;
  readonly optimizer: Optimizer;
  readonly mode: "min" | "max";
  readonly factor: number;
  /** Steps without improvement that are let pass. */
  readonly patience: number;
  readonly threshold: number;
  readonly thresholdMode: "rel" | "abs";
  /** Steps after a reduction that do not count. */
  readonly cooldown: number;
  readonly minLrs: readonly number[];
  readonly eps: number;
  lastEpoch = 0;
  best: number;
  numBadEpochs = 0;
  cooldownCounter = 0;

  constructor(...args: Arguments<typeof ReduceLROnPlateau.names, PlateauArguments>) {
    const [
      optimizer,
      mode = "min",
      factor = 0.1,
      patience = 10,
      threshold = 1e-4,
      thresholdMode = "rel",
      cooldown = 0,
      minLr = 0,
      eps = 1e-8,
    ] = readArguments<PlateauArguments>(ReduceLROnPlateau, args);
    if (factor >= 1) fail("ReduceLROnPlateau", `factor must be below 1, got ${factor}`);
    if (mode !== "min" && mode !== "max")
      fail("ReduceLROnPlateau", `unknown mode "${mode as string}"`, 'Use "min" or "max"');
    this.optimizer = optimizer;
    this.mode = mode;
    this.factor = factor;
    this.patience = patience;
    this.threshold = threshold;
    this.thresholdMode = thresholdMode;
    this.cooldown = cooldown;
    this.minLrs = perGroup("ReduceLROnPlateau", optimizer, minLr);
    this.eps = eps;
    this.best = mode === "min" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }

  /** @param metrics what is watched, such as the loss on held-out data */
  step(metrics: number | Tensor): void {
    if (metrics == null) fail("ReduceLROnPlateau", "step needs the metric", "Pass the loss: scheduler.step(loss)");
    const metric = typeof metrics === "number" ? metrics : metrics.item();
    this.lastEpoch++;
    if (this.#isBetter(metric)) {
      this.best = metric;
      this.numBadEpochs = 0;
    } else this.numBadEpochs++;
    if (this.cooldownCounter > 0) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs <= this.patience) return;
    this.#reduce();
    this.cooldownCounter = this.cooldown;
    this.numBadEpochs = 0;
  }

  #isBetter(metric: number): boolean {
    const { mode, threshold, thresholdMode } = this;
    if (mode === "min") return metric < (thresholdMode === "rel" ? this.best * (1 - threshold) : this.best - threshold);
    return metric > (thresholdMode === "rel" ? this.best * (threshold + 1) : this.best + threshold);
  }

  #reduce(): void {
    for (const [i, group] of this.optimizer.paramGroups.entries()) {
      const lr = Math.max(group.lr * this.factor, this.minLrs[i]!);
      if (group.lr - lr > this.eps) group.lr = lr;
    }
  }

  getLastLr(): readonly number[] {
    return this.optimizer.paramGroups.map(({ lr }) => lr);
  }

  /** Plain data under PyTorch's names. */
  stateDict(): SchedulerState {
    return exportFields(this);
  }

  /** @throws TensorError when it is no state of a schedule */
  loadStateDict(state: SchedulerState): void {
    importFields(this, state);
  }
}
