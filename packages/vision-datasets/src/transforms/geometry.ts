/** Transforms that move pixels. They take raw pictures and tensors, and give back what they took. */
import { type Arguments, fail, readArguments } from "@dl/tensor";
import { checkFill, checkProbability, parseSize, type Size, uniform, wholeNumbers } from "./parameters.ts";
import { mirrored, type Picture, PictureTransform, sizeOf, withMargins } from "./picture.ts";
import { showFloat, showTuple } from "./transform.ts";

/** The same on all sides, [left and right, top and bottom], or [left, top, right, bottom]. */
export type Padding =
  | number
  | readonly [all: number]
  | readonly [horizontal: number, vertical: number]
  | readonly [left: number, top: number, right: number, bottom: number];

function parsePadding(op: string, padding: Padding): readonly [number, number, number, number] {
  const numbers = wholeNumbers(op, "padding", padding, [1, 2, 4], Number.NEGATIVE_INFINITY);
  const [left, top = left, right = left, bottom = top] = numbers as [number, ...number[]];
  return [left, top, right, bottom];
}

function showPadding(padding: Padding): string {
  return typeof padding === "number" ? String(padding) : showTuple(padding.map(String));
}

function pad<P extends Picture>(picture: P, padding: readonly [number, number, number, number], fill: number): P {
  const [left, top, right, bottom] = padding;
  return withMargins(picture, { left, top, right, bottom }, fill);
}

/** The part of `height` x `width` pixels whose upper left corner is at (`left`, `top`). */
function cut<P extends Picture>(picture: P, [height, width]: readonly [number, number], top: number, left: number): P {
  const size = sizeOf(picture, "crop");
  return withMargins(picture, {
    top: -top,
    left: -left,
    bottom: top + height - size.height,
    right: left + width - size.width,
  });
}

type PadArguments = [padding: Padding, fill?: number];

/**
 * A border of new pixels, of value `fill` (0 if left out). Negative widths cut off.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.Pad.html
 */
export class Pad extends PictureTransform {
  static readonly names = ["padding", "fill"] as const;
  readonly padding: Padding;
  readonly fill: number;

  constructor(...args: Arguments<typeof Pad.names, PadArguments>) {
    super();
    const [padding, fill = 0] = readArguments<PadArguments>(Pad, args);
    parsePadding("Pad", padding);
    checkFill("Pad", fill);
    this.padding = padding;
    this.fill = fill;
  }

  forward<P extends Picture>(picture: P): P {
    return pad(picture, parsePadding("Pad", this.padding), this.fill);
  }

  protected override extraRepr(): string {
    return `padding=${showPadding(this.padding)}, fill=${this.fill}, padding_mode=constant`;
  }
}

type CenterCropArguments = [size: Size];

/**
 * The middle of a picture. What is smaller is padded with 0.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.CenterCrop.html
 */
export class CenterCrop extends PictureTransform {
  static readonly names = ["size"] as const;
  readonly size: readonly [height: number, width: number];

  constructor(...args: Arguments<typeof CenterCrop.names, CenterCropArguments>) {
    super();
    const [size] = readArguments<CenterCropArguments>(CenterCrop, args);
    this.size = parseSize("CenterCrop", size);
  }

  forward<P extends Picture>(picture: P): P {
    const [height, width] = this.size;
    const size = sizeOf(picture, "CenterCrop");
    return cut(picture, this.size, middle(size.height - height), middle(size.width - width));
  }

  protected override extraRepr(): string {
    return `size=${showTuple(this.size.map(String))}`;
  }
}

/** torchvision rounds half to even when it cuts, and down when it pads. */
function middle(excess: number): number {
  if (excess < 0) return -Math.floor(-excess / 2);
  const half = excess / 2;
  return Number.isInteger(half) ? half : Math.floor(half) + (Math.floor(half) % 2);
}

type RandomCropArguments = [size: Size, padding?: Padding | null, padIfNeeded?: boolean, fill?: number];

/**
 * A part of a picture at a random place, from the generator that `manualSeed` seeds. The border `padding` is added first;
 * `padIfNeeded` adds to what is smaller than the part, instead of failing. New pixels have the value `fill`, or 0.
 *
 * @throws TensorError for a picture that is smaller than the part
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomCrop.html
 */
export class RandomCrop extends PictureTransform {
  static readonly names = ["size", "padding", "padIfNeeded", "fill"] as const;
  readonly size: readonly [height: number, width: number];
  readonly padding: Padding | null;
  readonly padIfNeeded: boolean;
  readonly fill: number;

  constructor(...args: Arguments<typeof RandomCrop.names, RandomCropArguments>) {
    super();
    const [size, padding = null, padIfNeeded = false, fill = 0] = readArguments<RandomCropArguments>(RandomCrop, args);
    this.size = parseSize("RandomCrop", size);
    if (padding !== null) parsePadding("RandomCrop", padding);
    checkFill("RandomCrop", fill);
    this.padding = padding;
    this.padIfNeeded = padIfNeeded;
    this.fill = fill;
  }

  forward<P extends Picture>(picture: P): P {
    const [height, width] = this.size;
    const padded = this.#padded(picture);
    const { height: fullHeight, width: fullWidth } = sizeOf(padded, "RandomCrop");
    if (fullHeight < height || fullWidth < width) {
      const got = `${fullHeight} x ${fullWidth} is smaller than ${height} x ${width}`;
      fail("RandomCrop", got, "Give { padding } or { padIfNeeded: true }");
    }
    const place = (room: number): number => Math.floor(uniform() * (room + 1));
    return cut(padded, this.size, place(fullHeight - height), place(fullWidth - width));
  }

  #padded<P extends Picture>(picture: P): P {
    const { padding, fill, padIfNeeded } = this;
    const padded = padding === null ? picture : pad(picture, parsePadding("RandomCrop", padding), fill);
    if (!padIfNeeded) return padded;
    const { height, width } = sizeOf(padded, "RandomCrop");
    const [x, y] = [Math.max(this.size[1] - width, 0), Math.max(this.size[0] - height, 0)];
    return pad(padded, [x, y, x, y], fill);
  }

  protected override extraRepr(): string {
    const { padding } = this;
    const border = padding === null ? "None" : showPadding(padding);
    return `size=${showTuple(this.size.map(String))}, padding=${border}`;
  }
}

type FlipArguments = [p?: number];

/** Mirrors a picture with probability `p`. */
abstract class RandomFlip extends PictureTransform {
  static readonly names = ["p"] as const;
  readonly p: number;
  protected abstract readonly axis: "horizontal" | "vertical";

  constructor(...args: Arguments<typeof RandomFlip.names, FlipArguments>) {
    super();
    const [p = 0.5] = readArguments<FlipArguments>(new.target, args);
    checkProbability(new.target.name, p);
    this.p = p;
  }

  forward<P extends Picture>(picture: P): P {
    sizeOf(picture, this.constructor.name);
    return uniform() < this.p ? mirrored(picture, this.axis) : picture;
  }

  protected override extraRepr(): string {
    return `p=${showFloat(this.p)}`;
  }
}

/**
 * Exchanges left and right with probability `p`, from the generator that `manualSeed` seeds.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomHorizontalFlip.html
 */
export class RandomHorizontalFlip extends RandomFlip {
  protected readonly axis = "horizontal";
}

/**
 * Exchanges top and bottom with probability `p`, from the generator that `manualSeed` seeds.
 *
 * @see https://pytorch.org/vision/stable/generated/torchvision.transforms.RandomVerticalFlip.html
 */
export class RandomVerticalFlip extends RandomFlip {
  protected readonly axis = "vertical";
}
