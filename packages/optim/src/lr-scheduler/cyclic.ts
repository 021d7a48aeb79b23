/** Schedules that move the momentum against the learning rate (Smith, 2015 and 2018). */
import { fail } from "@dl/tensor";
import type { Optimizer, ParamGroup } from "../optimizer.ts";
import { LRScheduler } from "./base.ts";

type PerGroup = number | readonly number[];

function perGroup(name: string, optimizer: Optimizer, value: PerGroup): number[] {
  const groups = optimizer.paramGroups.length;
  if (typeof value === "number") return new Array<number>(groups).fill(value);
  if (value.length !== groups) fail(name, `needs ${groups} values, one a group, got ${value.length}`);
  return [...value];
}

/** Momentum, or Adam's first beta. */
function setMomentum(group: ParamGroup, momentum: number): void {
  const { betas } = group as { betas?: readonly [number, number] };
  if (betas) group["betas"] = [momentum, betas[1]];
  else group["momentum"] = momentum;
}

export interface CyclicLROptions {
  readonly stepSizeUp?: number;
  readonly stepSizeDown?: number;
  readonly mode?: "triangular" | "triangular2" | "exp_range";
  readonly gamma?: number;
  readonly scaleFn?: (x: number) => number;
  readonly scaleMode?: "cycle" | "iterations";
  readonly cycleMomentum?: boolean;
  readonly baseMomentum?: PerGroup;
  readonly maxMomentum?: PerGroup;
  readonly lastEpoch?: number;
}

/** Up and down between two rates. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CyclicLR.html */
export class CyclicLR extends LRScheduler {
  readonly maxLrs: readonly number[];
  readonly totalSize: number;
  readonly stepRatio: number;
  readonly #scale: () => number;
  readonly #momenta: { readonly base: number[]; readonly max: number[] } | null;

  constructor(optimizer: Optimizer, baseLr: PerGroup, maxLr: PerGroup, options: CyclicLROptions = {}) {
    const { lastEpoch = -1, stepSizeUp = 2000, stepSizeDown = stepSizeUp, cycleMomentum = true } = options;
    if (lastEpoch === -1) {
      perGroup("CyclicLR", optimizer, baseLr).forEach((lr, i) => Object.assign(optimizer.paramGroups[i]!, { lr, initialLr: lr }));
    }
    super(optimizer, lastEpoch);
    this.maxLrs = perGroup("CyclicLR", optimizer, maxLr);
    this.totalSize = stepSizeUp + stepSizeDown;
    this.stepRatio = stepSizeUp / this.totalSize;
    this.#scale = this.#scaling(options);
    this.#momenta = cycleMomentum ? this.#openMomenta(options) : null;
    this.step();
  }

  #scaling({ mode = "triangular", gamma = 1, scaleFn, scaleMode = "cycle" }: CyclicLROptions): () => number {
    const cycle = (): number => Math.floor(1 + this.lastEpoch / this.totalSize);
    if (scaleFn) return () => scaleFn(scaleMode === "cycle" ? cycle() : this.lastEpoch);
    if (mode === "triangular") return () => 1;
    if (mode === "triangular2") return () => 1 / 2 ** (cycle() - 1);
    if (mode === "exp_range") return () => gamma ** this.lastEpoch;
    return fail("CyclicLR", `unknown mode "${mode}"`, 'Use "triangular", "triangular2" or "exp_range"');
  }

  #openMomenta({ baseMomentum = 0.8, maxMomentum = 0.9, lastEpoch = -1 }: CyclicLROptions): { base: number[]; max: number[] } {
    const { optimizer } = this;
    if (!("momentum" in optimizer.defaults)) {
      fail("CyclicLR", "the optimizer has no momentum to cycle", "Give { cycleMomentum: false }");
    }
    const base = perGroup("CyclicLR", optimizer, baseMomentum);
    if (lastEpoch === -1) {
      optimizer.paramGroups.forEach((group, i) => {
        group["momentum"] = base[i];
      });
    }
    return { base, max: perGroup("CyclicLR", optimizer, maxMomentum) };
  }

  protected override nextLr(group: ParamGroup, base: number, index: number): number {
    const cycle = Math.floor(1 + this.lastEpoch / this.totalSize);
    const x = 1 + this.lastEpoch / this.totalSize - cycle;
    const factor = x <= this.stepRatio ? x / this.stepRatio : (x - 1) / (this.stepRatio - 1);
    const scale = this.#scale();
    if (this.#momenta) {
      const { base: low, max: high } = this.#momenta;
      setMomentum(group, high[index]! - (high[index]! - low[index]!) * factor * scale);
    }
    return base + (this.maxLrs[index]! - base) * factor * scale;
  }
}

export interface OneCycleLROptions {
  readonly totalSteps?: number | null;
  readonly epochs?: number | null;
  readonly stepsPerEpoch?: number | null;
  readonly pctStart?: number;
  readonly annealStrategy?: "cos" | "linear";
  readonly cycleMomentum?: boolean;
  readonly baseMomentum?: PerGroup;
  readonly maxMomentum?: PerGroup;
  readonly divFactor?: number;
  readonly finalDivFactor?: number;
  readonly threePhase?: boolean;
  readonly lastEpoch?: number;
}

interface Phase {
  readonly end: number;
  readonly lr: readonly ["initial" | "max" | "min", "initial" | "max" | "min"];
  readonly momentum: readonly ["base" | "max", "base" | "max"];
}

/** Up to `maxLr` and down to almost nothing. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html */
export class OneCycleLR extends LRScheduler {
  readonly totalSteps: number;
  readonly #phases: readonly Phase[];
  readonly #rates: readonly { readonly initial: number; readonly max: number; readonly min: number }[];
  readonly #momenta: readonly { readonly base: number; readonly max: number }[] | null;
  readonly #anneal: (start: number, end: number, share: number) => number;

  constructor(optimizer: Optimizer, maxLr: PerGroup, options: OneCycleLROptions = {}) {
    const { divFactor = 25, finalDivFactor = 1e4, lastEpoch = -1, cycleMomentum = true, annealStrategy = "cos" } = options;
    const rates = perGroup("OneCycleLR", optimizer, maxLr).map((max) => {
      return { initial: max / divFactor, max, min: max / divFactor / finalDivFactor };
    });
    if (lastEpoch === -1) {
      optimizer.paramGroups.forEach((group, i) => Object.assign(group, { lr: rates[i]!.initial, initialLr: rates[i]!.initial }));
    }
    super(optimizer, lastEpoch);
    this.totalSteps = countSteps(options);
    this.#rates = rates;
    this.#phases = phasesOf(this.totalSteps, options);
    this.#anneal = annealStrategy === "linear" ? linear : cosine;
    this.#momenta = cycleMomentum ? openMomenta(optimizer, options) : null;
    this.step();
  }

  protected override nextLr(group: ParamGroup, _base: number, index: number): number {
    if (this.lastEpoch > this.totalSteps) {
      fail("OneCycleLR", `step ${this.lastEpoch} is beyond the ${this.totalSteps} steps of the cycle`);
    }
    const at = this.#phases.findIndex(({ end }) => this.lastEpoch <= end);
    const phase = this.#phases.at(at)!;
    const start = at === 0 || this.#phases.length === 1 ? 0 : this.#phases.at(at - 1)!.end;
    const share = (this.lastEpoch - start) / (phase.end - start);
    const [rates, momenta] = [this.#rates[index]!, this.#momenta?.[index]];
    if (momenta) setMomentum(group, this.#anneal(momenta[phase.momentum[0]], momenta[phase.momentum[1]], share));
    return this.#anneal(rates[phase.lr[0]], rates[phase.lr[1]], share);
  }
}

function countSteps({ totalSteps, epochs, stepsPerEpoch }: OneCycleLROptions): number {
  const steps = totalSteps ?? (epochs ?? 0) * (stepsPerEpoch ?? 0);
  if (!Number.isInteger(steps) || steps <= 0) {
    fail("OneCycleLR", `needs a positive number of steps, got ${steps}`, "Give totalSteps, or epochs and stepsPerEpoch");
  }
  return steps;
}

function phasesOf(total: number, { pctStart = 0.3, threePhase = false }: OneCycleLROptions): readonly Phase[] {
  const up: Phase = { end: pctStart * total - 1, lr: ["initial", "max"], momentum: ["max", "base"] };
  if (!threePhase) return [up, { end: total - 1, lr: ["max", "min"], momentum: ["base", "max"] }];
  return [
    up,
    { end: 2 * pctStart * total - 2, lr: ["max", "initial"], momentum: ["base", "max"] },
    { end: total - 1, lr: ["initial", "min"], momentum: ["max", "max"] },
  ];
}

function openMomenta(optimizer: Optimizer, options: OneCycleLROptions): { base: number; max: number }[] {
  const { baseMomentum = 0.85, maxMomentum = 0.95, lastEpoch = -1 } = options;
  if (!("momentum" in optimizer.defaults || "betas" in optimizer.defaults)) {
    fail("OneCycleLR", "the optimizer has no momentum to cycle", "Give { cycleMomentum: false }");
  }
  const base = perGroup("OneCycleLR", optimizer, baseMomentum);
  const max = perGroup("OneCycleLR", optimizer, maxMomentum);
  if (lastEpoch === -1) optimizer.paramGroups.forEach((group, i) => setMomentum(group, max[i]!));
  return base.map((low, i) => ({ base: low, max: max[i]! }));
}

function cosine(start: number, end: number, share: number): number {
  return end + ((start - end) / 2) * (1 + Math.cos(Math.PI * share));
}

function linear(start: number, end: number, share: number): number {
  return (end - start) * share + start;
}
