import { type Arguments, fail, readArguments } from "@dl/tensor";
import type { Optimizer, ParamGroup } from "../optimizer.ts";
import { LRScheduler } from "./base.ts";
import { type PerGroup, perGroup, setMomentum } from "./momentum.ts";

export type CyclicMode = "triangular" | "triangular2" | "exp_range";
export type CyclicArguments = [
  optimizer: Optimizer,
  baseLr: PerGroup,
  maxLr: PerGroup,
  stepSizeUp?: number,
  stepSizeDown?: number | null,
  mode?: CyclicMode,
  gamma?: number,
  scaleFn?: ((x: number) => number) | null,
  scaleMode?: "cycle" | "iterations",
  cycleMomentum?: boolean,
  baseMomentum?: PerGroup,
  maxMomentum?: PerGroup,
  lastEpoch?: number,
];

/** Up and down between two rates. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CyclicLR.html */
export class CyclicLR extends LRScheduler {
  static readonly names = [
    "optimizer",
    "baseLr",
    "maxLr",
    "stepSizeUp",
    "stepSizeDown",
    "mode",
    "gamma",
    "scaleFn",
    "scaleMode",
    "cycleMomentum",
    "baseMomentum",
    "maxMomentum",
    "lastEpoch",
  ] as const;
  readonly maxLrs: readonly number[];
  readonly totalSize: number;
  readonly stepRatio: number;
  readonly #scale: () => number;
  readonly #momenta: { readonly base: number[]; readonly max: number[] } | null;

  constructor(...args: Arguments<typeof CyclicLR.names, CyclicArguments>) {
    const [
      optimizer,
      baseLr,
      maxLr,
      up = 2000,
      down,
      mode = "triangular",
      gamma = 1,
      scaleFn,
      scaleMode = "cycle",
      ...momenta
    ] = readArguments<CyclicArguments>(CyclicLR, args);
    const [cycleMomentum = true, baseMomentum = 0.8, maxMomentum = 0.9, lastEpoch = -1] = momenta;
    if (lastEpoch === -1) {
      perGroup("CyclicLR", optimizer, baseLr).forEach(
        (lr, i) => void Object.assign(optimizer.paramGroups[i]!, { lr, initialLr: lr }),
      );
    }
    super(optimizer, lastEpoch);
    this.maxLrs = perGroup("CyclicLR", optimizer, maxLr);
    this.totalSize = up + (down ?? up);
    this.stepRatio = up / this.totalSize;
    this.#scale = scaleFn
      ? () => scaleFn(scaleMode === "cycle" ? this.#cycle() : this.lastEpoch)
      : this.#scaling(mode, gamma);
    this.#momenta = cycleMomentum ? this.#openMomenta(baseMomentum, maxMomentum, lastEpoch) : null;
    this.step();
  }

  /** Which round it is, from 1. */
  #cycle(): number {
    return Math.floor(1 + this.lastEpoch / this.totalSize);
  }

  #scaling(mode: CyclicMode, gamma: number): () => number {
    if (mode === "triangular") return () => 1;
    if (mode === "triangular2") return () => 1 / 2 ** (this.#cycle() - 1);
    if (mode === "exp_range") return () => gamma ** this.lastEpoch;
    return fail("CyclicLR", `unknown mode "${mode as string}"`, 'Use "triangular", "triangular2" or "exp_range"');
  }

  #openMomenta(baseMomentum: PerGroup, maxMomentum: PerGroup, lastEpoch: number): { base: number[]; max: number[] } {
    const { optimizer } = this;
    if (!("momentum" in optimizer.defaults)) {
      fail("CyclicLR", "the optimizer has no momentum to cycle", "Give { cycleMomentum: false }");
    }
    const base = perGroup("CyclicLR", optimizer, baseMomentum);
    if (lastEpoch === -1) for (const [i, group] of optimizer.paramGroups.entries()) group["momentum"] = base[i];
    return { base, max: perGroup("CyclicLR", optimizer, maxMomentum) };
  }

  protected override nextLr(group: ParamGroup, base: number, index: number): number {
    const x = 1 + this.lastEpoch / this.totalSize - this.#cycle();
    const factor = x <= this.stepRatio ? x / this.stepRatio : (x - 1) / (this.stepRatio - 1);
    const scale = this.#scale();
    if (this.#momenta) {
      const { base: low, max: high } = this.#momenta;
      setMomentum(group, high[index]! - (high[index]! - low[index]!) * factor * scale);
    }
    return base + (this.maxLrs[index]! - base) * factor * scale;
  }
}
