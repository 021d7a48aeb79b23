/**
 * Layers that learn their input size from the first input, and then are the layers they stand for. A family says which
 * size is learnt, where inputs show it and what takes its shape from it; a layer says what it becomes.
 */
import { type Arguments, noGrad, type Shape, scope, type Tensor, zeros } from "@dl/tensor";
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
import { readNamed } from "./named.ts";
import {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
} from "./normalization.ts";
import { type Placement, placement } from "./placement.ts";

interface Layer extends Module {
  resetParameters(): void;
}

interface Family<L> {
  /** The parameters of the lazy layer. */
  readonly names: readonly string[];
  /** The field that holds the size, and the parameter that it stands for. */
  readonly size: string;
  /** What is on unless it is said otherwise, where the layer itself has it off. */
  readonly defaults?: object;
  /** The dimension of inputs that shows it. */
  dim(layer: L): number;
  /** What takes its shape from it. */
  shapes(layer: L, size: number): Readonly<Record<string, Shape>>;
}

/** A class whose instances are `L`, without the parameter that is learnt. */
interface LazyClass<L, N extends readonly string[], P extends readonly unknown[]> {
  readonly names: N;
  new (...args: Arguments<N, P>): L;
}

/** The lazy form of the layer `becomes`. */
function lazy<L extends Layer>(family: Family<L>, becomes: new (options: never) => L): never {
  const Eager = becomes as unknown as new (options: object) => Layer;
  abstract class Lazy extends Eager {
    static readonly names = family.names;

    constructor(...args: unknown[]) {
      const given = readNamed({ name: new.target.name, names: family.names }, args);
      super({ [family.size]: 0, ...family.defaults, ...given });
      const hook = this.registerForwardPreHook((_, [input]) => {
        hook.remove();
        materialize(this as unknown as L, family, input as Tensor);
        Object.setPrototypeOf(this, becomes.prototype);
      });
    }
  }
  return Lazy as never;
}

/** Gives tensors their shapes, in place since optimizers may hold them, and initialises them. */
function materialize<L extends Layer>(layer: L, family: Family<L>, input: Tensor): void {
  const fields = layer as unknown as Record<string, Tensor | number | null>;
  const size = input.size(family.dim(layer));
  fields[family.size] = size;
  noGrad(() =>
    scope(() => {
      for (const [name, shape] of Object.entries(family.shapes(layer, size))) {
        const tensor = fields[name] as Tensor | null;
        tensor?.adopt(zeros(shape, { dtype: tensor.dtype as "float32", device: tensor.device }));
      }
      layer.resetParameters();
    }),
  );
}

const linearNames = ["outFeatures", "bias", ...placement] as const;
export type LazyLinearArguments = [outFeatures: number, bias?: boolean, ...Placement];

const linears: Family<Linear> = {
  names: linearNames,
  size: "inFeatures",
  dim: () => -1,
  shapes: ({ outFeatures }, inFeatures) => ({ weight: [outFeatures, inFeatures] }),
};
const linear: LazyClass<Linear, typeof linearNames, LazyLinearArguments> = lazy(linears, Linear);

/**
 * A {@link Linear} that finds out `inFeatures`.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.LazyLinear.html
 * @example
 * const model = new Sequential(new Flatten(), new LazyLinear(10));
 * model(rand(2, 3, 4)).shape; // [2, 10], and the layer is a Linear(12, 10) from now on
 */
export class LazyLinear extends linear {}

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

interface ConvLayer extends Layer {
  readonly kernelSize: readonly number[];
  weightShape(inChannels: number): Shape;
}

const inChannels = {
  size: "inChannels",
  dim: ({ kernelSize }: ConvLayer): number => -1 - kernelSize.length,
  shapes: (layer: ConvLayer, channels: number): Record<string, Shape> => ({ weight: layer.weightShape(channels) }),
} as const;

type LazyConv<L> = LazyClass<L, typeof convNames, LazyConvArguments>;
const convs = { names: convNames, ...inChannels };
const conv1d: LazyConv<Conv1d> = lazy(convs, Conv1d);
const conv2d: LazyConv<Conv2d> = lazy(convs, Conv2d);
const conv3d: LazyConv<Conv3d> = lazy(convs, Conv3d);

/** A {@link Conv1d} that finds out `inChannels`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyConv1d.html */
export class LazyConv1d extends conv1d {}
/** A {@link Conv2d} that finds out `inChannels`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyConv2d.html */
export class LazyConv2d extends conv2d {}
/** A {@link Conv3d} that finds out `inChannels`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyConv3d.html */
export class LazyConv3d extends conv3d {}

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

type LazyTranspose<L> = LazyClass<L, typeof transposeNames, LazyConvTransposeArguments>;
const transposes = { names: transposeNames, ...inChannels };
const convTranspose1d: LazyTranspose<ConvTranspose1d> = lazy(transposes, ConvTranspose1d);
const convTranspose2d: LazyTranspose<ConvTranspose2d> = lazy(transposes, ConvTranspose2d);
const convTranspose3d: LazyTranspose<ConvTranspose3d> = lazy(transposes, ConvTranspose3d);

/** A {@link ConvTranspose1d} that finds out `inChannels`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyConvTranspose1d.html */
export class LazyConvTranspose1d extends convTranspose1d {}
/** A {@link ConvTranspose2d} that finds out `inChannels`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyConvTranspose2d.html */
export class LazyConvTranspose2d extends convTranspose2d {}
/** A {@link ConvTranspose3d} that finds out `inChannels`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyConvTranspose3d.html */
export class LazyConvTranspose3d extends convTranspose3d {}

const normNames = ["eps", "momentum", "affine", "trackRunningStats", ...placement] as const;
export type LazyNormArguments = [
  eps?: number,
  momentum?: number | null,
  affine?: boolean,
  trackRunningStats?: boolean,
  ...Placement,
];

type LazyNorm<L> = LazyClass<L, typeof normNames, LazyNormArguments>;
const norms: Family<Layer> = {
  names: normNames,
  size: "numFeatures",
  defaults: { affine: true, trackRunningStats: true },
  dim: () => 1,
  shapes: (_, features) => ({ weight: [features], bias: [features], runningMean: [features], runningVar: [features] }),
};
const batchNorm1d: LazyNorm<BatchNorm1d> = lazy(norms, BatchNorm1d);
const batchNorm2d: LazyNorm<BatchNorm2d> = lazy(norms, BatchNorm2d);
const batchNorm3d: LazyNorm<BatchNorm3d> = lazy(norms, BatchNorm3d);

/** A {@link BatchNorm1d} that finds out `numFeatures`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm1d.html */
export class LazyBatchNorm1d extends batchNorm1d {}
/** A {@link BatchNorm2d} that finds out `numFeatures`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm2d.html */
export class LazyBatchNorm2d extends batchNorm2d {}
/** A {@link BatchNorm3d} that finds out `numFeatures`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm3d.html */
export class LazyBatchNorm3d extends batchNorm3d {}

const instanceNorm1d: LazyNorm<InstanceNorm1d> = lazy(norms, InstanceNorm1d);
const instanceNorm2d: LazyNorm<InstanceNorm2d> = lazy(norms, InstanceNorm2d);
const instanceNorm3d: LazyNorm<InstanceNorm3d> = lazy(norms, InstanceNorm3d);

/** An {@link InstanceNorm1d} that finds out `numFeatures`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyInstanceNorm1d.html */
export class LazyInstanceNorm1d extends instanceNorm1d {}
/** An {@link InstanceNorm2d} that finds out `numFeatures`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyInstanceNorm2d.html */
export class LazyInstanceNorm2d extends instanceNorm2d {}
/** An {@link InstanceNorm3d} that finds out `numFeatures`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyInstanceNorm3d.html */
export class LazyInstanceNorm3d extends instanceNorm3d {}
