/** Distances and angles between vectors, and the losses made of them. */
import { broadcastTensors, clamp, composite, fail, showShape, type Tensor, triuIndices, where } from "@dl/tensor";
import { type Reduction, reduced } from "./reduction.ts";

/** (Σ |x|ᵖ)^(1/p) along `dim`; its gradient is 0 where the norm is. */
export function lpNorm(input: Tensor, p: number, dim: number, keepdim: boolean): Tensor {
  if (p === 0) return input.ne(0).to(input.dtype).sum(dim, keepdim);
  if (p === 1) return input.abs().sum(dim, keepdim);
  if (p === Number.POSITIVE_INFINITY) return input.abs().amax(dim, keepdim);
  if (p === Number.NEGATIVE_INFINITY) return input.abs().amin(dim, keepdim);
  const total = (p === 2 ? input.square() : input.abs().pow(p)).sum(dim, keepdim);
  const zero = total.eq(0);
  const root = p === 2 ? where(zero, 1, total).sqrt() : where(zero, 1, total).pow(1 / p);
  return where(zero, 0, root);
}

/** The p-norm of x₁ − x₂ + ε along the last dimension. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.pairwise_distance.html */
export const pairwiseDistance = composite(
  "pairwiseDistance(x1, x2, p?, eps?, keepdim?)",
  (x1: Tensor, x2: Tensor, p: number = 2, eps: number = 1e-6, keepdim: boolean = false): Tensor =>
    lpNorm(x1.sub(x2).add(eps), p, -1, keepdim),
);

/** The p-norm distances of all pairs of rows of [N, M], in the order (0, 1), (0, 2), … @see https://pytorch.org/docs/stable/generated/torch.nn.functional.pdist.html */
export const pdist = composite("pdist(input, p?)", (input: Tensor, p: number = 2): Tensor => {
  if (input.ndim !== 2) fail("pdist", `needs [N, M], got ${showShape(input.shape)}`);
  const rows = input.shape[0]!;
  const [first, second] = triuIndices(rows, rows, 1, { device: input.device }).unbind(0) as [Tensor, Tensor];
  return lpNorm(input.indexSelect(0, first).sub(input.indexSelect(0, second)), p, 1, false);
});

/**
 * The cosine of the angle along `dim`.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.cosine_similarity.html
 * @example
 * F.cosineSimilarity(floatTensor([[1, 0]]), floatTensor([[1, 1]])); // tensor([0.7071])
 */
export const cosineSimilarity = composite(
  "cosineSimilarity(x1, x2, dim?, eps?)",
  (x1: Tensor, x2: Tensor, dim: number = 1, eps: number = 1e-8): Tensor => {
    const length = (x: Tensor): Tensor => clamp(lpNorm(x, 2, dim, true), { min: eps });
    const [a, b] = broadcastTensors(x1, x2) as [Tensor, Tensor];
    return a
      .div(length(a))
      .mul(b.div(length(b)))
      .sum(dim);
  },
);

/**
 * x divided by its p-norm along `dim`.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.normalize.html
 * @example
 * F.normalize(floatTensor([[3, 4]])); // tensor([[0.6000, 0.8000]])
 */
export const normalize = composite(
  "normalize(input, p?, dim?, eps?)",
  (input: Tensor, p: number = 2, dim: number = 1, eps: number = 1e-12): Tensor =>
    input.div(clamp(lpNorm(input, p, dim, true), { min: eps })),
);

/** 1 − cos where the target is 1, max(0, cos − margin) where it is −1. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.cosine_embedding_loss.html */
export const cosineEmbeddingLoss = composite(
  "cosineEmbeddingLoss(input1, input2, target, margin?, reduction?)",
  (input1: Tensor, input2: Tensor, target: Tensor, margin: number = 0, reduction: Reduction = "mean"): Tensor => {
    const epsilon = 1e-12;
    const product = input1.mul(input2).sum(-1);
    const squares = (x: Tensor): Tensor => x.square().sum(-1).add(epsilon);
    const cosine = product.div(squares(input1).mul(squares(input2)).sqrt());
    const together = where(target.eq(1), cosine.neg().add(1), 0);
    const losses = together.add(where(target.eq(-1), cosine.sub(margin).clamp(0), 0));
    return reduced("cosineEmbeddingLoss", losses, reduction);
  },
);

function triplet(
  near: Tensor,
  far: Tensor,
  otherFar: () => Tensor,
  margin: number,
  swap: boolean,
  reduction: Reduction,
): Tensor {
  const nearest = swap ? far.minimum(otherFar()) : far;
  return reduced("tripletMarginLoss", near.sub(nearest).add(margin).clamp(0), reduction);
}

/** max(0, d(anchor, positive) − d(anchor, negative) + margin). @see https://pytorch.org/docs/stable/generated/torch.nn.functional.triplet_margin_loss.html */
export const tripletMarginLoss = composite(
  "tripletMarginLoss(anchor, positive, negative, margin?, p?, eps?, swap?, reduction?)",
  (
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: number = 1,
    p: number = 2,
    eps: number = 1e-6,
    swap: boolean = false,
    reduction: Reduction = "mean",
  ): Tensor => {
    const distance = (a: Tensor, b: Tensor): Tensor => pairwiseDistance(a, b, p, eps);
    const far = distance(anchor, negative);
    return triplet(distance(anchor, positive), far, () => distance(positive, negative), margin, swap, reduction);
  },
);

/** {@link tripletMarginLoss} with a distance of one's own. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.triplet_margin_with_distance_loss.html */
export const tripletMarginWithDistanceLoss = composite(
  "tripletMarginWithDistanceLoss(anchor, positive, negative, distanceFunction?, margin?, swap?, reduction?)",
  (
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distanceFunction?: ((a: Tensor, b: Tensor) => Tensor) | null,
    margin: number = 1,
    swap: boolean = false,
    reduction: Reduction = "mean",
  ): Tensor => {
    const distance = distanceFunction ?? ((a: Tensor, b: Tensor): Tensor => pairwiseDistance(a, b));
    const far = distance(anchor, negative);
    return triplet(distance(anchor, positive), far, () => distance(positive, negative), margin, swap, reduction);
  },
);
