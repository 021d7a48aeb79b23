/** The functions that the layers call, under PyTorch's names. */
export * from "./activation.ts";
export * from "./classification.ts";
export * from "./convolution.ts";
export * from "./distance.ts";
export * from "./dropout.ts";
export * from "./linear.ts";
export * from "./padding.ts";
export * from "./pooling.ts";
export type { Reduction } from "./reduction.ts";
export * from "./regression.ts";
export type { Size } from "./sizes.ts";
