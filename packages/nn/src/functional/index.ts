/** The functions that the layers call, under PyTorch's names. */
export * from "./activation.ts";
export * from "./activation-in-place.ts";
export * from "./adaptive.ts";
export { scaledDotProductAttention } from "./attention.ts";
export * from "./classification.ts";
export * from "./convolution.ts";
export * from "./ctc.ts";
export {
  cosineEmbeddingLoss,
  cosineSimilarity,
  normalize,
  pairwiseDistance,
  pdist,
  tripletMarginLoss,
  tripletMarginWithDistanceLoss,
} from "./distance.ts";
export * from "./dropout.ts";
export * from "./embedding.ts";
export * from "./grid.ts";
export * from "./linear.ts";
export * from "./normalization.ts";
export * from "./padding.ts";
export * from "./pooling.ts";
export type { Reduction } from "./reduction.ts";
export * from "./regression.ts";
export {
  type Amount,
  type InterpolationMode,
  interpolate,
  upsample,
  upsampleBilinear,
  upsampleNearest,
} from "./resampling.ts";
export * from "./shuffle.ts";
export type { Size } from "./sizes.ts";
export * from "./unfold.ts";
