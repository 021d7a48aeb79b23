/** Cosine schedules (Loshchilov & Hutter, 2016). */
import { type Arguments, fail, readArguments } from "@dl/tensor";
import type { Optimizer, ParamGroup } from "../optimizer.ts";
import { LRScheduler } from "./base.ts";

export type CosineArguments = [optimizer: Optimizer, TMax: number, etaMin?: number, lastEpoch?: number];

/**
 * Half a cosine down to `etaMin` over `TMax` epochs.
 * @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html
 * @example
 * const scheduler = new lrScheduler.CosineAnnealingLR(optimizer, 100);
 * scheduler.step(); // after each epoch
 */
export class CosineAnnealingLR extends LRScheduler {
  static readonly names = ["optimizer", "TMax", "etaMin", "lastEpoch"] as const;
  readonly TMax: number;
  readonly etaMin: number;

  constructor(...args: Arguments<typeof CosineAnnealingLR.names, CosineArguments>) {
    const [optimizer, TMax, etaMin = 0, lastEpoch] = readArguments<CosineArguments>(CosineAnnealingLR, args);
    super(optimizer, lastEpoch);
    this.TMax = TMax;
    this.etaMin = etaMin;
    this.step();
  }

  protected override nextLr({ lr }: ParamGroup, base: number): number {
    const { lastEpoch, TMax, etaMin } = this;
    if (lastEpoch === 0) return lr;
    if ((((lastEpoch - 1 - TMax) % (2 * TMax)) + 2 * TMax) % (2 * TMax) === 0) {
      return lr + ((base - etaMin) * (1 - Math.cos(Math.PI / TMax))) / 2;
    }
    const now = 1 + Math.cos((Math.PI * lastEpoch) / TMax);
    const before = 1 + Math.cos((Math.PI * (lastEpoch - 1)) / TMax);
    return (now / before) * (lr - etaMin) + etaMin;
  }

  protected override closedLr(base: number): number {
    return this.etaMin + ((base - this.etaMin) * (1 + Math.cos((Math.PI * this.lastEpoch) / this.TMax))) / 2;
  }
}

export type RestartArguments = [optimizer: Optimizer, T0: number, TMult?: number, etaMin?: number, lastEpoch?: number];

/** Cosines that start anew. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.html */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  static readonly names = ["optimizer", "T0", "TMult", "etaMin", "lastEpoch"] as const;
  /** Epochs of the first round. */
  readonly T0: number;
  /** How much longer each round is than the one before. */
  readonly TMult: number;
  readonly etaMin: number;

  constructor(...args: Arguments<typeof CosineAnnealingWarmRestarts.names, RestartArguments>) {
    const [optimizer, T0, TMult = 1, etaMin = 0, lastEpoch] = readArguments<RestartArguments>(
      CosineAnnealingWarmRestarts,
      args,
    );
    super(optimizer, lastEpoch);
    if (!(Number.isInteger(T0) && T0 >= 1) || !(Number.isInteger(TMult) && TMult >= 1))
      fail("CosineAnnealingWarmRestarts", `needs T0 and TMult that are whole numbers above 0, got ${T0} and ${TMult}`);
    this.T0 = T0;
    this.TMult = TMult;
    this.etaMin = etaMin;
    this.step();
  }

  protected override nextLr(_group: ParamGroup, base: number): number {
    const [at, length] = this.#place();
    return this.etaMin + ((base - this.etaMin) * (1 + Math.cos((Math.PI * at) / length))) / 2;
  }

  /** Where the epoch lies in its round, and how long that is. */
  #place(): [number, number] {
    const { T0, TMult, lastEpoch } = this;
    if (TMult === 1) return [lastEpoch % T0, T0];
    const round = Math.floor(Math.log((lastEpoch / T0) * (TMult - 1) + 1) / Math.log(TMult));
    return [lastEpoch - (T0 * (TMult ** round - 1)) / (TMult - 1), T0 * TMult ** round];
  }
}
