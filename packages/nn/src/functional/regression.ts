/** Losses between predictions and values, distributions or signs. */
import { apply, composite, fail, getDefaultDtype, sameShape, showShape, type Tensor, where } from "@dl/tensor";
import { warn } from "../warn.ts";
import { logsigmoid } from "./activation.ts";
import { type Reduction, reduced } from "./reduction.ts";
import { logOnePlusExp } from "./stable.ts";

/** input − target, with PyTorch's warning: `[n, 1]` and `[n]` make n² differences. */
function difference(name: string, input: Tensor, target: Tensor): Tensor {
  if (!sameShape(input.shape, target.shape)) {
    const shapes = `input ${showShape(input.shape)} and target ${showShape(target.shape)}`;
    warn(`${name}: ${shapes} are broadcast. Give them one shape, by .view(…) or .unsqueeze(…)`);
  }
  return input.sub(target);
}

/**
 * The squares of input − target. Shapes that differ are broadcast, with a warning.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.mse_loss.html
 * @example
 * F.mseLoss(floatTensor([1, 2]), floatTensor([0, 0])); // tensor(2.5000)
 */
export const mseLoss = composite(
  "mseLoss(input, target, reduction?)",
  (input: Tensor, target: Tensor, reduction: Reduction = "mean"): Tensor =>
    reduced("mseLoss", difference("mseLoss", input, target).square(), reduction),
  "MseLossBackward0",
);

/**
 * |input − target|.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.l1_loss.html
 * @example
 * F.l1Loss(floatTensor([1, 2]), floatTensor([0, 0])); // tensor(1.5000)
 */
export const l1Loss = composite(
  "l1Loss(input, target, reduction?)",
  (input: Tensor, target: Tensor, reduction: Reduction = "mean"): Tensor =>
    reduced("l1Loss", difference("l1Loss", input, target).abs(), reduction),
);

/**
 * Half the square below `beta`, divided by it; the distance less half of `beta` above.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.smooth_l1_loss.html
 * @example
 * F.smoothL1Loss(floatTensor([0.5, 3]), zeros(2)); // tensor(1.3125)
 */
export const smoothL1Loss = composite(
  "smoothL1Loss(input, target, reduction?, beta?)",
  (input: Tensor, target: Tensor, reduction: Reduction = "mean", beta: number = 1): Tensor => {
    if (beta < 0) fail("smoothL1Loss", `beta must be ≥ 0, got ${beta}`);
    if (beta === 0) return l1Loss(input, target, reduction);
    const losses = apply("huber", [difference("smoothL1Loss", input, target), beta]);
    return reduced("smoothL1Loss", beta === 1 ? losses : losses.div(beta), reduction);
  },
  "SmoothL1LossBackward0",
);

/** Half the square up to `delta`, a straight line beyond. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.huber_loss.html */
export const huberLoss = composite(
  "huberLoss(input, target, reduction?, delta?)",
  (input: Tensor, target: Tensor, reduction: Reduction = "mean", delta: number = 1): Tensor => {
    if (!(delta > 0)) fail("huberLoss", `delta must be > 0, got ${delta}`);
    return reduced("huberLoss", apply("huber", [difference("huberLoss", input, target), delta]), reduction);
  },
  "HuberLossBackward0",
);

/** t · log t, 0 where t = 0. */
function entropyTerm(t: Tensor): Tensor {
  const zero = t.eq(0);
  return where(zero, 0, t.mul(where(zero, 1, t).log()));
}

/**
 * target · (log target − input): the input holds log-probabilities, the target too where `logTarget`. "batchmean" is
 * the sum divided by the batch size.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.kl_div.html
 */
export const klDiv = composite(
  "klDiv(input, target, reduction?, logTarget?)",
  (input: Tensor, target: Tensor, reduction: Reduction | "batchmean" = "mean", logTarget: boolean = false): Tensor => {
    const losses = logTarget ? target.exp().mul(target.sub(input)) : entropyTerm(target).sub(target.mul(input));
    if (reduction === "batchmean") return losses.sum().div(input.shape[0] ?? 1);
    return reduced("klDiv", losses, reduction);
  },
);

/** The negative log likelihood of counts; the input is the (log of the) rate. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.poisson_nll_loss.html */
export const poissonNllLoss = composite(
  "poissonNllLoss(input, target, logInput?, full?, eps?, reduction?)",
  (
    input: Tensor,
    target: Tensor,
    logInput: boolean = true,
    full: boolean = false,
    eps: number = 1e-8,
    reduction: Reduction = "mean",
  ): Tensor => {
    const losses = logInput ? input.exp().sub(target.mul(input)) : input.sub(target.mul(input.add(eps).log()));
    return reduced("poissonNllLoss", full ? losses.add(stirling(target)) : losses, reduction);
  },
);

/** Approximates log(t!) where t > 1. */
function stirling(t: Tensor): Tensor {
  const large = t.gt(1);
  const safe = where(large, t, 2);
  const terms = safe
    .mul(safe.log())
    .sub(safe)
    .add(
      safe
        .mul(2 * Math.PI)
        .log()
        .mul(0.5),
    );
  return where(large, terms, 0);
}

/** The negative log likelihood of normal values with variance `variance`. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.gaussian_nll_loss.html */
export const gaussianNllLoss = composite(
  "gaussianNllLoss(input, target, var, full?, eps?, reduction?)",
  (
    input: Tensor,
    target: Tensor,
    variance: Tensor,
    full: boolean = false,
    eps: number = 1e-6,
    reduction: Reduction = "mean",
  ): Tensor => {
    const spread = sameRank(input, variance);
    // The limit is not part of the graph: gradients pass through it.
    const raised = where(spread.detach().lt(eps), eps, spread.detach());
    const limited = spread.add(raised.sub(spread.detach()));
    const half = limited.log().add(input.sub(target).square().div(limited)).mul(0.5);
    return reduced("gaussianNllLoss", full ? half.add(0.5 * Math.log(2 * Math.PI)) : half, reduction);
  },
);

/** A variance may lack the last dimension, or have size 1 there. */
function sameRank(input: Tensor, variance: Tensor): Tensor {
  if (variance.ndim === input.ndim) return variance;
  if (variance.ndim === input.ndim - 1) return variance.unsqueeze(-1);
  return fail("gaussianNllLoss", `variance ${showShape(variance.shape)} does not fit input ${showShape(input.shape)}`);
}

/** x where the target is 1, max(0, margin − x) where it is −1. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.hinge_embedding_loss.html */
export const hingeEmbeddingLoss = composite(
  "hingeEmbeddingLoss(input, target, margin?, reduction?)",
  (input: Tensor, target: Tensor, margin: number = 1, reduction: Reduction = "mean"): Tensor => {
    const apart = where(target.ne(1), input.neg().add(margin).clamp(0), 0);
    return reduced("hingeEmbeddingLoss", apart.add(where(target.ne(-1), input, 0)), reduction);
  },
);

/** log(1 + e^(−target · input)), targets ±1. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.soft_margin_loss.html */
export const softMarginLoss = composite(
  "softMarginLoss(input, target, reduction?)",
  (input: Tensor, target: Tensor, reduction: Reduction = "mean"): Tensor =>
    reduced("softMarginLoss", logOnePlusExp(input.mul(target).neg()), reduction),
);

/** In a float dtype, as a fractional margin makes it. */
function floating(x: Tensor): Tensor {
  return x.isFloatingPoint() ? x : x.to(getDefaultDtype());
}

/** max(0, −target · (input1 − input2) + margin). @see https://pytorch.org/docs/stable/generated/torch.nn.functional.margin_ranking_loss.html */
export const marginRankingLoss = composite(
  "marginRankingLoss(input1, input2, target, margin?, reduction?)",
  (input1: Tensor, input2: Tensor, target: Tensor, margin: number = 0, reduction: Reduction = "mean"): Tensor =>
    reduced("marginRankingLoss", floating(input1.sub(input2).mul(target.neg())).add(margin).clamp(0), reduction),
);

/** One against all, for each class on its own; the mean over classes. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.multilabel_soft_margin_loss.html */
export const multilabelSoftMarginLoss = composite(
  "multilabelSoftMarginLoss(input, target, weight?, reduction?)",
  (input: Tensor, target: Tensor, weight?: Tensor | null, reduction: Reduction = "mean"): Tensor => {
    const on = target.mul(logsigmoid(input));
    const losses = on.add(target.neg().add(1).mul(logsigmoid(input.neg()))).neg();
    return reduced("multilabelSoftMarginLoss", (weight ? losses.mul(weight) : losses).mean(-1), reduction);
  },
);

/** The mean over classes of max(0, margin − x[target] + x[i])ᵖ. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.multi_margin_loss.html */
export const multiMarginLoss = composite(
  "multiMarginLoss(input, target, p?, margin?, weight?, reduction?)",
  (
    input: Tensor,
    target: Tensor,
    p: number = 1,
    margin: number = 1,
    weight?: Tensor | null,
    reduction: Reduction = "mean",
  ): Tensor => {
    if (p !== 1 && p !== 2) fail("multiMarginLoss", `p must be 1 or 2, got ${p}`);
    const [scores, numbers] = input.ndim < 2 ? [input.view(1, -1), target.view(1)] : [input, target];
    const index = numbers.unsqueeze(1);
    const room = scores.sub(scores.gather(1, index)).add(margin).relu();
    const terms = p === 1 ? room : room.square();
    const scaled = weight ? terms.mul(weight.indexSelect(0, numbers).unsqueeze(1)) : terms;
    // The target's own term is no loss.
    const losses = scaled.scatter(1, index, 0).mean(1);
    return reduced("multiMarginLoss", input.ndim < 2 ? losses.squeeze(0) : losses, reduction);
  },
);

/**
 * Each class in the target against each that is not. A row of the target lists classes, up to the first −1.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.multilabel_margin_loss.html
 */
export const multilabelMarginLoss = composite(
  "multilabelMarginLoss(input, target, reduction?)",
  (input: Tensor, target: Tensor, reduction: Reduction = "mean"): Tensor => {
    const [scores, rows] = input.ndim < 2 ? [input.view(1, -1), target.view(1, -1)] : [input, target];
    const listed = rows.lt(0).to("int64").cumsum(1).eq(0);
    const numbers = where(listed, rows, 0);
    const chosen = scores.detach().mul(0).scatterAdd(1, numbers, listed.to(scores.dtype)).gt(0);
    // [N, listed, others]: 1 − (x[target] − x[other]).
    const gaps = scores.unsqueeze(1).sub(scores.gather(1, numbers).unsqueeze(2)).add(1).relu();
    const counted = listed.unsqueeze(2).logicalAnd(chosen.logicalNot().unsqueeze(1));
    const losses = where(counted, gaps, 0).sum([1, 2]).div(scores.shape[1]!);
    return reduced("multilabelMarginLoss", input.ndim < 2 ? losses.squeeze(0) : losses, reduction);
  },
);
