import { type Arguments, fail, isTensor, readArguments, showValue } from "@dl/tensor";
import { type Size, wholeNumbers } from "./parameters.ts";
import { type Picture, PictureTransform, sizeOf } from "./picture.ts";
import { resizedImage, resizedTensor } from "./resampling.ts";
import { showTuple } from "./transform.ts";

type ResizeArguments = [size: Size, interpolation?: "bilinear", maxSize?: number | null, antialias?: boolean];

/**
 * A picture in another size. One number is the length of its shorter side; the longer one keeps its proportion, and
 * `maxSize` bounds it. Raw pictures are smoothed when they shrink, tensors unless `antialias` is false.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.Resize.html
 */
export class Resize extends PictureTransform {
  static readonly names = ["size", "interpolation", "maxSize", "antialias"] as const;
  readonly size: readonly number[];
  readonly interpolation: "bilinear";
  readonly maxSize: number | null;
  readonly antialias: boolean;

  constructor(...args: Arguments<typeof Resize.names, ResizeArguments>) {
    super();
    const [size, interpolation = "bilinear", maxSize = null, antialias = true] = readArguments<ResizeArguments>(
      Resize,
      args,
    );
    this.size = wholeNumbers("Resize", "size", size, [1, 2], 1);
    if (interpolation !== "bilinear") {
      fail("Resize", `interpolation is ${showValue(interpolation)}, only "bilinear" is offered`);
    }
    const [shorter, width] = this.size as [number, number?];
    if (maxSize !== null && !(width === undefined && Number.isInteger(maxSize) && maxSize > shorter)) {
      const problem = `maxSize is ${showValue(maxSize)} for a size of ${showValue(size)}`;
      fail("Resize", problem, "It bounds the longer side: give it beside one number, and larger than that");
    }
    this.interpolation = interpolation;
    this.maxSize = maxSize;
    this.antialias = antialias;
  }

  forward<P extends Picture>(picture: P): P {
    const { height, width } = sizeOf(picture, "Resize");
    const [toHeight, toWidth] = this.#target(height, width);
    if (toHeight === height && toWidth === width) return picture;
    return (
      isTensor(picture)
        ? resizedTensor(picture, toHeight, toWidth, this.antialias)
        : resizedImage(picture, toHeight, toWidth)
    ) as P;
  }

  #target(height: number, width: number): readonly [height: number, width: number] {
    const [first, second] = this.size as [number, number?];
    if (second !== undefined) return [first, second];
    let shorter = first;
    let longer = Math.trunc((first * Math.max(height, width)) / Math.min(height, width));
    const most = this.maxSize ?? longer;
    if (longer > most) [shorter, longer] = [Math.trunc((most * shorter) / longer), most];
    return width <= height ? [longer, shorter] : [shorter, longer];
  }

  protected override extraRepr(): string {
    const { size, interpolation, maxSize, antialias } = this;
    const shown = size.length === 1 ? String(size[0]) : showTuple(size.map(String));
    const flag = antialias ? "True" : "False";
    return `size=${shown}, interpolation=${interpolation}, max_size=${maxSize ?? "None"}, antialias=${flag}`;
  }
}
