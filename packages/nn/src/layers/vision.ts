/** Layers that move pixels: blocks, shuffles, upsampling. */
import { type Arguments, readArguments, type Tensor } from "@dl/tensor";
import type { InterpolationMode } from "../functional/index.ts";
import * as F from "../functional/index.ts";
import type { Size } from "../functional/sizes.ts";
import { Module } from "../module.ts";
import { describe, float } from "../repr.ts";

export type UnfoldArguments = [kernelSize: Size, dilation?: Size, padding?: Size, stride?: Size];

/** Sliding blocks as columns. @see https://pytorch.org/docs/stable/generated/torch.nn.Unfold.html */
export class Unfold extends Module<[input: Tensor], Tensor> {
  static readonly names = ["kernelSize", "dilation", "padding", "stride"] as const;
  readonly kernelSize: Size;
  readonly dilation: Size;
  readonly padding: Size;
  readonly stride: Size;

  constructor(...args: Arguments<typeof Unfold.names, UnfoldArguments>) {
    super();
    [this.kernelSize, this.dilation = 1, this.padding = 0, this.stride = 1] = readArguments<UnfoldArguments>(
      Unfold,
      args,
    );
  }

  forward(input: Tensor): Tensor {
    return F.unfold(input, this.kernelSize, this.dilation, this.padding, this.stride);
  }

  override extraRepr(): string {
    const { kernelSize, dilation, padding, stride } = this;
    return describe({ kernelSize, dilation, padding, stride });
  }
}

export type FoldArguments = [outputSize: Size, kernelSize: Size, dilation?: Size, padding?: Size, stride?: Size];

/** Columns summed into an image. @see https://pytorch.org/docs/stable/generated/torch.nn.Fold.html */
export class Fold extends Module<[input: Tensor], Tensor> {
  static readonly names = ["outputSize", "kernelSize", "dilation", "padding", "stride"] as const;
  readonly outputSize: Size;
  readonly kernelSize: Size;
  readonly dilation: Size;
  readonly padding: Size;
  readonly stride: Size;

  constructor(...args: Arguments<typeof Fold.names, FoldArguments>) {
    super();
    [this.outputSize, this.kernelSize, this.dilation = 1, this.padding = 0, this.stride = 1] =
      readArguments<FoldArguments>(Fold, args);
  }

  forward(input: Tensor): Tensor {
    return F.fold(input, this.outputSize, this.kernelSize, this.dilation, this.padding, this.stride);
  }

  override extraRepr(): string {
    const { outputSize, kernelSize, dilation, padding, stride } = this;
    return describe({ outputSize, kernelSize, dilation, padding, stride });
  }
}

/** `[*, C r², H, W]` → `[*, C, H r, W r]`. @see https://pytorch.org/docs/stable/generated/torch.nn.PixelShuffle.html */
export class PixelShuffle extends Module<[input: Tensor], Tensor> {
  static readonly names = ["upscaleFactor"] as const;
  readonly upscaleFactor: number;

  constructor(...args: Arguments<typeof PixelShuffle.names, [upscaleFactor: number]>) {
    super();
    [this.upscaleFactor] = readArguments<[number]>(PixelShuffle, args);
  }

  forward(input: Tensor): Tensor {
    return F.pixelShuffle(input, this.upscaleFactor);
  }

  override extraRepr(): string {
    return describe({ upscaleFactor: this.upscaleFactor });
  }
}

/** The inverse of {@link PixelShuffle}. @see https://pytorch.org/docs/stable/generated/torch.nn.PixelUnshuffle.html */
export class PixelUnshuffle extends Module<[input: Tensor], Tensor> {
  static readonly names = ["downscaleFactor"] as const;
  readonly downscaleFactor: number;

  constructor(...args: Arguments<typeof PixelUnshuffle.names, [downscaleFactor: number]>) {
    super();
    [this.downscaleFactor] = readArguments<[number]>(PixelUnshuffle, args);
  }

  forward(input: Tensor): Tensor {
    return F.pixelUnshuffle(input, this.downscaleFactor);
  }

  override extraRepr(): string {
    return describe({ downscaleFactor: this.downscaleFactor });
  }
}

/** Deals channels out over groups. @see https://pytorch.org/docs/stable/generated/torch.nn.ChannelShuffle.html */
export class ChannelShuffle extends Module<[input: Tensor], Tensor> {
  static readonly names = ["groups"] as const;
  readonly groups: number;

  constructor(...args: Arguments<typeof ChannelShuffle.names, [groups: number]>) {
    super();
    [this.groups] = readArguments<[number]>(ChannelShuffle, args);
  }

  forward(input: Tensor): Tensor {
    return F.channelShuffle(input, this.groups);
  }

  override extraRepr(): string {
    return describe({ groups: this.groups });
  }
}

export type UpsampleArguments = [
  size?: Size | null,
  scaleFactor?: Size | null,
  mode?: InterpolationMode,
  alignCorners?: boolean | null,
  recomputeScaleFactor?: boolean | null,
];

/** Images made larger. @see https://pytorch.org/docs/stable/generated/torch.nn.Upsample.html */
export class Upsample extends Module<[input: Tensor], Tensor> {
  static readonly names = ["size", "scaleFactor", "mode", "alignCorners", "recomputeScaleFactor"] as const;
  readonly size: Size | null;
  readonly scaleFactor: Size | null;
  readonly mode: InterpolationMode;
  readonly alignCorners: boolean | null;
  readonly recomputeScaleFactor: boolean | null;

  constructor(...args: Arguments<typeof Upsample.names, UpsampleArguments>) {
    super();
    [
      this.size = null,
      this.scaleFactor = null,
      this.mode = "nearest",
      this.alignCorners = null,
      this.recomputeScaleFactor = null,
    ] = readArguments<UpsampleArguments>(Upsample, args);
  }

  forward(input: Tensor): Tensor {
    return F.interpolate(input, this.size, this.scaleFactor, this.mode, this.alignCorners, this.recomputeScaleFactor);
  }

  override extraRepr(): string {
    const { size, scaleFactor, mode } = this;
    if (scaleFactor === null) return describe({ size, mode });
    return describe({
      scaleFactor: typeof scaleFactor === "number" ? float(scaleFactor) : scaleFactor.map(float),
      mode,
    });
  }
}

const sizeNames = ["size", "scaleFactor"] as const;
export type UpsamplingArguments = [size?: Size | null, scaleFactor?: Size | null];

/** @see https://pytorch.org/docs/stable/generated/torch.nn.UpsamplingNearest2d.html */
export class UpsamplingNearest2d extends Upsample {
  constructor(...args: Arguments<typeof sizeNames, UpsamplingArguments>) {
    const [size = null, scaleFactor = null] = readArguments<UpsamplingArguments>(
      { name: "UpsamplingNearest2d", names: sizeNames },
      args,
    );
    super(size, scaleFactor, "nearest");
  }
}

/** Bilinear, with aligned corners. @see https://pytorch.org/docs/stable/generated/torch.nn.UpsamplingBilinear2d.html */
export class UpsamplingBilinear2d extends Upsample {
  constructor(...args: Arguments<typeof sizeNames, UpsamplingArguments>) {
    const [size = null, scaleFactor = null] = readArguments<UpsamplingArguments>(
      { name: "UpsamplingBilinear2d", names: sizeNames },
      args,
    );
    super(size, scaleFactor, "bilinear", true);
  }
}
