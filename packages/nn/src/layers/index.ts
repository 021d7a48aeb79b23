export {
  Hardsigmoid,
  Hardswish,
  type InplaceOnly,
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
export { MultiheadAttention, type MultiheadAttentionArguments, type MultiheadAttentionInput } from "./attention.ts";
export {
  type Cell,
  type CellArguments,
  type CellWeights,
  GRUCell,
  LSTMCell,
  type LSTMState,
  RNNCell,
  type RNNCellArguments,
  type WithState,
} from "./cells.ts";
export {
  BCELoss,
  BCEWithLogitsLoss,
  type BCEWithLogitsLossArguments,
  CrossEntropyLoss,
  type CrossEntropyLossArguments,
  MultiLabelSoftMarginLoss,
  MultiMarginLoss,
  type MultiMarginLossArguments,
  NLLLoss,
  type NLLLossArguments,
  type WeightedLossArguments,
} from "./classification.ts";
export {
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvArguments,
  type ConvPaddingMode,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvTransposeArguments,
  type ConvTransposeInput,
} from "./convolution.ts";
export * from "./distance.ts";
export * from "./dropout.ts";
export * from "./embedding.ts";
export * from "./lazy.ts";
export { Bilinear, type BilinearArguments, Identity, Linear, type LinearArguments } from "./linear.ts";
export * from "./loss.ts";
export {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  GroupNorm,
  type GroupNormArguments,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  LayerNorm,
  type LayerNormArguments,
  LocalResponseNorm,
  type LocalResponseNormArguments,
  type NormArguments,
} from "./normalization.ts";
export * from "./padding.ts";
export type { Placement } from "./placement.ts";
export * from "./pooling.ts";
export {
  GRU,
  type GRUArguments,
  LSTM,
  type LSTMArguments,
  type RecurrentArguments,
  type RecurrentNonlinearity,
  type RecurrentState,
  RNN,
  type RNNArguments,
} from "./recurrent.ts";
export * from "./shape.ts";
export * from "./softmax.ts";
export * from "./transformer.ts";
export {
  type TransformerActivation,
  type TransformerDecoderInput,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerEncoderLayerInput,
  type TransformerLayerArguments,
} from "./transformer-layers.ts";
export * from "./vision.ts";
