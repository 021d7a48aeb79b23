/**
 * Whole batches in one pass: a chain of picture transforms that ends in ToTensor and any Normalizes needs no tensor for
 * a single sample. Other chains are run sample by sample.
 */
import type { Tensor } from "@dl/tensor";
import type { RawImage } from "../image.ts";
import { Compose } from "./compose.ts";
import { PictureTransform } from "./geometry.ts";
import { Grayscale } from "./grayscale.ts";
import { type ByteTable, floatTensor, Normalize, normalizeTables, ToTensor, unitTable } from "./pixels.ts";
import type { TransformFunction } from "./transform.ts";

/** Makes the batch that stacking the transformed pictures would make. */
export type BatchTransform = (images: readonly RawImage[]) => Tensor<"float32">;

/** Transforms that give a picture for a picture. */
const pictorial = [PictureTransform, Grayscale];

/** The fast form of a transform, if there is one. */
export function batched(transform: TransformFunction<never, unknown>): BatchTransform | undefined {
  const chain = flatten(transform);
  const at = chain.findIndex((step) => step instanceof ToTensor);
  const [before, after] = [chain.slice(0, at), chain.slice(at + 1)];
  if (at < 0 || !before.every((step) => pictorial.some((type) => step instanceof type))) return undefined;
  if (!after.every((step) => step instanceof Normalize)) return undefined;
  const pictures = before as unknown as TransformFunction<RawImage, RawImage>[];
  const tables = new Map<number, readonly ByteTable[]>();
  return (images) => {
    const ready = pictures.length === 0 ? images : images.map((image) => pictures.reduce((x, step) => step(x), image));
    const { channels } = ready[0]!;
    const unit: readonly ByteTable[] = Array(channels).fill(unitTable);
    const known = tables.get(channels) ?? (after as Normalize[]).reduce(normalizeTables, unit);
    tables.set(channels, known);
    return floatTensor(ready, known);
  };
}

function flatten(transform: TransformFunction<never, unknown>): readonly TransformFunction<never, unknown>[] {
  return transform instanceof Compose ? transform.transforms.flatMap(flatten) : [transform];
}
