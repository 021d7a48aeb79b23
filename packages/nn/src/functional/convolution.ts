/** Convolutions over 1, 2 or 3 spatial dimensions, with or without a batch. */
import { composite, type OpFunction, type Tensor } from "@dl/tensor";
import { type ConvArguments, convolve, convolveTransposed, type TransposeArguments } from "./convolve.ts";

export type { ConvArguments, Padding, TransposeArguments } from "./convolve.ts";

export type ConvNames = ["input", "weight", "bias", "stride", "padding", "dilation", "groups"];
function convolution(rank: 1 | 2 | 3): OpFunction<ConvNames, ConvArguments, Tensor> {
  const signature = `conv${rank}d(input, weight, bias?, stride?, padding?, dilation?, groups?)`;
  return composite(signature, (...args: ConvArguments) => convolve(rank, args)) as never;
}

/**
 * Convolves [N, C, L] or [C, L] with weight [O, C / groups, K]; `padding` may be "same" or "valid".
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.conv1d.html
 */
export const conv1d: OpFunction<ConvNames, ConvArguments, Tensor> = convolution(1);
/**
 * Convolves [N, C, H, W] or [C, H, W] with weight [O, C / groups, KH, KW].
 * @throws TensorError when channels, groups or sizes do not fit
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html
 * @example
 * F.conv2d(rand(8, 3, 32, 32), rand(16, 3, 3, 3), { padding: 1 }).shape; // [8, 16, 32, 32]
 */
export const conv2d: OpFunction<ConvNames, ConvArguments, Tensor> = convolution(2);
/**
 * Convolves [N, C, D, H, W] or [C, D, H, W] with weight [O, C / groups, KD, KH, KW].
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.conv3d.html
 */
export const conv3d: OpFunction<ConvNames, ConvArguments, Tensor> = convolution(3);

export type TransposeNames = ["input", "weight", "bias", "stride", "padding", "outputPadding", "groups", "dilation"];
function transposed(rank: 1 | 2 | 3): OpFunction<TransposeNames, TransposeArguments, Tensor> {
  const signature = `convTranspose${rank}d(input, weight, bias?, stride?, padding?, outputPadding?, groups?, dilation?)`;
  return composite(signature, (...args: TransposeArguments) => convolveTransposed(rank, args)) as never;
}

/** The transpose of {@link conv1d}; weight [C, O / groups, K]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose1d.html */
export const convTranspose1d: OpFunction<TransposeNames, TransposeArguments, Tensor> = transposed(1);
/**
 * The transpose of {@link conv2d}; weight [C, O / groups, KH, KW].
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose2d.html
 * @example
 * F.convTranspose2d(rand(8, 16, 8, 8), rand(16, 4, 2, 2), { stride: 2 }).shape; // [8, 4, 16, 16]
 */
export const convTranspose2d: OpFunction<TransposeNames, TransposeArguments, Tensor> = transposed(2);
/** The transpose of {@link conv3d}; weight [C, O / groups, KD, KH, KW]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose3d.html */
export const convTranspose3d: OpFunction<TransposeNames, TransposeArguments, Tensor> = transposed(3);
