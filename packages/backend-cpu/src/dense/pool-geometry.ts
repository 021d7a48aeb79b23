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
  readonly dilation: readonly number[];
  /** Windows may start within the input and end beyond its padding. */
  readonly ceilMode: boolean;
  /** How many windows divide the input, whatever the others say. */
  readonly adaptive?: readonly number[] | undefined;
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

/** What kernels are written for: a row of a window, and how far apart neighbouring ones begin. */
export interface WindowRow {
  readonly width: number;
  readonly stride: number;
  readonly dilation: number;
  /** Windows have no other rows. */
  readonly single: boolean;
}

export interface PoolGeometry {
  /** Elements that are compared or added up. */
  readonly work: number;
  /** Windows of 2×2 that touch and do not stick out: by far the most common ones. */
  readonly isHalving: boolean;
  /** Of windows that do not divide the input. */
  readonly row: WindowRow | undefined;
  /** In the order of `geometryParams`. */
  readonly args: readonly number[];
}

/** All that the kernels need. */
export const poolGeometry: (shape: PoolShape) => PoolGeometry = remember(
  ({ planes, input, kernel, stride, padding, dilation, ceilMode, adaptive }) => {
    const numbers = [planes, Number(ceilMode)];
    for (let i = 0; i < input.length; i++) {
      numbers.push(input[i]!, kernel[i]!, stride[i]!, padding[i]!, dilation[i]!, adaptive?.[i] ?? -1);
    }
    return numbers;
  },
  makeGeometry,
);

function makeGeometry(shape: PoolShape): PoolGeometry {
  const { planes, input, kernel, stride, padding, dilation, ceilMode, adaptive } = shape;
  const pooled = input.map((size, i) => {
    return pooledSize(size, kernel[i]!, stride[i]!, padding[i]!, dilation[i]!, ceilMode);
  });
  const output = adaptive ?? pooled;
  const triple = (values: readonly number[], missing: number) => [-3, -2, -1].map((i) => values.at(i) ?? missing);
  const steps = adaptive ? input.map(() => 0) : stride;
  const ones = [input, output, kernel, steps, dilation].map((values) => triple(values, 1));
  const inside = padding.every((size) => size === 0) && (!ceilMode || input.every((size) => size % 2 === 0));
  return {
    work: (adaptive ? input : [...kernel, ...output]).reduce((a, b) => a * b, planes),
    isHalving: !adaptive && inside && `${kernel} ${stride} ${dilation}` === "2,2 2,2 1,1",
    row: adaptive ? undefined : rowOf(shape),
    args: [planes, ...ones.flat(), ...triple(padding, 0)],
  };
}

function rowOf({ kernel, stride, dilation }: PoolShape): WindowRow {
  const [width, ...others] = kernel.toReversed() as [number, ...number[]];
  return { width, stride: stride.at(-1)!, dilation: dilation.at(-1)!, single: others.every((size) => size === 1) };
}

/** Strides of 0: windows divide the input. */
export const geometryParams = [
  "planes",
  ...(["inDepth", "inHeight", "inWidth", "outDepth", "outHeight", "outWidth"] as const),
  ...(["kernelDepth", "kernelHeight", "kernelWidth", "strideDepth", "strideHeight", "strideWidth"] as const),
  ...(["dilationDepth", "dilationHeight", "dilationWidth", "paddingDepth", "paddingHeight", "paddingWidth"] as const),
] as const;
