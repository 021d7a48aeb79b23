export * from "./activation.ts";
export { BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, MultiLabelSoftMarginLoss, MultiMarginLoss, NLLLoss } from "./classification.ts";
export { Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from "./convolution.ts";
export * from "./dropout.ts";
export { Bilinear, Identity, Linear } from "./linear.ts";
export * from "./loss.ts";
export * from "./pooling.ts";
export * from "./shape.ts";
export * from "./softmax.ts";
