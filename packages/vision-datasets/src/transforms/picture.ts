/** Cutting, padding and mirroring, for raw pictures and for tensors [..., height, width]. */
import { cat, fail, full, isTensor, showShape, showValue, type Tensor } from "@dl/tensor";
import { RawImage } from "../image.ts";
import { Transform } from "./transform.ts";

/** What transforms of geometry take, and give back in kind. */
export type Picture = RawImage | Tensor;

export interface PictureTransform {
  <P extends Picture>(picture: P): P;
}

/** A transform that keeps its input's kind. */
export abstract class PictureTransform extends Transform<Picture, Picture> {
  abstract override forward<P extends Picture>(picture: P): P;
}

/** How many pixels to add on each side; negative: to cut off. */
export interface Margins {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export function sizeOf(picture: Picture, op: string): { readonly height: number; readonly width: number } {
  if (picture instanceof RawImage) return picture;
  if (!isTensor(picture)) fail(op, `needs a RawImage or a tensor, got ${showValue(picture)}`);
  const [height, width] = picture.shape.slice(-2);
  if (width !== undefined) return { height: height!, width };
  return fail(op, `needs a tensor [..., height, width], got shape ${showShape(picture.shape)}`);
}

/** The picture with other margins; new pixels are `fill`. */
export function withMargins<P extends Picture>(picture: P, margins: Margins, fill = 0): P {
  const { left, top, right, bottom } = margins;
  const { height, width } = sizeOf(picture, "Pad");
  if (height + top + bottom <= 0 || width + left + right <= 0) {
    fail("Pad", `nothing is left of ${height} x ${width} pixels without [${left}, ${top}, ${right}, ${bottom}]`);
  }
  return (
    isTensor(picture) ? tensorWithMargins(picture, margins, fill) : imageWithMargins(picture, margins, fill)
  ) as P;
}

/** @throws TensorError for what no pixel of a raw picture can be */
export function checkByte(op: string, fill: number): void {
  if (Number.isInteger(fill) && fill >= 0 && fill <= 255) return;
  fail(op, `fill is ${fill}, needs a whole number from 0 to 255 for a RawImage`, "Other values are for tensors");
}

function imageWithMargins(image: RawImage, { left, top, right, bottom }: Margins, fill: number): RawImage {
  checkByte("Pad", fill);
  const [height, width] = [image.height + top + bottom, image.width + left + right];
  const { channels, data } = image;
  const out = new Uint8Array(height * width * channels).fill(fill);
  const from = Math.max(-left, 0);
  const to = Math.min(image.width + right, image.width);
  const end = from < to ? height - Math.max(bottom, 0) : 0; // without a column that stays, no row does
  for (let y = Math.max(top, 0); y < end; y++) {
    const row = (y - top) * image.width;
    const kept = data.subarray((row + from) * channels, (row + to) * channels);
    out.set(kept, (y * width + Math.max(left, 0)) * channels);
  }
  return new RawImage(out, height, width, channels);
}

function tensorWithMargins(image: Tensor, { left, top, right, bottom }: Margins, fill: number): Tensor {
  const sides: readonly [axis: number, before: number, after: number][] = [
    [-2, top, bottom],
    [-1, left, right],
  ];
  return sides.reduce((x, [axis, before, after]) => {
    const border = (width: number): Tensor[] =>
      width > 0 ? [full(x.shape.with(axis, width), fill, { dtype: x.dtype, device: x.device })] : [];
    const parts = [...border(before), x, ...border(after)];
    const padded = parts.length === 1 ? x : cat(parts, axis);
    const size = x.shape.at(axis)! + before + after;
    return size === padded.shape.at(axis) ? padded : padded.narrow(axis, Math.max(-before, 0), size);
  }, image);
}

/** The picture seen in a mirror: left and right, or top and bottom, change places. */
export function mirrored<P extends Picture>(picture: P, axis: "horizontal" | "vertical"): P {
  if (isTensor(picture)) return picture.flip(axis === "horizontal" ? -1 : -2) as P;
  const { data, height, width, channels } = picture;
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = axis === "horizontal" ? y * width + width - 1 - x : (height - 1 - y) * width + x;
      for (let c = 0; c < channels; c++) out[(y * width + x) * channels + c] = data[from * channels + c]!;
    }
  }
  return new RawImage(out, height, width, channels) as P;
}
