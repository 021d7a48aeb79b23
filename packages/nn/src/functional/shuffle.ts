/** Channels moved into space, back, or among each other. */
import { composite, fail, showShape, type Tensor } from "@dl/tensor";

/**
 * `[*, C r², H, W]` → `[*, C, H r, W r]`.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.pixel_shuffle.html
 * @example
 * F.pixelShuffle(rand(1, 9, 4, 4), 3).shape; // [1, 1, 12, 12]
 */
export const pixelShuffle = composite(
  "pixelShuffle(input, upscaleFactor)",
  (input: Tensor, upscaleFactor: number): Tensor => {
    const r = upscaleFactor;
    const [count, channels, height, width] = images("pixelShuffle", input);
    if (!(r > 0) || channels % (r * r) !== 0) fail("pixelShuffle", `${channels} channels do not divide by ${r}²`);
    const lead = input.shape.slice(0, -3);
    const split = input.reshape(count, channels / (r * r), r, r, height, width);
    return split.permute(0, 1, 4, 2, 5, 3).reshape([...lead, channels / (r * r), height * r, width * r]);
  },
);

/** `[*, C, H r, W r]` → `[*, C r², H, W]`. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.pixel_unshuffle.html */
export const pixelUnshuffle = composite(
  "pixelUnshuffle(input, downscaleFactor)",
  (input: Tensor, downscaleFactor: number): Tensor => {
    const r = downscaleFactor;
    const [count, channels, height, width] = images("pixelUnshuffle", input);
    if (!(r > 0) || height % r !== 0 || width % r !== 0)
      fail("pixelUnshuffle", `${height} × ${width} does not divide by ${r}`);
    const lead = input.shape.slice(0, -3);
    const split = input.reshape(count, channels, height / r, r, width / r, r);
    return split.permute(0, 1, 3, 5, 2, 4).reshape([...lead, channels * r * r, height / r, width / r]);
  },
);

/** Deals the channels of [N, C, *] out over `groups`. @see https://pytorch.org/docs/stable/generated/torch.nn.ChannelShuffle.html */
export const channelShuffle = composite("channelShuffle(input, groups)", (input: Tensor, groups: number): Tensor => {
  const channels = input.shape[1];
  if (channels === undefined || !(groups > 0) || channels % groups !== 0) {
    fail("channelShuffle", `the channels of ${showShape(input.shape)} do not divide into ${groups} groups`);
  }
  const rest = input.shape.slice(2);
  return input
    .reshape([input.shape[0]!, groups, channels / groups, ...rest])
    .transpose(1, 2)
    .reshape(input.shape);
});

/** How many images, and their sizes. */
function images(name: string, input: Tensor): [count: number, channels: number, height: number, width: number] {
  if (input.ndim < 3) fail(name, `needs [*, C, H, W], got ${showShape(input.shape)}`);
  const count = input.shape.slice(0, -3).reduce((product, size) => product * size, 1);
  return [count, ...(input.shape.slice(-3) as [number, number, number])];
}
