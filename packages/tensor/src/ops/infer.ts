/** Shape and dtype of every kernel's outputs: one row per op outside the element-wise families. Checks the user's input. */
import type { TensorMeta } from "../backend.ts";
import { type DType, dtypes, inRange } from "../dtype.ts";
import { fail, showShape } from "../errors.ts";
import type { Shape } from "../shape.ts";
import type { Attrs, FusedOps, OtherOps, PoolAttrs } from "./table.ts";

type Infer<K extends keyof OtherOps | keyof FusedOps> = (
  inputs: readonly TensorMeta[],
  attrs: Attrs<K>,
) => readonly TensorMeta[];

const like: (inputs: readonly TensorMeta[]) => readonly TensorMeta[] = ([x]) => [{ shape: x!.shape, dtype: x!.dtype }];
const made = (_: unknown, { shape, dtype }: TensorMeta): readonly TensorMeta[] => [{ shape, dtype }];
const withShape = (x: TensorMeta, shape: Shape): readonly TensorMeta[] => [{ shape, dtype: x.dtype }];

export const infer: { readonly [K in keyof OtherOps | keyof FusedOps]: Infer<K> } = {
  cast: ([x], { dtype }) => [{ shape: x!.shape, dtype }],
  copy: like,
  where: ([, a]) => [a!],
  cat: (inputs, { dim }) => withShape(inputs[0]!, catShape(inputs, dim)),
  pad: ([x], { padding, value }) => {
    inRange("pad", value, x!.dtype);
    return withShape(
      x!,
      x!.shape.map((size, dim) => size + padding[dim]![0] + padding[dim]![1]),
    );
  },
  matmul: ([a, b]) => withShape(a!, [...a!.shape.slice(0, -1), b!.shape.at(-1)!]),
  conv: ([x, weight], attrs) => withShape(x!, convShape(x!.shape, weight!.shape, attrs)),
  convInput: ([grad], { inputShape }) => withShape(grad!, inputShape),
  convWeight: ([grad], { weightShape }) => withShape(grad!, weightShape),
  maxPool: ([x], attrs) => valuesAndPositions(x!, poolShape(x!.shape, attrs), "int32"),
  maxPoolBackward: ([grad], { inputShape }) => withShape(grad!, inputShape),
  resample: ([x], { stages }) =>
    withShape(
      x!,
      stages.reduce((shape, { dim, taps }) => shape.with(dim, taps.bounds.length - 1), x!.shape),
    ),
  gather: ([x, index]) => withShape(x!, index!.shape),
  scatter: like,
  indexSelect: ([x, index], { dim }) => withShape(x!, x!.shape.with(dim, index!.shape[0]!)),
  indexAdd: like,
  indexCopy: like,
  sort: ([x]) => valuesAndPositions(x!, x!.shape),
  topk: ([x], { dim, k }) => valuesAndPositions(x!, x!.shape.length === 0 ? [] : x!.shape.with(dim, k)),
  full: made,
  arange: made,
  random: made,
  nonzero: ([mask], { count }) => [{ shape: [count, mask!.shape.length], dtype: "int64" }],
  runs: ([x], { inverse, bounds }) => {
    const size = x!.shape[0]!;
    const numbers = [...(inverse ? [size] : []), ...(bounds ? [size + 1] : []), 1];
    return [x!, ...numbers.map((count): TensorMeta => ({ shape: [count], dtype: "int64" }))];
  },
  shuffle: like,
  maskedSelect: ([x], { count }) => withShape(x!, [count]),
  extremes: ([x], { dims, keepdim }) => {
    const [least] = withShape(x!, reduceShape(x!.shape, dims, keepdim));
    return [least!, least!];
  },
  softmax: like,
  logSoftmax: like,
  softmaxBackward: like,
  logSoftmaxBackward: like,
  standardize: ([x]) => [x!, { shape: [2, x!.shape[1]!], dtype: x!.dtype === "float64" ? "float64" : "float32" }],
  standardizeBackward: ([, x, , weight]) => (weight ? [x!, weight, weight] : [x!]),
};

function valuesAndPositions(x: TensorMeta, shape: Shape, dtype: DType = "int64"): readonly TensorMeta[] {
  return [
    { shape, dtype: x.dtype },
    { shape, dtype },
  ];
}

/** Shape of a reduction; reduced dimensions stay with size 1 under keepdim. */
export function reduceShape(shape: Shape, dims: readonly number[], keepdim: boolean): Shape {
  return keepdim
    ? shape.map((size, dim) => (dims.includes(dim) ? 1 : size))
    : shape.filter((_, dim) => !dims.includes(dim));
}

/** Sums of whole numbers and bools are int64. */
export function accumulatorOf(dtype: DType): DType {
  return dtypes[dtype].kind === "float" ? dtype : "int64";
}

function catShape(inputs: readonly TensorMeta[], dim: number): Shape {
  const [first] = inputs;
  for (const { shape } of inputs) {
    if (shape.length !== first!.shape.length || shape.some((size, d) => d !== dim && size !== first!.shape[d])) {
      fail("cat", `shapes ${showShape(first!.shape)} and ${showShape(shape)} differ outside dimension ${dim}`);
    }
  }
  return first!.shape.with(
    dim,
    inputs.reduce((sum, { shape }) => sum + shape[dim]!, 0),
  );
}

function convShape(x: Shape, weight: Shape, { stride, padding, dilation, groups }: Attrs<"conv">): Shape {
  if (x[1] !== weight[1]! * groups) {
    fail(
      "conv",
      `weight ${showShape(weight)} with groups ${groups} needs ${weight[1]! * groups} input channels, got ${x[1]} in ${showShape(x)}`,
    );
  }
  const spatial = stride.map((step, i) => {
    const size = x[2 + i]! + 2 * padding[i]! - dilation[i]! * (weight[2 + i]! - 1) - 1;
    if (size < 0)
      fail("conv", `the kernel of weight ${showShape(weight)} is larger than the padded input ${showShape(x)}`);
    return Math.floor(size / step) + 1;
  });
  return [x[0]!, weight[0]!, ...spatial];
}

/** Output size of pooling; in ceilMode a last window must still start inside the input or its left padding. */
function poolShape(x: Shape, { kernel, stride, padding, dilation, ceilMode, adaptive }: PoolAttrs): Shape {
  const lead = x.slice(0, x.length - kernel.length);
  if (adaptive) return [...lead, ...adaptive];
  const spatial = kernel.map((extent, i) => {
    const size = x[lead.length + i]!;
    const room = size + 2 * padding[i]! - dilation[i]! * (extent - 1) - 1;
    const steps = (ceilMode ? Math.ceil : Math.floor)(room / stride[i]!) + 1;
    const count = ceilMode && (steps - 1) * stride[i]! >= size + padding[i]! ? steps - 1 : steps;
    if (count < 1) fail("maxPool", `a window of ${showShape(kernel)} does not fit into ${showShape(x)}`);
    return count;
  });
  return [...lead, ...spatial];
}
