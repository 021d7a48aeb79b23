/** The schedule for averages of weights; the averages themselves are modules: `swaUtils` of `@dl/nn`. */
import { type Arguments, fail, readArguments } from "@dl/tensor";
import type { Optimizer, ParamGroup } from "../optimizer.ts";
import { LRScheduler } from "./base.ts";
import { type PerGroup, perGroup } from "./momentum.ts";

export type SWALRArguments = [
  optimizer: Optimizer,
  swaLr: PerGroup,
  annealEpochs?: number,
  annealStrategy?: "cos" | "linear",
  lastEpoch?: number,
];

const curves = {
  cos: (share: number): number => (1 - Math.cos(Math.PI * share)) / 2,
  linear: (share: number): number => share,
};

/**
 * From the rate that there is to `swaLr` in `annealEpochs` steps, and constant then. It begins at its first `step`, so
 * another schedule may run before.
 * @throws TensorError for epochs that are no whole number of at least 0, another strategy, or rates for other than all groups
 * @see https://pytorch.org/docs/stable/optim.html#torch.optim.swa_utils.SWALR
 * @example
 * const scheduler = new lrScheduler.SWALR(optimizer, { swaLr: 0.05, annealEpochs: 5 });
 * scheduler.step(); // after each epoch in which weights are averaged
 */
export class SWALR extends LRScheduler {
  static readonly names = ["optimizer", "swaLr", "annealEpochs", "annealStrategy", "lastEpoch"] as const;
  readonly annealEpochs: number;
  /** Of the way from the first rate to the last, the part that lies behind after a share of the epochs. */
  readonly #anneal: (share: number) => number;

  constructor(...args: Arguments<typeof SWALR.names, SWALRArguments>) {
    const [optimizer, swaLr, epochs = 10, strategy = "cos", lastEpoch] = readArguments<SWALRArguments>(SWALR, args);
    super(optimizer, lastEpoch);
    if (!(Number.isInteger(epochs) && epochs >= 0)) {
      fail("SWALR", `annealEpochs must be a whole number of at least 0, got ${epochs}`);
    }
    if (!Object.hasOwn(curves, strategy)) fail("SWALR", `annealStrategy is "cos" or "linear", got "${strategy}"`);
    const rates = perGroup("SWALR", optimizer, swaLr);
    optimizer.paramGroups.forEach((group, i) => {
      group["swaLr"] = rates[i];
    });
    this.annealEpochs = epochs;
    this.#anneal = curves[strategy];
    this.step();
  }

  /** The last rate is a mix of the first and of `swaLr`; from it follows the first, which may have been another schedule's. */
  protected override nextLr(group: ParamGroup): number {
    const swaLr = group["swaLr"] as number;
    const step = this.annealEpochs === 0 ? Math.max(1, this.lastEpoch) : this.lastEpoch;
    const partAt = (at: number): number => this.#anneal(Math.max(0, Math.min(1, at / Math.max(1, this.annealEpochs))));
    const [before, now] = [partAt(step - 1), partAt(step)];
    const first = before === 1 ? swaLr : (group.lr - before * swaLr) / (1 - before);
    return swaLr * now + first * (1 - now);
  }
}
