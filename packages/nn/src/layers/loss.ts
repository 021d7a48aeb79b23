/** Losses as layers: each calls its function with the settings it was made with. */
import { type Arguments, readArguments, type Tensor } from "@dl/tensor";
import * as F from "../functional/index.ts";
import type { Reduction } from "../functional/reduction.ts";
import { Module } from "../module.ts";

/** A loss of predictions and targets. */
export abstract class Loss extends Module<[input: Tensor, target: Tensor], Tensor> {}

const reductionNames = ["reduction"] as const;
export type ReductionArguments = [reduction?: Reduction];

/** Losses whose only setting is the reduction. */
abstract class PlainLoss extends Loss {
  static readonly names: typeof reductionNames = reductionNames;
  readonly reduction: Reduction;

  constructor(...args: Arguments<typeof reductionNames, ReductionArguments>) {
    super();
    [this.reduction = "mean"] = readArguments<ReductionArguments>(new.target, args);
  }
}

/**
 * (input − target)².
 * @see https://pytorch.org/docs/stable/generated/torch.nn.MSELoss.html
 * @example
 * const criterion = new MSELoss({ reduction: "sum" });
 * criterion(zeros(4), ones(4)).item(); // 4
 */
export class MSELoss extends PlainLoss {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.mseLoss(input, target, this.reduction);
  }
}

/** |input − target|. @see https://pytorch.org/docs/stable/generated/torch.nn.L1Loss.html */
export class L1Loss extends PlainLoss {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.l1Loss(input, target, this.reduction);
  }
}

/** log(1 + e^(−target · input)). @see https://pytorch.org/docs/stable/generated/torch.nn.SoftMarginLoss.html */
export class SoftMarginLoss extends PlainLoss {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.softMarginLoss(input, target, this.reduction);
  }
}

/** @see https://pytorch.org/docs/stable/generated/torch.nn.MultiLabelMarginLoss.html */
export class MultiLabelMarginLoss extends PlainLoss {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.multilabelMarginLoss(input, target, this.reduction);
  }
}

export type SmoothL1LossArguments = [reduction?: Reduction, beta?: number];

/** A square near 0, a line beyond `beta`. @see https://pytorch.org/docs/stable/generated/torch.nn.SmoothL1Loss.html */
export class SmoothL1Loss extends Loss {
  static readonly names = ["reduction", "beta"] as const;
  readonly reduction: Reduction;
  readonly beta: number;

  constructor(...args: Arguments<typeof SmoothL1Loss.names, SmoothL1LossArguments>) {
    super();
    [this.reduction = "mean", this.beta = 1] = readArguments<SmoothL1LossArguments>(SmoothL1Loss, args);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.smoothL1Loss(input, target, this.reduction, this.beta);
  }
}

export type HuberLossArguments = [reduction?: Reduction, delta?: number];

/** @see https://pytorch.org/docs/stable/generated/torch.nn.HuberLoss.html */
export class HuberLoss extends Loss {
  static readonly names = ["reduction", "delta"] as const;
  readonly reduction: Reduction;
  readonly delta: number;

  constructor(...args: Arguments<typeof HuberLoss.names, HuberLossArguments>) {
    super();
    [this.reduction = "mean", this.delta = 1] = readArguments<HuberLossArguments>(HuberLoss, args);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.huberLoss(input, target, this.reduction, this.delta);
  }
}

export type KLDivLossArguments = [reduction?: Reduction | "batchmean", logTarget?: boolean];

/** The input holds log-probabilities. @see https://pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html */
export class KLDivLoss extends Loss {
  static readonly names = ["reduction", "logTarget"] as const;
  readonly reduction: Reduction | "batchmean";
  readonly logTarget: boolean;

  constructor(...args: Arguments<typeof KLDivLoss.names, KLDivLossArguments>) {
    super();
    [this.reduction = "mean", this.logTarget = false] = readArguments<KLDivLossArguments>(KLDivLoss, args);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.klDiv(input, target, this.reduction, this.logTarget);
  }
}

export type PoissonNLLLossArguments = [logInput?: boolean, full?: boolean, eps?: number, reduction?: Reduction];

/** @see https://pytorch.org/docs/stable/generated/torch.nn.PoissonNLLLoss.html */
export class PoissonNLLLoss extends Loss {
  static readonly names = ["logInput", "full", "eps", "reduction"] as const;
  readonly logInput: boolean;
  readonly full: boolean;
  readonly eps: number;
  readonly reduction: Reduction;

  constructor(...args: Arguments<typeof PoissonNLLLoss.names, PoissonNLLLossArguments>) {
    super();
    [this.logInput = true, this.full = false, this.eps = 1e-8, this.reduction = "mean"] =
      readArguments<PoissonNLLLossArguments>(PoissonNLLLoss, args);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.poissonNllLoss(input, target, this.logInput, this.full, this.eps, this.reduction);
  }
}

export type GaussianNLLLossArguments = [full?: boolean, eps?: number, reduction?: Reduction];

/** @see https://pytorch.org/docs/stable/generated/torch.nn.GaussianNLLLoss.html */
export class GaussianNLLLoss extends Module<[input: Tensor, target: Tensor, variance: Tensor], Tensor> {
  static readonly names = ["full", "eps", "reduction"] as const;
  readonly full: boolean;
  readonly eps: number;
  readonly reduction: Reduction;

  constructor(...args: Arguments<typeof GaussianNLLLoss.names, GaussianNLLLossArguments>) {
    super();
    [this.full = false, this.eps = 1e-6, this.reduction = "mean"] = readArguments<GaussianNLLLossArguments>(
      GaussianNLLLoss,
      args,
    );
  }

  forward(input: Tensor, target: Tensor, variance: Tensor): Tensor {
    return F.gaussianNllLoss(input, target, variance, this.full, this.eps, this.reduction);
  }
}
