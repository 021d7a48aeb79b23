/** What the convolutions of all ranks do with their arguments. */
import { apply, checkName, fail, showShape, type Tensor } from "@dl/tensor";
import { batchwise, each, type Size } from "./sizes.ts";
import { throughFloat64 } from "./whole.ts";

export type Padding = Size | "same" | "valid";
export const namedPaddings: readonly string[] = ["same", "valid"];
export type ConvArguments = [
  input: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  stride?: Size,
  padding?: Padding,
  dilation?: Size,
  groups?: number,
];

export function convolve(
  rank: 1 | 2 | 3,
  [input, weight, bias, stride = 1, padding = 0, dilation = 1, groups = 1]: ConvArguments,
): Tensor {
  const name = `conv${rank}d`;
  const kernel = checkWeight(name, weight, rank);
  checkBias(name, bias, weight.shape[0]!);
  if (typeof padding === "string") checkName(name, "padding", padding, namedPaddings);
  const [step, spread] = [each(name, "stride", stride, rank), each(name, "dilation", dilation, rank)];
  const sides = padding === "same" ? sameSides(name, kernel, step, spread) : null;
  const even = sides?.every(([before, after]) => before === after) ?? true;
  const fixed = typeof padding === "string" ? 0 : padding;
  const around = sides ? sides.map(([before]) => (even ? before : 0)) : each(name, "padding", fixed, rank, 0);
  const attrs = { stride: step, padding: around, dilation: spread, groups };
  return throughFloat64(name, [input, weight, bias], (input, weight, bias) =>
    batchwise(name, input, rank, (x) => {
      const padded = even ? x : apply("pad", [x], { padding: [[0, 0], [0, 0], ...sides!], value: 0 });
      return apply("conv", bias ? [padded, weight, bias] : [padded, weight], attrs);
    }),
  );
}

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
export function convolveTransposed(
  rank: 1 | 2 | 3,
  [input, weight, bias, stride = 1, padding = 0, outputPadding = 0, groups = 1, dilation = 1]: TransposeArguments,
): Tensor {
  const name = `convTranspose${rank}d`;
  const kernel = checkWeight(name, weight, rank);
  checkBias(name, bias, weight.shape[1]! * groups);
  const attrs = {
    stride: each(name, "stride", stride, rank),
    padding: each(name, "padding", padding, rank, 0),
    dilation: each(name, "dilation", dilation, rank),
    groups,
  };
  const extra = each(name, "outputPadding", outputPadding, rank, 0);
  extra.forEach((more, i) => {
    if (more >= Math.max(attrs.stride[i]!, attrs.dilation[i]!))
      fail(name, `outputPadding ${more} must be less than stride or dilation`);
  });
  return batchwise(name, input, rank, (x) => {
    const channels = weight.shape[0]!;
    if (x.shape[1] !== channels || channels % groups !== 0) {
      const needed = `${channels} input channels in ${groups} groups`;
      fail(name, `weight ${showShape(weight.shape)} needs ${needed}, got ${showShape(x.shape)}`);
    }
    const inputShape = [x.shape[0]!, weight.shape[1]! * groups, ...grown(name, x, kernel, attrs, extra)];
    return throughFloat64(name, [x, weight, bias], (x, weight, bias) => {
      const out = apply("convInput", [x, weight], { ...attrs, inputShape });
      return bias ? out.add(bias.view([-1, ...kernel.map(() => 1)])) : out;
    });
  });
}

/** The spatial sizes of which a convolution would make those of `x`. */
function grown(
  name: string,
  { shape }: Tensor,
  kernel: readonly number[],
  { stride, padding, dilation }: Readonly<Record<"stride" | "padding" | "dilation", readonly number[]>>,
  extra: readonly number[],
): readonly number[] {
  const sizes = kernel.map(
    (extent, i) => (shape[2 + i]! - 1) * stride[i]! - 2 * padding[i]! + dilation[i]! * (extent - 1) + extra[i]! + 1,
  );
  if (sizes.some((size) => size < 1))
    fail(name, `the output of ${showShape(shape)} would be empty: ${showShape(sizes)}`);
  return sizes;
}

/** What to add before and after each spatial dimension so that the output is as large as the input. */
function samePadding(kernel: readonly number[], dilation: readonly number[]): [number, number][] {
  return kernel.map((extent, i) => {
    const total = dilation[i]! * (extent - 1);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  });
}

function checkWeight(name: string, weight: Tensor, rank: number): readonly number[] {
  if (weight.ndim !== rank + 2) fail(name, `needs a weight of ${rank + 2} dimensions, got ${showShape(weight.shape)}`);
  return each(name, "kernelSize", weight.shape.slice(2), rank);
}

function checkBias(name: string, bias: Tensor | null | undefined, features: number): void {
  if (bias && (bias.ndim !== 1 || bias.shape[0] !== features)) {
    fail(name, `needs a bias of [${features}], got ${showShape(bias.shape)}`);
  }
}

function sameSides(
  name: string,
  kernel: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
): [number, number][] {
  if (stride.some((step) => step !== 1)) fail(name, `padding "same" needs stride 1, got ${showShape(stride)}`);
  return samePadding(kernel, dilation);
}
