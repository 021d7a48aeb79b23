/** Random zeros in training; what remains is scaled up, so that nothing needs to change in use. */
import {
  composite,
  fail,
  type OpFunction,
  rand,
  type Shape,
  showShape,
  type Tensor,
  where,
  zerosLike,
} from "@dl/tensor";

/** 1 with probability 1 − p, else 0; as a bool tensor. */
function survivors(input: Tensor, shape: Shape, p: number): Tensor {
  return rand(shape, { device: input.device }).ge(p);
}

function checkProbability(name: string, p: number): void {
  if (!(p >= 0 && p <= 1)) fail(name, `the probability must lie in [0, 1], got ${p}`);
}

function drop(name: string, input: Tensor, shape: Shape, p: number, inplace: boolean): Tensor {
  checkProbability(name, p);
  if (p === 0) return input;
  const scales = survivors(input, shape, p)
    .to(input.dtype)
    .mul(p === 1 ? 0 : 1 / (1 - p));
  return inplace ? input.mul_(scales) : input.mul(scales);
}

/**
 * Zeros with probability `p`, in training only; the rest is divided by 1 − p.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.dropout.html
 */
export const dropout = composite(
  "dropout(input, p?, training?, inplace?)",
  (input: Tensor, p: number = 0.5, training: boolean = true, inplace: boolean = false): Tensor => {
    checkProbability("dropout", p);
    return training ? drop("dropout", input, input.shape, p, inplace) : input;
  },
);

export type DropoutNames = ["input", "p", "training", "inplace"];
export type DropoutArguments = [input: Tensor, p?: number, training?: boolean, inplace?: boolean];

/** Whole channels at once. */
function dropoutChannels(rank: 1 | 2 | 3): OpFunction<DropoutNames, DropoutArguments, Tensor> {
  const name = `dropout${rank}d`;
  const body = (...[input, p = 0.5, training = true, inplace = false]: DropoutArguments): Tensor => {
    checkProbability(name, p);
    const channels = input.ndim - rank;
    // PyTorch reads a 3-d input of dropout2d as [N, C, L].
    const lead = rank === 2 && input.ndim === 3 ? 2 : channels;
    if (lead < 1) fail(name, `needs ${rank} dimensions behind the channels, got ${showShape(input.shape)}`);
    const shape = input.shape.map((size, dim) => (dim < lead ? size : 1));
    return training ? drop(name, input, shape, p, inplace) : input;
  };
  return composite(`${name}(input, p?, training?, inplace?)`, body) as never;
}

/** Drops whole channels of [N, C, L] or [C, L]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.dropout1d.html */
export const dropout1d: OpFunction<DropoutNames, DropoutArguments, Tensor> = dropoutChannels(1);
/** Drops whole channels of [N, C, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.dropout2d.html */
export const dropout2d: OpFunction<DropoutNames, DropoutArguments, Tensor> = dropoutChannels(2);
/** Drops whole channels of [N, C, D, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.dropout3d.html */
export const dropout3d: OpFunction<DropoutNames, DropoutArguments, Tensor> = dropoutChannels(3);

/** What dropped elements become: the limit of SELU at −∞. */
const floor = -1.7580993408473766;

/** Keeps mean and variance of inputs that have mean 0 and variance 1. */
function dropAlpha(input: Tensor, shape: Shape, p: number, inplace: boolean): Tensor {
  if (p === 0) return input;
  if (p === 1) return inplace ? input.mul_(0) : input.mul(zerosLike(input));
  const scale = ((1 - p) * (1 + p * floor ** 2)) ** -0.5;
  const out = where(survivors(input, shape, p), input, floor)
    .mul(scale)
    .add(-scale * p * floor);
  return inplace ? input.copy_(out) : out;
}

/** {@link dropout} for SELU networks. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.alpha_dropout.html */
export const alphaDropout = composite(
  "alphaDropout(input, p?, training?, inplace?)",
  (input: Tensor, p: number = 0.5, training: boolean = false, inplace: boolean = false): Tensor => {
    checkProbability("alphaDropout", p);
    return training ? dropAlpha(input, input.shape, p, inplace) : input;
  },
);

/** {@link alphaDropout} of whole channels. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.feature_alpha_dropout.html */
export const featureAlphaDropout = composite(
  "featureAlphaDropout(input, p?, training?, inplace?)",
  (input: Tensor, p: number = 0.5, training: boolean = false, inplace: boolean = false): Tensor => {
    checkProbability("featureAlphaDropout", p);
    const shape = input.shape.map((size, dim) => (dim < 2 ? size : 1));
    return training ? dropAlpha(input, shape, p, inplace) : input;
  },
);
