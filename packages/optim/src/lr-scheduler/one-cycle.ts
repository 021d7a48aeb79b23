import { type Arguments, fail, readArguments } from "@dl/tensor";
import type { Optimizer, ParamGroup } from "../optimizer.ts";
import { LRScheduler } from "./base.ts";
import { type PerGroup, perGroup, setMomentum } from "./momentum.ts";

export type OneCycleArguments = [
  optimizer: Optimizer,
  maxLr: PerGroup,
  totalSteps?: number | null,
  epochs?: number | null,
  stepsPerEpoch?: number | null,
  pctStart?: number,
  annealStrategy?: "cos" | "linear",
  cycleMomentum?: boolean,
  baseMomentum?: PerGroup,
  maxMomentum?: PerGroup,
  divFactor?: number,
  finalDivFactor?: number,
  threePhase?: boolean,
  lastEpoch?: number,
];

interface Phase {
  readonly end: number;
  readonly lr: readonly ["initial" | "max" | "min", "initial" | "max" | "min"];
  readonly momentum: readonly ["base" | "max", "base" | "max"];
}

/** Up to `maxLr` and down to almost nothing. @see https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html */
export class OneCycleLR extends LRScheduler {
  static readonly names = [
    "optimizer",
    "maxLr",
    "totalSteps",
    "epochs",
    "stepsPerEpoch",
    "pctStart",
    "annealStrategy",
    "cycleMomentum",
    "baseMomentum",
    "maxMomentum",
    "divFactor",
    "finalDivFactor",
    "threePhase",
    "lastEpoch",
  ] as const;
  readonly totalSteps: number;
  readonly #phases: readonly Phase[];
  readonly #rates: readonly { readonly initial: number; readonly max: number; readonly min: number }[];
  readonly #momenta: readonly { readonly base: number; readonly max: number }[] | null;
  readonly #anneal: (start: number, end: number, share: number) => number;

  constructor(...args: Arguments<typeof OneCycleLR.names, OneCycleArguments>) {
    const [
      optimizer,
      maxLr,
      totalSteps,
      epochs,
      stepsPerEpoch,
      pctStart = 0.3,
      annealStrategy = "cos",
      cycleMomentum = true,
      ...rest
    ] = readArguments<OneCycleArguments>(OneCycleLR, args);
    const [
      baseMomentum = 0.85,
      maxMomentum = 0.95,
      divFactor = 25,
      finalDivFactor = 1e4,
      threePhase = false,
      lastEpoch = -1,
    ] = rest;
    const rates = perGroup("OneCycleLR", optimizer, maxLr).map((max) => {
      return { initial: max / divFactor, max, min: max / divFactor / finalDivFactor };
    });
    if (lastEpoch === -1) startAt(optimizer, rates);
    super(optimizer, lastEpoch);
    this.totalSteps = countSteps(totalSteps, epochs, stepsPerEpoch);
    this.#rates = rates;
    this.#phases = phasesOf(this.totalSteps, pctStart, threePhase);
    this.#anneal =
      curves[annealStrategy] ??
      fail("OneCycleLR", `unknown annealStrategy "${annealStrategy}"`, 'Use "cos" or "linear"');
    this.#momenta = cycleMomentum ? openMomenta(optimizer, baseMomentum, maxMomentum, lastEpoch) : null;
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

function startAt(optimizer: Optimizer, rates: readonly { readonly initial: number }[]): void {
  for (const [i, group] of optimizer.paramGroups.entries()) {
    Object.assign(group, { lr: rates[i]!.initial, initialLr: rates[i]!.initial });
  }
}

function countSteps(totalSteps?: number | null, epochs?: number | null, stepsPerEpoch?: number | null): number {
  const steps = totalSteps ?? (epochs ?? 0) * (stepsPerEpoch ?? 0);
  if (!Number.isInteger(steps) || steps <= 0) {
    fail(
      "OneCycleLR",
      `needs a positive number of steps, got ${steps}`,
      "Give totalSteps, or epochs and stepsPerEpoch",
    );
  }
  return steps;
}

function phasesOf(total: number, pctStart: number, threePhase: boolean): readonly Phase[] {
  if (!(pctStart >= 0 && pctStart <= 1)) fail("OneCycleLR", `pctStart must lie in [0, 1], got ${pctStart}`);
  const up: Phase = { end: pctStart * total - 1, lr: ["initial", "max"], momentum: ["max", "base"] };
  if (!threePhase) return [up, { end: total - 1, lr: ["max", "min"], momentum: ["base", "max"] }];
  return [
    up,
    { end: 2 * pctStart * total - 2, lr: ["max", "initial"], momentum: ["base", "max"] },
    { end: total - 1, lr: ["initial", "min"], momentum: ["max", "max"] },
  ];
}

function openMomenta(
  optimizer: Optimizer,
  baseMomentum: PerGroup,
  maxMomentum: PerGroup,
  lastEpoch: number,
): { base: number; max: number }[] {
  if (!("momentum" in optimizer.defaults || "betas" in optimizer.defaults)) {
    fail("OneCycleLR", "the optimizer has no momentum to cycle", "Give { cycleMomentum: false }");
  }
  const base = perGroup("OneCycleLR", optimizer, baseMomentum);
  const max = perGroup("OneCycleLR", optimizer, maxMomentum);
  if (lastEpoch === -1) for (const [i, group] of optimizer.paramGroups.entries()) setMomentum(group, max[i]!);
  return base.map((low, i) => ({ base: low, max: max[i]! }));
}

const curves = {
  cos: (start: number, end: number, share: number): number =>
    end + ((start - end) / 2) * (1 + Math.cos(Math.PI * share)),
  linear: (start: number, end: number, share: number): number => (end - start) * share + start,
} as const;
