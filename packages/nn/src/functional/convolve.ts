/** What the convolutions of all ranks do with their arguments. */
import { apply, fail, showShape, type Tensor } from "@dl/tensor";
import { batchwise, each, type Size } from "./sizes.ts";
import { throughFloat64 } from "./whole.ts";

export type Padding = Size | "same" | "valid";
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
  const [step, spread] = [each(name, "stride", stride, rank), each(name, "dilation", dilation, rank)];
  const sides = padding === "same" ? sameSides(name, kernel, step, spread) : null;
  const even = sides?.every(([before, after]) => before === after) ?? true;
  const fixed = typeof padding === "string" ? 0 : padding;
  const around = sides ? sides.map(([before]) => (even ? before : 0)) : each(name, "padding", fixed, rank);
  const attrs = { stride: step, padding: around, dilation: spread, groups };
  return throughFloat64(name, [input, weight, bias], (input, weight, bias) =>
    batchwise(name, input, rank, (x) => {
      const padded = even ? x : apply("pad", [x], { padding: [[0, 0], [0, 0], ...sides!], value: 0 });
      return apply("conv", bias ? [padded, weight, bias] : [padded, weight], attrs);
    }),
  );
}

/** What to add before and after each spatial dimension so that the output is as large as the input. */
function samePadding(kernel: readonly number[], dilation: readonly number[]): [number, number][] {
  return kernel.map((extent, i) => {
    const total = dilation[i]! * (extent - 1);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  });
}

export function checkWeight(name: string, weight: Tensor, rank: number): readonly number[] {
  if (weight.ndim !== rank + 2) fail(name, `needs a weight of ${rank + 2} dimensions, got ${showShape(weight.shape)}`);
  return each(name, "kernelSize", weight.shape.slice(2), rank);
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
