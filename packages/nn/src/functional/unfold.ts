/** Sliding blocks as columns, and back. */
import { apply, collectTaps, composite, fail, showShape, type Taps, type Tensor } from "@dl/tensor";
import { each, type Size } from "./sizes.ts";
import { throughFloat64 } from "./whole.ts";

/** Blocks along one dimension: `at[k · count + i]` is where element k of block i lies, outside where there is padding. */
interface Blocks {
  readonly size: number;
  readonly kernel: number;
  readonly count: number;
  readonly at: readonly number[];
}

function blocksOf(
  name: string,
  sizes: readonly number[],
  kernelSize: Size,
  dilation: Size,
  padding: Size,
  stride: Size,
): [Blocks, Blocks] {
  const [kernels, spreads] = [each(name, "kernelSize", kernelSize, 2), each(name, "dilation", dilation, 2)];
  const [around, steps] = [each(name, "padding", padding, 2, 0), each(name, "stride", stride, 2)];
  const padded = sizes.map((size, d) => size + 2 * around[d]!);
  const blocks = sizes.map((size, d): Blocks => {
    const [kernel, spread, step] = [kernels[d]!, spreads[d]!, steps[d]!];
    const count = Math.floor((padded[d]! - spread * (kernel - 1) - 1) / step) + 1;
    if (count < 1) fail(name, `blocks of ${showShape(kernels)} do not fit into ${showShape(padded)}`);
    const place = (k: number): number => Math.floor(k / count) * spread + (k % count) * step - around[d]!;
    return { size, kernel, count, at: Array.from({ length: kernel * count }, (_, k) => place(k)) };
  });
  return blocks as [Blocks, Blocks];
}

/** Takes elements to where they lie in blocks, along one dimension, or sums them back. */
function stageOf(dim: number, { size, at }: Blocks, back: boolean): { readonly dim: number; readonly taps: Taps } {
  const within = [...at.keys()].filter((k) => at[k]! >= 0 && at[k]! < size);
  const places = within.map((k) => at[k]!);
  return { dim, taps: back ? collectTaps(size, places, within) : collectTaps(at.length, within, places) };
}

function batched(name: string, input: Tensor, rank: number): [Tensor, boolean] {
  if (input.ndim === rank) return [input, true];
  if (input.ndim === rank - 1) return [input.unsqueeze(0), false];
  return fail(name, `needs ${rank - 1} or ${rank} dimensions, got ${showShape(input.shape)}`);
}

/**
 * Blocks of [N, C, H, W] as columns [N, C · KH · KW, L].
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.unfold.html
 * @example
 * F.unfold(rand(1, 3, 4, 4), 2).shape; // [1, 12, 9]
 */
export const unfold = composite(
  "unfold(input, kernelSize, dilation?, padding?, stride?)",
  (input: Tensor, kernelSize: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1): Tensor =>
    throughFloat64("unfold", [input], (input) => {
      const [x, hasBatch] = batched("unfold", input, 4);
      const [batch, channels] = x.shape as [number, number];
      const [rows, columns] = blocksOf("unfold", x.shape.slice(2), kernelSize, dilation, padding, stride);
      const out = apply("resample", [x], { stages: [stageOf(3, columns, false), stageOf(2, rows, false)] })
        .view(batch, channels, rows.kernel, rows.count, columns.kernel, columns.count)
        .transpose(3, 4)
        .reshape(batch, channels * rows.kernel * columns.kernel, rows.count * columns.count);
      return hasBatch ? out : out.squeeze(0);
    }),
);

/** Sums columns [N, C · KH · KW, L] into [N, C, H, W]: the adjoint of {@link unfold}. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.fold.html */
export const fold = composite(
  "fold(input, outputSize, kernelSize, dilation?, padding?, stride?)",
  (
    input: Tensor,
    outputSize: Size,
    kernelSize: Size,
    dilation: Size = 1,
    padding: Size = 0,
    stride: Size = 1,
  ): Tensor =>
    throughFloat64("fold", [input], (input) => {
      const [x, hasBatch] = batched("fold", input, 3);
      const size = each("fold", "outputSize", outputSize, 2);
      const [rows, columns] = blocksOf("fold", size, kernelSize, dilation, padding, stride);
      const [kernel, blocks] = [rows.kernel * columns.kernel, rows.count * columns.count];
      if (x.shape[1]! % kernel !== 0 || x.shape[2] !== blocks) {
        fail("fold", `${showShape(size)} needs [N, C · ${kernel}, ${blocks}], got ${showShape(input.shape)}`);
      }
      const [batch, channels] = [x.shape[0]!, x.shape[1]! / kernel];
      const laid = x
        .reshape(batch, channels, rows.kernel, columns.kernel, rows.count, columns.count)
        .transpose(3, 4)
        .reshape(batch, channels, rows.kernel * rows.count, columns.kernel * columns.count);
      const out = apply("resample", [laid], { stages: [stageOf(2, rows, true), stageOf(3, columns, true)] });
      return hasBatch ? out : out.squeeze(0);
    }),
);
