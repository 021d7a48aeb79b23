export {
  Hardsigmoid,
  Hardswish,
  LogSigmoid,
  Mish,
  ReLU,
  ReLU6,
  SELU,
  Sigmoid,
  SiLU,
  Softsign,
  Tanh,
  Tanhshrink,
} from "./activation.ts";
export * from "./activation-settings.ts";
export * from "./adaptive.ts";
export * from "./adaptive-softmax.ts";
export { MultiheadAttention } from "./attention.ts";
export { GRUCell, LSTMCell, RNNCell } from "./cells.ts";
export {
  BCELoss,
  BCEWithLogitsLoss,
  CrossEntropyLoss,
  MultiLabelSoftMarginLoss,
  MultiMarginLoss,
  NLLLoss,
} from "./classification.ts";
export {
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvPaddingMode,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
} from "./convolution.ts";
export * from "./distance.ts";
export * from "./dropout.ts";
export * from "./embedding.ts";
export * from "./lazy.ts";
export { Bilinear, Identity, Linear } from "./linear.ts";
export * from "./loss.ts";
export {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  GroupNorm,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  LayerNorm,
  LocalResponseNorm,
} from "./normalization.ts";
export * from "./padding.ts";
export * from "./pooling.ts";
export { GRU, LSTM, type LSTMState, RNN } from "./recurrent.ts";
export * from "./shape.ts";
export * from "./softmax.ts";
export * from "./transformer.ts";
export { TransformerDecoderLayer, TransformerEncoderLayer } from "./transformer-layers.ts";
export * from "./vision.ts";
