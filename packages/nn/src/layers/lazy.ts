/** Layers that learn their input size from the first input, and then are the layers they stand for. */
import { type Arguments, noGrad, readArguments, type Shape, scope, type Tensor, zeros } from "@dl/tensor";
import type { Padding } from "../functional/convolution.ts";
import type { Size } from "../functional/sizes.ts";
import type { Module } from "../module.ts";
import {
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvPaddingMode,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
} from "./convolution.ts";
import { Linear } from "./linear.ts";
import {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
} from "./normalization.ts";
import { type Placement, placement } from "./placement.ts";

interface Resettable extends Module {
  resetParameters(): void;
}

/** Waits for the first input: gives tensors their shapes, initialises them, and changes the layer's class. */
function waitForInput(
  layer: Resettable,
  size: string,
  channelDim: number,
  becomes: { readonly prototype: object },
  shapes: (channels: number) => Readonly<Record<string, Shape>>,
): void {
  const fields = layer as unknown as Record<string, Tensor | number | null>;
  const hook = layer.registerForwardPreHook((_, [input]) => {
    const channels = (input as Tensor).size(channelDim);
    hook.remove();
    fields[size] = channels;
    noGrad(() =>
      scope(() => {
        for (const [name, shape] of Object.entries(shapes(channels))) {
          const tensor = fields[name] as Tensor | null;
          if (tensor) tensor.adopt(zeros(shape, { dtype: tensor.dtype as "float32", device: tensor.device }));
        }
        layer.resetParameters();
      }),
    );
    Object.setPrototypeOf(layer, becomes.prototype);
  });
}

export type LazyLinearArguments = [outFeatures: number, bias?: boolean, ...Placement];

/** A {@link Linear} that finds out `inFeatures`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyLinear.html */
export class LazyLinear extends Linear {
  constructor(...args: Arguments<typeof lazyLinearNames, LazyLinearArguments>) {
    const [outFeatures, bias = true, device = null, dtype = null] = readArguments<LazyLinearArguments>(
      { name: "LazyLinear", names: lazyLinearNames },
      args,
    );
    super(0, outFeatures, bias, device, dtype);
    waitForInput(this, "inFeatures", -1, Linear, (features) => ({ weight: [outFeatures, features] }));
  }
}

const lazyLinearNames = ["outFeatures", "bias", ...placement] as const;

const convNames = [
  "outChannels",
  "kernelSize",
  "stride",
  "padding",
  "dilation",
  "groups",
  "bias",
  "paddingMode",
  ...placement,
] as const;
export type LazyConvArguments = [
  outChannels: number,
  kernelSize: Size,
  stride?: Size,
  padding?: Padding,
  dilation?: Size,
  groups?: number,
  bias?: boolean,
  paddingMode?: ConvPaddingMode,
  ...Placement,
];

type ConvOptions = ConstructorParameters<typeof Conv2d>[0] & object;

function lazyConv(name: string, args: readonly unknown[]): ConvOptions {
  const values = readArguments<LazyConvArguments>({ name, names: convNames }, args);
  const options = Object.fromEntries(convNames.map((key, i) => [key, values[i]]));
  return { inChannels: 0, ...options } as ConvOptions;
}

function waitForChannels(layer: Conv1d | Conv2d | Conv3d, becomes: { readonly prototype: object }): void {
  const { outChannels, groups, kernelSize } = layer;
  const shapes = (channels: number): Record<string, Shape> => ({
    weight: [outChannels, channels / groups, ...kernelSize],
  });
  waitForInput(layer, "inChannels", -1 - kernelSize.length, becomes, shapes);
}

/** A {@link Conv1d} that finds out `inChannels`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyConv1d.html */
export class LazyConv1d extends Conv1d {
  constructor(...args: Arguments<typeof convNames, LazyConvArguments>) {
    super(lazyConv("LazyConv1d", args));
    waitForChannels(this, Conv1d);
  }
}

/** A {@link Conv2d} that finds out `inChannels`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyConv2d.html */
export class LazyConv2d extends Conv2d {
  constructor(...args: Arguments<typeof convNames, LazyConvArguments>) {
    super(lazyConv("LazyConv2d", args));
    waitForChannels(this, Conv2d);
  }
}

/** A {@link Conv3d} that finds out `inChannels`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyConv3d.html */
export class LazyConv3d extends Conv3d {
  constructor(...args: Arguments<typeof convNames, LazyConvArguments>) {
    super(lazyConv("LazyConv3d", args));
    waitForChannels(this, Conv3d);
  }
}

const transposeNames = [
  "outChannels",
  "kernelSize",
  "stride",
  "padding",
  "outputPadding",
  "groups",
  "bias",
  "dilation",
  "paddingMode",
  ...placement,
] as const;
export type LazyConvTransposeArguments = [
  outChannels: number,
  kernelSize: Size,
  stride?: Size,
  padding?: Size,
  outputPadding?: Size,
  groups?: number,
  bias?: boolean,
  dilation?: Size,
  paddingMode?: "zeros",
  ...Placement,
];

type TransposeOptions = ConstructorParameters<typeof ConvTranspose2d>[0] & object;

function lazyTranspose(name: string, args: readonly unknown[]): TransposeOptions {
  const values = readArguments<LazyConvTransposeArguments>({ name, names: transposeNames }, args);
  const options = Object.fromEntries(transposeNames.map((key, i) => [key, values[i]]));
  return { inChannels: 0, ...options } as TransposeOptions;
}

function waitForTransposed(
  layer: ConvTranspose1d | ConvTranspose2d | ConvTranspose3d,
  becomes: { readonly prototype: object },
): void {
  const { outChannels, groups, kernelSize } = layer;
  const shapes = (channels: number): Record<string, Shape> => ({
    weight: [channels, outChannels / groups, ...kernelSize],
  });
  waitForInput(layer, "inChannels", -1 - kernelSize.length, becomes, shapes);
}

/** A {@link ConvTranspose1d} that finds out `inChannels`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyConvTranspose1d.html */
export class LazyConvTranspose1d extends ConvTranspose1d {
  constructor(...args: Arguments<typeof transposeNames, LazyConvTransposeArguments>) {
    super(lazyTranspose("LazyConvTranspose1d", args));
    waitForTransposed(this, ConvTranspose1d);
  }
}

/** A {@link ConvTranspose2d} that finds out `inChannels`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyConvTranspose2d.html */
export class LazyConvTranspose2d extends ConvTranspose2d {
  constructor(...args: Arguments<typeof transposeNames, LazyConvTransposeArguments>) {
    super(lazyTranspose("LazyConvTranspose2d", args));
    waitForTransposed(this, ConvTranspose2d);
  }
}

/** A {@link ConvTranspose3d} that finds out `inChannels`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyConvTranspose3d.html */
export class LazyConvTranspose3d extends ConvTranspose3d {
  constructor(...args: Arguments<typeof transposeNames, LazyConvTransposeArguments>) {
    super(lazyTranspose("LazyConvTranspose3d", args));
    waitForTransposed(this, ConvTranspose3d);
  }
}

const normNames = ["eps", "momentum", "affine", "trackRunningStats", ...placement] as const;
export type LazyNormArguments = [
  eps?: number,
  momentum?: number | null,
  affine?: boolean,
  trackRunningStats?: boolean,
  ...Placement,
];
type NormOptions = ConstructorParameters<typeof BatchNorm2d>[0] & object;

function lazyNorm(name: string, args: readonly unknown[]): NormOptions {
  const [eps, momentum, affine = true, trackRunningStats = true, device, dtype] = readArguments<LazyNormArguments>(
    { name, names: normNames },
    args,
  );
  return { numFeatures: 0, eps, momentum, affine, trackRunningStats, device, dtype };
}

function waitForFeatures(layer: Resettable, becomes: { readonly prototype: object }): void {
  const shapes = (features: number): Record<string, Shape> => {
    const shape = [features];
    return { weight: shape, bias: shape, runningMean: shape, runningVar: shape };
  };
  waitForInput(layer, "numFeatures", 1, becomes, shapes);
}

/** A {@link BatchNorm1d} that finds out `numFeatures`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm1d.html */
export class LazyBatchNorm1d extends BatchNorm1d {
  constructor(...args: Arguments<typeof normNames, LazyNormArguments>) {
    super(lazyNorm("LazyBatchNorm1d", args));
    waitForFeatures(this, BatchNorm1d);
  }
}

/** A {@link BatchNorm2d} that finds out `numFeatures`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm2d.html */
export class LazyBatchNorm2d extends BatchNorm2d {
  constructor(...args: Arguments<typeof normNames, LazyNormArguments>) {
    super(lazyNorm("LazyBatchNorm2d", args));
    waitForFeatures(this, BatchNorm2d);
  }
}

/** A {@link BatchNorm3d} that finds out `numFeatures`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm3d.html */
export class LazyBatchNorm3d extends BatchNorm3d {
  constructor(...args: Arguments<typeof normNames, LazyNormArguments>) {
    super(lazyNorm("LazyBatchNorm3d", args));
    waitForFeatures(this, BatchNorm3d);
  }
}

/** An {@link InstanceNorm1d} that finds out `numFeatures`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyInstanceNorm1d.html */
export class LazyInstanceNorm1d extends InstanceNorm1d {
  constructor(...args: Arguments<typeof normNames, LazyNormArguments>) {
    super(lazyNorm("LazyInstanceNorm1d", args));
    waitForFeatures(this, InstanceNorm1d);
  }
}

/** An {@link InstanceNorm2d} that finds out `numFeatures`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyInstanceNorm2d.html */
export class LazyInstanceNorm2d extends InstanceNorm2d {
  constructor(...args: Arguments<typeof normNames, LazyNormArguments>) {
    super(lazyNorm("LazyInstanceNorm2d", args));
    waitForFeatures(this, InstanceNorm2d);
  }
}

/** An {@link InstanceNorm3d} that finds out `numFeatures`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyInstanceNorm3d.html */
export class LazyInstanceNorm3d extends InstanceNorm3d {
  constructor(...args: Arguments<typeof normNames, LazyNormArguments>) {
    super(lazyNorm("LazyInstanceNorm3d", args));
    waitForFeatures(this, InstanceNorm3d);
  }
}
