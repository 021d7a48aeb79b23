/** Pooling to a given output size: window i of n spans ⌊i · size / n⌋ up to ⌈(i + 1) · size / n⌉. */
import { composite, fail, labelled, type OpFunction, showShape, type Tensor, type ValuesIndices } from "@dl/tensor";
import { averages, type Span } from "./averages.ts";
import { largest } from "./largest.ts";
import { layoutOf } from "./sizes.ts";

type Rank = 1 | 2 | 3;

/** One size for all dimensions, or one each; `null` keeps the input's. */
export type AdaptiveSize = number | readonly (number | null)[];

function targets(name: string, input: Tensor, outputSize: AdaptiveSize, rank: Rank): number[] {
  if (input.ndim !== rank + 1 && input.ndim !== rank + 2) {
    fail(name, `needs ${layoutOf(rank, true)} or ${layoutOf(rank, false)}, got ${showShape(input.shape)}`);
  }
  const wanted = typeof outputSize === "number" ? Array<number>(rank).fill(outputSize) : outputSize;
  if (wanted.length !== 1 && wanted.length !== rank) fail(name, `needs ${rank} output sizes, got ${wanted.length}`);
  return input.shape.slice(-rank).map((size, i) => wanted[wanted.length === 1 ? 0 : i] ?? size);
}

function windows(size: number, count: number): Span[] {
  return Array.from({ length: count }, (_, i) => {
    const [first, end] = [Math.floor((i * size) / count), Math.ceil(((i + 1) * size) / count)];
    return { first, end, length: end - first };
  });
}

function adaptiveAvgPool(
  rank: Rank,
): OpFunction<["input", "outputSize"], [input: Tensor, outputSize: AdaptiveSize], Tensor> {
  const name = `adaptiveAvgPool${rank}d`;
  const body = (input: Tensor, outputSize: AdaptiveSize): Tensor => {
    const wanted = targets(name, input, outputSize, rank);
    const sizes = input.shape.slice(-rank);
    if (wanted.every((count) => count === 1) && !sizes.includes(0)) {
      return input.mean(
        sizes.map((_, i) => i - rank),
        true,
      );
    }
    const spans = sizes.map((size, i) => windows(size, wanted[i]!));
    return labelled(averages(input, spans), `AdaptiveAvgPool${rank}DBackward0`, "piecewise");
  };
  return composite(`${name}(input, outputSize)`, body) as never;
}

/** The mean of each of `outputSize` windows of [N, C, L] or [C, L]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool1d.html */
export const adaptiveAvgPool1d: OpFunction<["input", "outputSize"], [input: Tensor, outputSize: AdaptiveSize], Tensor> =
  adaptiveAvgPool(1);
/**
 * The mean of each of `outputSize` windows of [N, C, H, W] or [C, H, W].
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool2d.html
 * @example
 * F.adaptiveAvgPool2d(rand(1, 8, 7, 5), 1).shape; // [1, 8, 1, 1]
 */
export const adaptiveAvgPool2d: OpFunction<["input", "outputSize"], [input: Tensor, outputSize: AdaptiveSize], Tensor> =
  adaptiveAvgPool(2);
/** The mean of each of `outputSize` windows of [N, C, D, H, W] or [C, D, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool3d.html */
export const adaptiveAvgPool3d: OpFunction<["input", "outputSize"], [input: Tensor, outputSize: AdaptiveSize], Tensor> =
  adaptiveAvgPool(3);

/** Values, or with `returnIndices` values and their positions within each plane. */
export interface AdaptiveMaxPool {
  (input: Tensor, outputSize: AdaptiveSize, options: { readonly returnIndices: true }): ValuesIndices;
  (input: Tensor, outputSize: AdaptiveSize): Tensor;
  (input: Tensor, outputSize: AdaptiveSize, returnIndices?: boolean): Tensor | ValuesIndices;
  readonly names: ["input", "outputSize", "returnIndices"];
}

function adaptiveMaxPool(rank: Rank): AdaptiveMaxPool {
  const name = `adaptiveMaxPool${rank}d`;
  const body = (input: Tensor, outputSize: AdaptiveSize, returnIndices: boolean = false): Tensor | ValuesIndices => {
    const adaptive = targets(name, input, outputSize, rank);
    const [ones, zeros] = [adaptive.map(() => 1), adaptive.map(() => 0)];
    const attrs = { kernel: ones, stride: ones, padding: zeros, dilation: ones, ceilMode: false, adaptive };
    return largest(name, input, attrs, returnIndices);
  };
  return composite(`${name}(input, outputSize, returnIndices?)`, body) as never;
}

/** The largest of each of `outputSize` windows of [N, C, L] or [C, L]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_max_pool1d.html */
export const adaptiveMaxPool1d: AdaptiveMaxPool = adaptiveMaxPool(1);
/** The largest of each of `outputSize` windows of [N, C, H, W] or [C, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_max_pool2d.html */
export const adaptiveMaxPool2d: AdaptiveMaxPool = adaptiveMaxPool(2);
/** The largest of each of `outputSize` windows of [N, C, D, H, W] or [C, D, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_max_pool3d.html */
export const adaptiveMaxPool3d: AdaptiveMaxPool = adaptiveMaxPool(3);
