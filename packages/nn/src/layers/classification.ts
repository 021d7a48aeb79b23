/** Losses of classifiers. Weights are buffers: they move with the module. */
import { type Arguments, readArguments, type Tensor } from "@dl/tensor";
import * as F from "../functional/index.ts";
import type { Reduction } from "../functional/reduction.ts";
import { Loss } from "./loss.ts";

/** A loss with a weight for each class or element. */
abstract class WeightedLoss extends Loss {
  declare readonly weight: Tensor | null;

  constructor(weight: Tensor | null | undefined) {
    super();
    this.registerBuffer("weight", weight ?? null);
  }
}

export type CrossEntropyLossArguments = [
  weight?: Tensor | null,
  ignoreIndex?: number,
  reduction?: Reduction,
  labelSmoothing?: number,
];

/**
 * The cross entropy of scores [N, C, …], for C classes, against class numbers (int64 [N, …], from 0 to C − 1) or against
 * probabilities of the scores' shape. It takes the softmax itself: give it raw scores, not probabilities.
 *
 * The result is the mean, a scalar in nats; `reduction` "sum" adds up and "none" gives one number per sample. `weight` [C]
 * weighs the classes, samples of the class `ignoreIndex` (-100 if left out) do not count, and `labelSmoothing` from 0 to 1
 * mixes targets with equal probabilities.
 * @throws TensorError when called, for class numbers that are not int64 or out of range, and for shapes that do not fit
 * @see https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
 * @example
 * const criterion = new CrossEntropyLoss();
 * const scores = randn(3, 5, { requiresGrad: true }); // of 3 samples and 5 classes
 * criterion(scores, tensor([1, 0, 4])).backward();
 * scores.grad!.shape; // [3, 5]
 */
export class CrossEntropyLoss extends WeightedLoss {
  static readonly names = ["weight", "ignoreIndex", "reduction", "labelSmoothing"] as const;
  readonly ignoreIndex: number;
  readonly reduction: Reduction;
  readonly labelSmoothing: number;

  constructor(...args: Arguments<typeof CrossEntropyLoss.names, CrossEntropyLossArguments>) {
    const [weight, ignoreIndex = -100, reduction = "mean", labelSmoothing = 0] =
      readArguments<CrossEntropyLossArguments>(CrossEntropyLoss, args);
    super(weight);
    this.ignoreIndex = ignoreIndex;
    this.reduction = reduction;
    this.labelSmoothing = labelSmoothing;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.crossEntropy(input, target, this.weight, this.ignoreIndex, this.reduction, this.labelSmoothing);
  }
}

export type NLLLossArguments = [weight?: Tensor | null, ignoreIndex?: number, reduction?: Reduction];

/**
 * The negative log likelihood of log-probabilities.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html
 * @example
 * const criterion = new NLLLoss();
 * criterion(randn(3, 5).logSoftmax(1), tensor([1, 0, 4]));
 */
export class NLLLoss extends WeightedLoss {
  static readonly names = ["weight", "ignoreIndex", "reduction"] as const;
  readonly ignoreIndex: number;
  readonly reduction: Reduction;

  constructor(...args: Arguments<typeof NLLLoss.names, NLLLossArguments>) {
    const [weight, ignoreIndex = -100, reduction = "mean"] = readArguments<NLLLossArguments>(NLLLoss, args);
    super(weight);
    this.ignoreIndex = ignoreIndex;
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.nllLoss(input, target, this.weight, this.ignoreIndex, this.reduction);
  }
}

const weightNames = ["weight", "reduction"] as const;
export type WeightedLossArguments = [weight?: Tensor | null, reduction?: Reduction];

/**
 * The cross entropy of probabilities in [0, 1].
 * @see https://pytorch.org/docs/stable/generated/torch.nn.BCELoss.html
 * @example
 * const criterion = new BCELoss();
 * criterion(randn(3).sigmoid(), tensor([1, 0, 1], { dtype: "float32" }));
 */
export class BCELoss extends WeightedLoss {
  static readonly names: typeof weightNames = weightNames;
  readonly reduction: Reduction;

  constructor(...args: Arguments<typeof weightNames, WeightedLossArguments>) {
    const [weight, reduction = "mean"] = readArguments<WeightedLossArguments>(BCELoss, args);
    super(weight);
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropy(input, target, this.weight, this.reduction);
  }
}

/** @see https://pytorch.org/docs/stable/generated/torch.nn.MultiLabelSoftMarginLoss.html */
export class MultiLabelSoftMarginLoss extends WeightedLoss {
  static readonly names: typeof weightNames = weightNames;
  readonly reduction: Reduction;

  constructor(...args: Arguments<typeof weightNames, WeightedLossArguments>) {
    const [weight, reduction = "mean"] = readArguments<WeightedLossArguments>(MultiLabelSoftMarginLoss, args);
    super(weight);
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.multilabelSoftMarginLoss(input, target, this.weight, this.reduction);
  }
}

export type BCEWithLogitsLossArguments = [weight?: Tensor | null, reduction?: Reduction, posWeight?: Tensor | null];

/**
 * {@link BCELoss} of scores: it takes the sigmoid itself.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html
 * @example
 * const criterion = new BCEWithLogitsLoss();
 * criterion(randn(3), tensor([1, 0, 1], { dtype: "float32" }));
 */
export class BCEWithLogitsLoss extends WeightedLoss {
  static readonly names = ["weight", "reduction", "posWeight"] as const;
  declare readonly posWeight: Tensor | null;
  readonly reduction: Reduction;

  constructor(...args: Arguments<typeof BCEWithLogitsLoss.names, BCEWithLogitsLossArguments>) {
    const [weight, reduction = "mean", posWeight] = readArguments<BCEWithLogitsLossArguments>(BCEWithLogitsLoss, args);
    super(weight);
    this.registerBuffer("posWeight", posWeight ?? null);
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropyWithLogits(input, target, this.weight, this.reduction, this.posWeight);
  }
}

export type MultiMarginLossArguments = [p?: number, margin?: number, weight?: Tensor | null, reduction?: Reduction];

/** @see https://pytorch.org/docs/stable/generated/torch.nn.MultiMarginLoss.html */
export class MultiMarginLoss extends WeightedLoss {
  static readonly names = ["p", "margin", "weight", "reduction"] as const;
  readonly p: number;
  readonly margin: number;
  readonly reduction: Reduction;

  constructor(...args: Arguments<typeof MultiMarginLoss.names, MultiMarginLossArguments>) {
    const [p = 1, margin = 1, weight, reduction = "mean"] = readArguments<MultiMarginLossArguments>(
      MultiMarginLoss,
      args,
    );
    super(weight);
    this.p = p;
    this.margin = margin;
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.multiMarginLoss(input, target, this.p, this.margin, this.weight, this.reduction);
  }
}
