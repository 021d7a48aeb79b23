/**
 * Whole batches in one pass: a chain of picture transforms that ends in ToTensor and any Normalizes needs no tensor for
 * a single sample. Other chains are run sample by sample.
 */
import { fail, type Tensor } from "@dl/tensor";
import { RawImage } from "../image.ts";
import { Compose } from "./compose.ts";
import { PictureTransform } from "./picture.ts";
import {
  type ByteTable,
  floatTensor,
  Normalize,
  normalizeTables,
  type PictureStack,
  ToTensor,
  unitTable,
} from "./pixels.ts";
import type { TransformFunction } from "./transform.ts";

/** Makes the batch that stacking the transformed pictures would make. */
export type BatchTransform = (pictures: PictureStack) => Tensor<"float32">;

/** The fast form of a transform as it is now, if there is one. */
export function batched(transform: TransformFunction<never, unknown>): BatchTransform | undefined {
  const chain = flatten(transform);
  const at = chain.findIndex((step) => isPlain(step, ToTensor));
  const [before, after] = [chain.slice(0, at), chain.slice(at + 1)];
  if (at < 0 || !before.every((step) => step instanceof PictureTransform)) return undefined;
  if (!after.every((step) => isPlain(step, Normalize))) return undefined;
  const tables = (channels: number): readonly ByteTable[] =>
    (after as Normalize[]).reduce<readonly ByteTable[]>(normalizeTables, Array(channels).fill(unitTable));
  if (before.length === 0) return (pictures) => floatTensor(pictures, tables(pictures.channels));
  const change = new Compose(before as unknown as [TransformFunction<RawImage, RawImage>]);
  return (pictures) => {
    const changed = pile(unpile(pictures).map(change));
    return floatTensor(changed, tables(changed.channels));
  };
}

/** A subclass that computes something of its own is no longer what this file knows by heart. */
function isPlain<T extends { readonly forward: unknown }>(step: unknown, type: { readonly prototype: T }): step is T {
  return step instanceof (type as never) && (step as T).forward === type.prototype.forward;
}

function unpile({ data, height, width, channels }: PictureStack): RawImage[] {
  const size = height * width * channels;
  const at = (_: unknown, i: number): RawImage =>
    new RawImage(data.subarray(i * size, (i + 1) * size), height, width, channels);
  return Array.from({ length: data.length / size }, at);
}

function pile(images: readonly RawImage[]): PictureStack {
  const [first] = images as readonly [RawImage];
  const { height, width, channels, data } = first;
  const whole = new Uint8Array(images.length * data.length);
  images.forEach((image, i) => {
    if (image.height !== height || image.width !== width || image.channels !== channels) {
      fail("ToTensor", `the batch holds ${first} and ${image}`, "Bring all pictures to one size first");
    }
    whole.set(image.data, i * data.length);
  });
  return { data: whole, height, width, channels };
}

function flatten(transform: TransformFunction<never, unknown>): readonly TransformFunction<never, unknown>[] {
  return isPlain(transform, Compose<never, unknown>) ? transform.transforms.flatMap(flatten) : [transform];
}
