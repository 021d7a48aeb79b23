/** Distances as layers, and the losses made of them. */
import { type Arguments, readArguments, type Tensor } from "@dl/tensor";
import type { Lengths } from "../functional/ctc.ts";
import * as F from "../functional/index.ts";
import type { Reduction } from "../functional/reduction.ts";
import { Module } from "../module.ts";
import { Loss } from "./loss.ts";

export type CosineSimilarityArguments = [dim?: number, eps?: number];

/** The cosine of the angle along `dim`. @see https://pytorch.org/docs/stable/generated/torch.nn.CosineSimilarity.html */
export class CosineSimilarity extends Module<[x1: Tensor, x2: Tensor], Tensor> {
  static readonly names = ["dim", "eps"] as const;
  readonly dim: number;
  readonly eps: number;

  constructor(...args: Arguments<typeof CosineSimilarity.names, CosineSimilarityArguments>) {
    super();
    [this.dim = 1, this.eps = 1e-8] = readArguments<CosineSimilarityArguments>(CosineSimilarity, args);
  }

  forward(x1: Tensor, x2: Tensor): Tensor {
    return F.cosineSimilarity(x1, x2, this.dim, this.eps);
  }
}

export type PairwiseDistanceArguments = [p?: number, eps?: number, keepdim?: boolean];

/** The p-norm of the difference. @see https://pytorch.org/docs/stable/generated/torch.nn.PairwiseDistance.html */
export class PairwiseDistance extends Module<[x1: Tensor, x2: Tensor], Tensor> {
  static readonly names = ["p", "eps", "keepdim"] as const;
  readonly p: number;
  readonly eps: number;
  readonly keepdim: boolean;

  constructor(...args: Arguments<typeof PairwiseDistance.names, PairwiseDistanceArguments>) {
    super();
    [this.p = 2, this.eps = 1e-6, this.keepdim = false] = readArguments<PairwiseDistanceArguments>(
      PairwiseDistance,
      args,
    );
  }

  forward(x1: Tensor, x2: Tensor): Tensor {
    return F.pairwiseDistance(x1, x2, this.p, this.eps, this.keepdim);
  }
}

const marginNames = ["margin", "reduction"] as const;
export type MarginLossArguments = [margin?: number, reduction?: Reduction];

/** Near where the target is 1, apart where it is −1. @see https://pytorch.org/docs/stable/generated/torch.nn.HingeEmbeddingLoss.html */
export class HingeEmbeddingLoss extends Loss {
  static readonly names: typeof marginNames = marginNames;
  readonly margin: number;
  readonly reduction: Reduction;

  constructor(...args: Arguments<typeof marginNames, MarginLossArguments>) {
    super();
    [this.margin = 1, this.reduction = "mean"] = readArguments<MarginLossArguments>(HingeEmbeddingLoss, args);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.hingeEmbeddingLoss(input, target, this.margin, this.reduction);
  }
}

/** Losses of two inputs and a target of ±1. */
abstract class PairLoss extends Module<[input1: Tensor, input2: Tensor, target: Tensor], Tensor> {
  static readonly names: typeof marginNames = marginNames;
  readonly margin: number;
  readonly reduction: Reduction;

  constructor(...args: Arguments<typeof marginNames, MarginLossArguments>) {
    super();
    [this.margin = 0, this.reduction = "mean"] = readArguments<MarginLossArguments>(new.target, args);
  }
}

/** The first above the second where the target is 1. @see https://pytorch.org/docs/stable/generated/torch.nn.MarginRankingLoss.html */
export class MarginRankingLoss extends PairLoss {
  forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return F.marginRankingLoss(input1, input2, target, this.margin, this.reduction);
  }
}

/** A small angle where the target is 1. @see https://pytorch.org/docs/stable/generated/torch.nn.CosineEmbeddingLoss.html */
export class CosineEmbeddingLoss extends PairLoss {
  forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return F.cosineEmbeddingLoss(input1, input2, target, this.margin, this.reduction);
  }
}

export type TripletMarginLossArguments = [
  margin?: number,
  p?: number,
  eps?: number,
  swap?: boolean,
  reduction?: Reduction,
];
type TripletInput = [anchor: Tensor, positive: Tensor, negative: Tensor];

/** The positive nearer to the anchor than the negative. @see https://pytorch.org/docs/stable/generated/torch.nn.TripletMarginLoss.html */
export class TripletMarginLoss extends Module<TripletInput, Tensor> {
  static readonly names = ["margin", "p", "eps", "swap", "reduction"] as const;
  readonly margin: number;
  readonly p: number;
  readonly eps: number;
  readonly swap: boolean;
  readonly reduction: Reduction;

  constructor(...args: Arguments<typeof TripletMarginLoss.names, TripletMarginLossArguments>) {
    super();
    [this.margin = 1, this.p = 2, this.eps = 1e-6, this.swap = false, this.reduction = "mean"] =
      readArguments<TripletMarginLossArguments>(TripletMarginLoss, args);
  }

  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return F.tripletMarginLoss(anchor, positive, negative, this.margin, this.p, this.eps, this.swap, this.reduction);
  }
}

export type Distance = (a: Tensor, b: Tensor) => Tensor;
export type TripletMarginWithDistanceLossArguments = [
  distanceFunction?: Distance | null,
  margin?: number,
  swap?: boolean,
  reduction?: Reduction,
];

/** {@link TripletMarginLoss} with a distance of one's own: a function or a module. @see https://pytorch.org/docs/stable/generated/torch.nn.TripletMarginWithDistanceLoss.html */
export class TripletMarginWithDistanceLoss extends Module<TripletInput, Tensor> {
  static readonly names = ["distanceFunction", "margin", "swap", "reduction"] as const;
  readonly distanceFunction: Distance;
  readonly margin: number;
  readonly swap: boolean;
  readonly reduction: Reduction;

  constructor(...args: Arguments<typeof TripletMarginWithDistanceLoss.names, TripletMarginWithDistanceLossArguments>) {
    super();
    const [distance, margin = 1, swap = false, reduction = "mean"] =
      readArguments<TripletMarginWithDistanceLossArguments>(TripletMarginWithDistanceLoss, args);
    this.distanceFunction = distance ?? new PairwiseDistance();
    this.margin = margin;
    this.swap = swap;
    this.reduction = reduction;
  }

  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { distanceFunction, margin, swap, reduction } = this;
    return F.tripletMarginWithDistanceLoss(anchor, positive, negative, distanceFunction, margin, swap, reduction);
  }
}

export type CTCLossArguments = [blank?: number, reduction?: Reduction, zeroInfinity?: boolean];

/** Unaligned label sequences. @see https://pytorch.org/docs/stable/generated/torch.nn.CTCLoss.html */
export class CTCLoss extends Module<
  [logProbs: Tensor, targets: Tensor, inputLengths: Lengths, targetLengths: Lengths],
  Tensor
> {
  static readonly names = ["blank", "reduction", "zeroInfinity"] as const;
  readonly blank: number;
  readonly reduction: Reduction;
  readonly zeroInfinity: boolean;

  constructor(...args: Arguments<typeof CTCLoss.names, CTCLossArguments>) {
    super();
    [this.blank = 0, this.reduction = "mean", this.zeroInfinity = false] = readArguments<CTCLossArguments>(
      CTCLoss,
      args,
    );
  }

  forward(logProbs: Tensor, targets: Tensor, inputLengths: Lengths, targetLengths: Lengths): Tensor {
    const { blank, reduction, zeroInfinity } = this;
    return F.ctcLoss(logProbs, targets, inputLengths, targetLengths, blank, reduction, zeroInfinity);
  }
}
