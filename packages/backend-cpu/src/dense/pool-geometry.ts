/** The arithmetic of pooling windows. One, two and three dimensions are all treated as three. */

import { remember } from "./remember.ts";

/** A pooling as PyTorch describes it; spatial lists have one to three entries. Tensors are contiguous. */
export interface PoolShape {
  /** Planes that are pooled one by one: batch times channels. */
  readonly planes: number;
  readonly input: readonly number[];
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  /** Ignored by average pooling. */
  readonly dilation: readonly number[];
  /** Windows may start within the input and end beyond its padding. */
  readonly ceilMode: boolean;
}

/** The spatial size of the output of one dimension. */
export function pooledSize(
  size: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
  ceilMode: boolean,
): number {
  const room = size + 2 * padding - dilation * (kernel - 1) - 1;
  if (!ceilMode) return Math.floor(room / stride) + 1;
  const count = Math.ceil(room / stride) + 1;
  // The last window must start inside the input or the padding before it.
  return (count - 1) * stride >= size + padding ? count - 1 : count;
}

export interface PoolGeometry {
  /** Elements that are compared or added up. */
  readonly work: number;
  /** Windows of 2×2 that touch and do not stick out: by far the most common ones. */
  readonly isHalving: boolean;
  /** In the order of `geometryParams`. */
  readonly args: readonly number[];
}

/** All that the kernels need. */
export const poolGeometry: (shape: PoolShape) => PoolGeometry = remember(
  ({ planes, input, kernel, stride, padding, dilation, ceilMode }) => {
    const numbers = [planes, Number(ceilMode)];
    for (let i = 0; i < input.length; i++) {
      numbers.push(input[i]!, kernel[i]!, stride[i]!, padding[i]!, dilation[i]!);
    }
    return numbers;
  },
  makeGeometry,
);

function makeGeometry(shape: PoolShape): PoolGeometry {
  const { planes, input, kernel, stride, padding, dilation, ceilMode } = shape;
  const output = input.map((size, i) => {
    return pooledSize(size, kernel[i]!, stride[i]!, padding[i]!, dilation[i]!, ceilMode);
  });
  const triple = (values: readonly number[], missing: number) => [-3, -2, -1].map((i) => values.at(i) ?? missing);
  const ones = [input, output, kernel, stride, dilation].map((values) => triple(values, 1));
  const inside = padding.every((size) => size === 0) && (!ceilMode || input.every((size) => size % 2 === 0));
  return {
    work: [planes, ...kernel, ...output].reduce((a, b) => a * b, 1),
    isHalving: inside && `${kernel} ${stride} ${dilation}` === "2,2 2,2 1,1",
    args: [planes, ...ones.flat(), ...triple(padding, 0)],
  };
}

export const geometryParams = [
  "planes",
  ...(["inDepth", "inHeight", "inWidth", "outDepth", "outHeight", "outWidth"] as const),
  ...(["kernelDepth", "kernelHeight", "kernelWidth", "strideDepth", "strideHeight", "strideWidth"] as const),
  ...(["dilationDepth", "dilationHeight", "dilationWidth", "paddingDepth", "paddingHeight", "paddingWidth"] as const),
] as const;
