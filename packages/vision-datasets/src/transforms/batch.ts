/**
 * Whole batches in one pass: a chain of picture transforms that ends in ToTensor and any Normalizes needs no tensor for
 * a single sample. Other chains are run sample by sample.
 */
import { fail, type Tensor } from "@dl/tensor";
import { RawImage } from "../image.ts";
import { Compose } from "./compose.ts";
import { PictureTransform } from "./geometry.ts";
import { Grayscale } from "./grayscale.ts";
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

/** Transforms that give a picture for a picture. */
const pictorial = [PictureTransform, Grayscale];

/** The fast form of a transform, if there is one. */
export function batched(transform: TransformFunction<never, unknown>): BatchTransform | undefined {
  const chain = flatten(transform);
  const at = chain.findIndex((step) => step instanceof ToTensor);
  const [before, after] = [chain.slice(0, at), chain.slice(at + 1)];
  if (at < 0 || !before.every((step) => pictorial.some((type) => step instanceof type))) return undefined;
  if (!after.every((step) => step instanceof Normalize)) return undefined;
  const tables = tablesOf(after as Normalize[]);
  if (before.length === 0) return (pictures) => floatTensor(pictures, tables(pictures.channels));
  const change = new Compose(before as unknown as [TransformFunction<RawImage, RawImage>]);
  return (pictures) => {
    const changed = pile(unpile(pictures).map(change));
    return floatTensor(changed, tables(changed.channels));
  };
}

/** The tables for a number of channels, made once. */
function tablesOf(normalizes: readonly Normalize[]): (channels: number) => readonly ByteTable[] {
  const known = new Map<number, readonly ByteTable[]>();
  return (channels) => {
    const unit: readonly ByteTable[] = Array(channels).fill(unitTable);
    const tables = known.get(channels) ?? normalizes.reduce(normalizeTables, unit);
    known.set(channels, tables);
    return tables;
  };
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
  return transform instanceof Compose ? transform.transforms.flatMap(flatten) : [transform];
}
