/** Convolutions over 1, 2 or 3 spatial dimensions, with or without a batch. */
import { apply, composite, fail, type OpFunction, showShape, type Tensor } from "@dl/tensor";
import { type ConvArguments, checkWeight, convolve } from "./convolve.ts";
import { batchwise, each, type Size } from "./sizes.ts";
import { throughFloat64 } from "./whole.ts";

export type { ConvArguments, Padding } from "./convolve.ts";

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
 */
export const conv2d: OpFunction<ConvNames, ConvArguments, Tensor> = convolution(2);
/**
 * Convolves [N, C, D, H, W] or [C, D, H, W] with weight [O, C / groups, KD, KH, KW].
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.conv3d.html
 */
export const conv3d: OpFunction<ConvNames, ConvArguments, Tensor> = convolution(3);

export type TransposeNames = ["input", "weight", "bias", "stride", "padding", "outputPadding", "groups", "dilation"];
export type TransposeArguments = [
  input: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  stride?: Size,
  padding?: Size,
  outputPadding?: Size,
  groups?: number,
  dilation?: Size,
];

/** The gradient of a convolution for its input, as an operation of its own. */
function transposed(rank: 1 | 2 | 3): OpFunction<TransposeNames, TransposeArguments, Tensor> {
  const name = `convTranspose${rank}d`;
  const body = (
    ...[input, weight, bias, stride = 1, padding = 0, outputPadding = 0, groups = 1, dilation = 1]: TransposeArguments
  ): Tensor => {
    const kernel = checkWeight(name, weight, rank);
    const step = each(name, "stride", stride, rank);
    const around = each(name, "padding", padding, rank);
    const extra = each(name, "outputPadding", outputPadding, rank);
    const spread = each(name, "dilation", dilation, rank);
    extra.forEach((more, i) => {
      if (more >= Math.max(step[i]!, spread[i]!))
        fail(name, `outputPadding ${more} must be less than stride or dilation`);
    });
    return batchwise(name, input, rank, (x) => {
      if (x.shape[1] !== weight.shape[0]) {
        fail(
          name,
          `weight ${showShape(weight.shape)} needs ${weight.shape[0]} input channels, got ${showShape(x.shape)}`,
        );
      }
      const sizes = kernel.map(
        (extent, i) => (x.shape[2 + i]! - 1) * step[i]! - 2 * around[i]! + spread[i]! * (extent - 1) + extra[i]! + 1,
      );
      if (sizes.some((size) => size < 1))
        fail(name, `the output of ${showShape(x.shape)} would be empty: ${showShape(sizes)}`);
      const inputShape = [x.shape[0]!, weight.shape[1]! * groups, ...sizes];
      const attrs = { stride: step, padding: around, dilation: spread, groups, inputShape };
      return throughFloat64(name, [x, weight, bias], (x, weight, bias) => {
        const out = apply("convInput", [x, weight], attrs);
        return bias ? out.add(bias.view([-1, ...kernel.map(() => 1)])) : out;
      });
    });
  };
  return composite(
    `${name}(input, weight, bias?, stride?, padding?, outputPadding?, groups?, dilation?)`,
    body,
  ) as never;
}

/** The transpose of {@link conv1d}; weight [C, O / groups, K]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose1d.html */
export const convTranspose1d: OpFunction<TransposeNames, TransposeArguments, Tensor> = transposed(1);
/** The transpose of {@link conv2d}; weight [C, O / groups, KH, KW]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose2d.html */
export const convTranspose2d: OpFunction<TransposeNames, TransposeArguments, Tensor> = transposed(2);
/** The transpose of {@link conv3d}; weight [C, O / groups, KD, KH, KW]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose3d.html */
export const convTranspose3d: OpFunction<TransposeNames, TransposeArguments, Tensor> = transposed(3);
