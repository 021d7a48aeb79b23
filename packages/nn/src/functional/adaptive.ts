/** Pooling to a given output size: window i of n spans ⌊i · size / n⌋ up to ⌈(i + 1) · size / n⌉. */
import {
  apply,
  collectTaps,
  composite,
  fail,
  fromArray,
  type OpFunction,
  showShape,
  type Tensor,
  type ValuesIndices,
  valuesIndices,
} from "@dl/tensor";
import { avgPool1d, avgPool2d, avgPool3d } from "./pooling.ts";
import { indexTensor, planePositions } from "./positions.ts";
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

/** The positions in each of `count` windows over `size` elements. */
function windows(size: number, count: number): number[][] {
  return Array.from({ length: count }, (_, i) => {
    const start = Math.floor((i * size) / count);
    return Array.from({ length: Math.ceil(((i + 1) * size) / count) - start }, (_, k) => start + k);
  });
}

const fixed = { 1: avgPool1d, 2: avgPool2d, 3: avgPool3d } as const;

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
    if (sizes.every((size, i) => wanted[i]! > 0 && size % wanted[i]! === 0)) {
      return fixed[rank](
        input,
        sizes.map((size, i) => size / wanted[i]!),
      );
    }
    const spans = sizes.map((size, i) => windows(size, wanted[i]!));
    const sums = spans.reduce((x, along, i) => sumAlong(x, input.ndim - rank + i, along), input);
    const lengths = spans.map((along) => along.map((span) => span.length));
    const areas = lengths.reduce((all, along) => all.flatMap((area) => along.map((length) => area * length)), [1]);
    return sums.div(fromArray(Float64Array.from(areas), wanted, { dtype: input.dtype, device: input.device }));
  };
  return composite(`${name}(input, outputSize)`, body) as never;
}

/** Sums of windows along one dimension. */
function sumAlong(x: Tensor, dim: number, spans: readonly (readonly number[])[]): Tensor {
  const outputs = spans.flatMap((span, i) => span.map(() => i));
  return apply("resample", [x], { dim, taps: collectTaps(spans.length, outputs, spans.flat()) });
}

/** The mean of each of `outputSize` windows of [N, C, L] or [C, L]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool1d.html */
export const adaptiveAvgPool1d: OpFunction<["input", "outputSize"], [input: Tensor, outputSize: AdaptiveSize], Tensor> =
  adaptiveAvgPool(1);
/** The mean of each of `outputSize` windows of [N, C, H, W] or [C, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool2d.html */
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
    const wanted = targets(name, input, outputSize, rank);
    const plane = input.shape.slice(-rank);
    const cells = product(plane.map((size, i) => windows(size, wanted[i]!))).map((axes) => planePositions(axes, plane));
    const longest = Math.max(1, ...cells.map((cell) => cell.length));
    // Short windows repeat their last position, which changes no maximum and is never the first to reach it.
    const flat = cells.flatMap((cell) =>
      Array.from({ length: longest }, (_, k) => cell[Math.min(k, cell.length - 1)]!),
    );
    const lead = input.shape.slice(0, -rank);
    const table = indexTensor(flat, [flat.length], input);
    const values = input
      .flatten(-rank)
      .indexSelect(-1, table)
      .view([...lead, cells.length, longest]);
    const best = values.max(-1, true);
    const positions = table
      .view([...lead.map(() => 1), cells.length, longest])
      .expand([...lead, cells.length, longest]);
    const shape = [...lead, ...wanted];
    if (!returnIndices) return best.values.view(shape);
    return valuesIndices(best.values.view(shape), positions.gather(-1, best.indices).view(shape));
  };
  return composite(`${name}(input, outputSize, returnIndices?)`, body) as never;
}

function product<T>(lists: readonly (readonly T[])[]): T[][] {
  return lists.reduce<T[][]>((heads, list) => heads.flatMap((head) => list.map((item) => [...head, item])), [[]]);
}

/** The largest of each of `outputSize` windows of [N, C, L] or [C, L]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_max_pool1d.html */
export const adaptiveMaxPool1d: AdaptiveMaxPool = adaptiveMaxPool(1);
/** The largest of each of `outputSize` windows of [N, C, H, W] or [C, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_max_pool2d.html */
export const adaptiveMaxPool2d: AdaptiveMaxPool = adaptiveMaxPool(2);
/** The largest of each of `outputSize` windows of [N, C, D, H, W] or [C, D, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_max_pool3d.html */
export const adaptiveMaxPool3d: AdaptiveMaxPool = adaptiveMaxPool(3);
