/** Sliding blocks as columns, and back. */
import { composite, fail, showShape, type Tensor, zeros } from "@dl/tensor";
import { pad } from "./padding.ts";
import { indexTensor, planePositions } from "./positions.ts";
import { each, type Size } from "./sizes.ts";

interface Blocks {
  /** Positions within the padded plane: all blocks for the first kernel element, then for the second… */
  readonly positions: number[];
  readonly kernel: number;
  readonly blocks: number;
  readonly plane: readonly number[];
  readonly padding: readonly number[];
}

function blocksOf(
  name: string,
  size: readonly number[],
  kernelSize: Size,
  dilation: Size,
  padding: Size,
  stride: Size,
): Blocks {
  const [kernel, spread] = [each(name, "kernelSize", kernelSize, 2), each(name, "dilation", dilation, 2)];
  const [around, step] = [each(name, "padding", padding, 2), each(name, "stride", stride, 2)];
  const plane = size.map((extent, i) => extent + 2 * around[i]!);
  const counts = plane.map((extent, i) => Math.floor((extent - spread[i]! * (kernel[i]! - 1) - 1) / step[i]!) + 1);
  if (counts.some((count) => count < 1))
    fail(name, `blocks of ${showShape(kernel)} do not fit into ${showShape(plane)}`);
  const starts = counts.map((count, i) => Array.from({ length: count }, (_, k) => k * step[i]!));
  const offsets = planePositions(
    kernel.map((extent, i) => Array.from({ length: extent }, (_, k) => k * spread[i]!)),
    plane,
  );
  const corners = planePositions(starts, plane);
  return {
    positions: offsets.flatMap((offset) => corners.map((corner) => corner + offset)),
    kernel: offsets.length,
    blocks: corners.length,
    plane,
    padding: around,
  };
}

function batched(name: string, input: Tensor, rank: number): [Tensor, boolean] {
  if (input.ndim === rank) return [input, true];
  if (input.ndim === rank - 1) return [input.unsqueeze(0), false];
  return fail(name, `needs ${rank - 1} or ${rank} dimensions, got ${showShape(input.shape)}`);
}

/** Blocks of [N, C, H, W] as columns [N, C · KH · KW, L]. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.unfold.html */
export const unfold = composite(
  "unfold(input, kernelSize, dilation?, padding?, stride?)",
  (input: Tensor, kernelSize: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1): Tensor => {
    const [x, hasBatch] = batched("unfold", input, 4);
    const {
      positions,
      kernel,
      blocks,
      padding: [top, left],
    } = blocksOf("unfold", x.shape.slice(2), kernelSize, dilation, padding, stride);
    const padded = top || left ? pad(x, [left!, left!, top!, top!]) : x;
    const columns = padded.flatten(2).indexSelect(2, indexTensor(positions, [positions.length], x));
    const out = columns.view(x.shape[0]!, x.shape[1]! * kernel, blocks);
    return hasBatch ? out : out.squeeze(0);
  },
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
  ): Tensor => {
    const [x, hasBatch] = batched("fold", input, 3);
    const size = each("fold", "outputSize", outputSize, 2);
    const {
      positions,
      kernel,
      blocks,
      plane,
      padding: [top, left],
    } = blocksOf("fold", size, kernelSize, dilation, padding, stride);
    if (x.shape[1]! % kernel !== 0 || x.shape[2] !== blocks) {
      fail("fold", `${showShape(size)} needs [N, C · ${kernel}, ${blocks}], got ${showShape(input.shape)}`);
    }
    const [batch, channels] = [x.shape[0]!, x.shape[1]! / kernel];
    const empty = zeros([batch, channels, plane[0]! * plane[1]!], { dtype: x.dtype, device: x.device });
    const filled = empty.indexAdd(
      2,
      indexTensor(positions, [positions.length], x),
      x.reshape(batch, channels, kernel * blocks),
    );
    const whole = filled.view(batch, channels, plane[0]!, plane[1]!);
    const out = top || left ? pad(whole, [-left!, -left!, -top!, -top!]) : whole;
    return hasBatch ? out : out.squeeze(0);
  },
);
