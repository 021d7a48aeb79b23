/** Maxima, means and norms over windows. */
import {
  composite,
  fail,
  type OpFunction,
  scatter,
  showShape,
  type Tensor,
  type ValuesIndices,
  zeros,
} from "@dl/tensor";
import { averages, type Span } from "./averages.ts";
import { largest } from "./largest.ts";
import { batchwise, each, type Size } from "./sizes.ts";
import { throughFloat64 } from "./whole.ts";

type Rank = 1 | 2 | 3;

interface Window {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
}

/** No stride, or an empty one: windows side by side. */
function strideOr(kernel: readonly number[], stride: Size | null | undefined): Size {
  return stride == null || (typeof stride !== "number" && stride.length === 0) ? kernel : stride;
}

/** Padding alone fills no window. */
function checkPadding(name: string, { kernel, padding }: Window): void {
  padding.forEach((pad, i) => {
    if (pad * 2 > kernel[i]!) fail(name, `padding ${pad} must be at most half of the kernel's ${kernel[i]}`);
  });
}

export type MaxNames = ["input", "kernelSize", "stride", "padding", "dilation", "ceilMode", "returnIndices"];
export type MaxArguments = [
  input: Tensor,
  kernelSize: Size,
  stride?: Size | null,
  padding?: Size,
  dilation?: Size,
  ceilMode?: boolean,
  returnIndices?: boolean,
];

/** Values, or with `returnIndices` values and their positions within each plane. */
export interface MaxPool {
  (input: Tensor, kernelSize: Size, options: { readonly returnIndices: true } & MaxOptions): ValuesIndices;
  (input: Tensor, kernelSize: Size, options?: MaxOptions): Tensor;
  (...args: MaxArguments): Tensor | ValuesIndices;
  readonly names: MaxNames;
}

export interface MaxOptions {
  readonly stride?: Size | null;
  readonly padding?: Size;
  readonly dilation?: Size;
  readonly ceilMode?: boolean;
  readonly returnIndices?: boolean;
}

function maxPool(rank: Rank): MaxPool {
  const name = `maxPool${rank}d`;
  const body = (
    ...[input, kernelSize, stride, padding = 0, dilation = 1, ceilMode = false, returnIndices = false]: MaxArguments
  ): Tensor | ValuesIndices => {
    const kernel = each(name, "kernelSize", kernelSize, rank);
    const attrs = {
      kernel,
      stride: each(name, "stride", strideOr(kernel, stride), rank),
      padding: each(name, "padding", padding, rank, 0),
      dilation: each(name, "dilation", dilation, rank),
      ceilMode,
    };
    checkPadding(name, attrs);
    return largest(name, input, attrs, returnIndices);
  };
  return composite(
    `${name}(input, kernelSize, stride?, padding?, dilation?, ceilMode?, returnIndices?)`,
    body,
  ) as never;
}

/** The largest of each window of [N, C, L] or [C, L]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.max_pool1d.html */
export const maxPool1d: MaxPool = maxPool(1);
/**
 * The largest of each window of [N, C, H, W] or [C, H, W].
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.max_pool2d.html
 * @example
 * F.maxPool2d(rand(1, 8, 28, 28), 2).shape; // [1, 8, 14, 14]
 */
export const maxPool2d: MaxPool = maxPool(2);
/** The largest of each window of [N, C, D, H, W] or [C, D, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.max_pool3d.html */
export const maxPool3d: MaxPool = maxPool(3);

export type AvgNames = ["input", "kernelSize", "stride", "padding", "ceilMode", "countIncludePad", "divisorOverride"];
export type AvgArguments = [
  input: Tensor,
  kernelSize: Size,
  stride?: Size | null,
  padding?: Size,
  ceilMode?: boolean,
  countIncludePad?: boolean,
  divisorOverride?: number | null,
];

/** The windows along each spatial dimension. In `ceilMode` the last one must still start inside the input or its left padding. */
function spansOf(
  name: string,
  { shape }: Tensor,
  { kernel, stride, padding }: Window,
  ceilMode: boolean,
  countIncludePad: boolean,
): Span[][] {
  return kernel.map((extent, d) => {
    const [size, step, pad] = [shape[d + 2]!, stride[d]!, padding[d]!];
    const steps = (ceilMode ? Math.ceil : Math.floor)((size + 2 * pad - extent) / step) + 1;
    const count = ceilMode && (steps - 1) * step >= size + pad ? steps - 1 : steps;
    if (count < 1) fail(name, `a window of ${showShape(kernel)} does not fit into ${showShape(shape)}`);
    return Array.from({ length: count }, (_, i): Span => {
      const start = i * step - pad;
      const [first, end] = [Math.max(start, 0), Math.min(start + extent, size)];
      return { first, end, length: countIncludePad ? Math.min(start + extent, size + pad) - start : end - first };
    });
  });
}

function avgPool(rank: Rank): OpFunction<AvgNames, AvgArguments, Tensor> {
  const name = `avgPool${rank}d`;
  const body = (
    ...[input, kernelSize, stride, padding = 0, ceilMode = false, countIncludePad = true, divisorOverride]: AvgArguments
  ): Tensor => {
    const kernel = each(name, "kernelSize", kernelSize, rank);
    const window = {
      kernel,
      stride: each(name, "stride", strideOr(kernel, stride), rank),
      padding: each(name, "padding", padding, rank, 0),
      dilation: kernel.map(() => 1),
    };
    checkPadding(name, window);
    if (divisorOverride === 0) fail(name, "divisorOverride must not be 0");
    return throughFloat64(name, [input], (input) =>
      batchwise(name, input, rank, (x) => {
        const spans = spansOf(name, x, window, ceilMode, countIncludePad);
        return averages(x, spans, divisorOverride);
      }),
    );
  };
  return composite(
    `${name}(input, kernelSize, stride?, padding?, ceilMode?, countIncludePad?, divisorOverride?)`,
    body,
    `AvgPool${rank}DBackward0`,
    "piecewise",
  ) as never;
}

/** The mean of each window of [N, C, L] or [C, L]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool1d.html */
export const avgPool1d: OpFunction<AvgNames, AvgArguments, Tensor> = avgPool(1);
/**
 * The mean of each window of [N, C, H, W] or [C, H, W].
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool2d.html
 * @example
 * F.avgPool2d(ones(1, 1, 2, 2), 2); // tensor([[[[1.]]]])
 */
export const avgPool2d: OpFunction<AvgNames, AvgArguments, Tensor> = avgPool(2);
/** The mean of each window of [N, C, D, H, W] or [C, D, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool3d.html */
export const avgPool3d: OpFunction<AvgNames, AvgArguments, Tensor> = avgPool(3);

export type LpNames = ["input", "normType", "kernelSize", "stride", "ceilMode"];
export type LpArguments = [input: Tensor, normType: number, kernelSize: Size, stride?: Size | null, ceilMode?: boolean];

function lpPool(rank: 1 | 2): OpFunction<LpNames, LpArguments, Tensor> {
  const body = (...[input, normType, kernelSize, stride, ceilMode = false]: LpArguments): Tensor => {
    const pool = rank === 1 ? avgPool1d : avgPool2d;
    const count = each(`lpPool${rank}d`, "kernelSize", kernelSize, rank).reduce((product, size) => product * size, 1);
    const mean = pool(input.pow(normType), kernelSize, stride, 0, ceilMode);
    return mean
      .sign()
      .mul(mean.abs().relu())
      .mul(count)
      .pow(1 / normType);
  };
  return composite(`lpPool${rank}d(input, normType, kernelSize, stride?, ceilMode?)`, body) as never;
}

/** The p-norm of each window of [N, C, L] or [C, L]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.lp_pool1d.html */
export const lpPool1d: OpFunction<LpNames, LpArguments, Tensor> = lpPool(1);
/** The p-norm of each window of [N, C, H, W] or [C, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.lp_pool2d.html */
export const lpPool2d: OpFunction<LpNames, LpArguments, Tensor> = lpPool(2);

export type UnpoolNames = ["input", "indices", "kernelSize", "stride", "padding", "outputSize"];
export type UnpoolArguments = [
  input: Tensor,
  indices: Tensor,
  kernelSize: Size,
  stride?: Size | null,
  padding?: Size,
  outputSize?: readonly number[] | null,
];

function maxUnpool(rank: Rank): OpFunction<UnpoolNames, UnpoolArguments, Tensor> {
  const name = `maxUnpool${rank}d`;
  const body = (...[input, indices, kernelSize, stride, padding = 0, outputSize]: UnpoolArguments): Tensor => {
    const kernel = each(name, "kernelSize", kernelSize, rank);
    const [step, pad] = [each(name, "stride", strideOr(kernel, stride), rank), each(name, "padding", padding, rank, 0)];
    const lead = input.shape.slice(0, -rank);
    const usual = kernel.map((extent, i) => (input.shape[lead.length + i]! - 1) * step[i]! - 2 * pad[i]! + extent);
    const size = outputSize?.slice(-rank) ?? usual;
    const empty = zeros([...lead, size.reduce((product, extent) => product * extent, 1)], {
      dtype: input.dtype,
      device: input.device,
    });
    return scatter(empty, -1, indices.flatten(-rank), input.flatten(-rank)).view([...lead, ...size]);
  };
  return composite(`${name}(input, indices, kernelSize, stride?, padding?, outputSize?)`, body) as never;
}

/** Puts the values of {@link maxPool1d} back where they came from, zeros elsewhere. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.max_unpool1d.html */
export const maxUnpool1d: OpFunction<UnpoolNames, UnpoolArguments, Tensor> = maxUnpool(1);
/** Puts the values of {@link maxPool2d} back where they came from. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.max_unpool2d.html */
export const maxUnpool2d: OpFunction<UnpoolNames, UnpoolArguments, Tensor> = maxUnpool(2);
/** Puts the values of {@link maxPool3d} back where they came from. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.max_unpool3d.html */
export const maxUnpool3d: OpFunction<UnpoolNames, UnpoolArguments, Tensor> = maxUnpool(3);
