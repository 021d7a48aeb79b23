/**
 * Layers that learn their input size from the first input, and then are the layers they stand for. A family says which
 * size is learnt, where inputs show it and what takes its shape from it; a layer says what it becomes.
 */
import { type Arguments, noGrad, type Shape, scope, sizeOf, type Tensor, zeros } from "@dl/tensor";
import { type Grown, type StateDict, UNSIZED } from "../load.ts";
import type { Module } from "../module.ts";
import { stateName } from "../naming.ts";
import {
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvArguments,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvTransposeArguments,
} from "./convolution.ts";
import { Linear, type LinearArguments } from "./linear.ts";
import { readNamed } from "./named.ts";
import {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  type NormArguments,
} from "./normalization.ts";

interface Layer extends Module {
  resetParameters(): void;
}

interface LayerClass {
  readonly names: readonly string[];
  readonly prototype: Layer;
}

interface Family<L> {
  /** The dimension of inputs that shows the size. */
  dim(layer: L): number;
  /** What takes its shape from it. */
  shapes(layer: L, size: number): Readonly<Record<string, Shape>>;
  /** What is on unless it is said otherwise, where the layer itself has it off. */
  readonly defaults?: object;
}

/** The parameters of a lazy layer: all but the first, which is the size that is learnt. */
export type AllButFirst<T extends readonly unknown[]> = T extends readonly [
  unknown,
  ...infer R extends readonly T[number][],
]
  ? R
  : never;
export type LazyLinearArguments = AllButFirst<LinearArguments>;
export type LazyConvArguments = AllButFirst<ConvArguments>;
export type LazyConvTransposeArguments = AllButFirst<ConvTransposeArguments>;
export type LazyNormArguments = AllButFirst<NormArguments>;

/** A class of layers like `C` that takes the parameters `P`. */
interface Lazy<C extends LayerClass, P extends readonly unknown[]> {
  readonly names: AllButFirst<C["names"]>;
  new (...args: Arguments<AllButFirst<C["names"]>, P>): C["prototype"];
}

/** The lazy form of the layer `becomes`. */
function lazy<L extends Layer>(family: Family<L>, becomes: LayerClass & { readonly prototype: L }): never {
  const Eager = becomes as unknown as new (options: object) => Layer;
  const [size, ...names] = becomes.names as readonly [string, ...string[]];
  const grow = (layer: Layer, found: number): void => {
    materialize(layer as L, size, found, family);
    Object.setPrototypeOf(layer, becomes.prototype);
  };
  abstract class LazyLayer extends Eager {
    static readonly names = names;

    constructor(...args: unknown[]) {
      super({ [size]: 0, ...family.defaults, ...readNamed({ name: new.target.name, names }, args) });
    }

    /** Once it has grown, a call is the layer's own. */
    override invoke(input: unknown[]): unknown {
      grow(this, (input[0] as Tensor).size(family.dim(this as never)));
      return super.invoke(input);
    }

    [UNSIZED](state: StateDict): Grown | undefined {
      return grownTo(this as never, family, state, (found) => grow(this, found));
    }
  }
  return LazyLayer as never;
}

/** What the layer is if its weight is that of a state. */
function grownTo<L extends Layer>(
  layer: L,
  family: Family<L>,
  { weight }: StateDict,
  grow: (size: number) => void,
): Grown | undefined {
  const size = Array.isArray(weight?.shape) ? sizeOf(weight.shape) / sizeOf(family.shapes(layer, 1)["weight"]!) : 0;
  if (!(Number.isInteger(size) && size > 0)) return undefined;
  const shapes = Object.entries(family.shapes(layer, size)).filter(([field]) => tensorOf(layer, field));
  return {
    shapes: Object.fromEntries(shapes.map(([field, shape]) => [stateName(field), shape])),
    grow: () => grow(size),
  };
}

const tensorOf = (layer: Layer, field: string) => (layer as unknown as Record<string, Tensor | null>)[field];

/** Gives tensors their shapes, in place since optimizers may hold them, and initialises them. */
function materialize<L extends Layer>(layer: L, field: string, size: number, family: Family<L>): void {
  (layer as unknown as Record<string, number>)[field] = size;
  noGrad(() =>
    scope(() => {
      for (const [name, shape] of Object.entries(family.shapes(layer, size))) {
        const tensor = tensorOf(layer, name);
        tensor?.adopt(zeros(shape, { dtype: tensor.dtype as "float32", device: tensor.device }));
      }
      layer.resetParameters();
    }),
  );
}

const features: Family<Linear> = {
  dim: () => -1,
  shapes: ({ outFeatures }, inFeatures) => ({ weight: [outFeatures, inFeatures] }),
};
const linear: Lazy<typeof Linear, LazyLinearArguments> = lazy(features, Linear);

/**
 * A {@link Linear} that finds out `inFeatures`.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.LazyLinear.html
 * @example
 * const model = new Sequential(new Flatten(), new LazyLinear(10));
 * model(rand(2, 3, 4)).shape; // [2, 10], and the layer is a Linear(12, 10) from now on
 */
export class LazyLinear extends linear {}

interface ConvLayer extends Layer {
  readonly kernelSize: readonly number[];
  weightShape(inChannels: number): Shape;
}

const channels: Family<ConvLayer> = {
  dim: ({ kernelSize }) => -1 - kernelSize.length,
  shapes: (layer, inChannels) => ({ weight: layer.weightShape(inChannels) }),
};
const conv1d: Lazy<typeof Conv1d, LazyConvArguments> = lazy(channels, Conv1d);
const conv2d: Lazy<typeof Conv2d, LazyConvArguments> = lazy(channels, Conv2d);
const conv3d: Lazy<typeof Conv3d, LazyConvArguments> = lazy(channels, Conv3d);

/** A {@link Conv1d} that finds out `inChannels`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyConv1d.html */
export class LazyConv1d extends conv1d {}
/** A {@link Conv2d} that finds out `inChannels`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyConv2d.html */
export class LazyConv2d extends conv2d {}
/** A {@link Conv3d} that finds out `inChannels`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyConv3d.html */
export class LazyConv3d extends conv3d {}

const convTranspose1d: Lazy<typeof ConvTranspose1d, LazyConvTransposeArguments> = lazy(channels, ConvTranspose1d);
const convTranspose2d: Lazy<typeof ConvTranspose2d, LazyConvTransposeArguments> = lazy(channels, ConvTranspose2d);
const convTranspose3d: Lazy<typeof ConvTranspose3d, LazyConvTransposeArguments> = lazy(channels, ConvTranspose3d);

/** A {@link ConvTranspose1d} that finds out `inChannels`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyConvTranspose1d.html */
export class LazyConvTranspose1d extends convTranspose1d {}
/** A {@link ConvTranspose2d} that finds out `inChannels`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyConvTranspose2d.html */
export class LazyConvTranspose2d extends convTranspose2d {}
/** A {@link ConvTranspose3d} that finds out `inChannels`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyConvTranspose3d.html */
export class LazyConvTranspose3d extends convTranspose3d {}

const moments: Family<Layer> = {
  dim: () => 1,
  shapes: (_, size) => ({ weight: [size], bias: [size], runningMean: [size], runningVar: [size] }),
  defaults: { affine: true, trackRunningStats: true },
};
const batchNorm1d: Lazy<typeof BatchNorm1d, LazyNormArguments> = lazy(moments, BatchNorm1d);
const batchNorm2d: Lazy<typeof BatchNorm2d, LazyNormArguments> = lazy(moments, BatchNorm2d);
const batchNorm3d: Lazy<typeof BatchNorm3d, LazyNormArguments> = lazy(moments, BatchNorm3d);

/** A {@link BatchNorm1d} that finds out `numFeatures`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm1d.html */
export class LazyBatchNorm1d extends batchNorm1d {}
/** A {@link BatchNorm2d} that finds out `numFeatures`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm2d.html */
export class LazyBatchNorm2d extends batchNorm2d {}
/** A {@link BatchNorm3d} that finds out `numFeatures`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyBatchNorm3d.html */
export class LazyBatchNorm3d extends batchNorm3d {}

const instanceNorm1d: Lazy<typeof InstanceNorm1d, LazyNormArguments> = lazy(moments, InstanceNorm1d);
const instanceNorm2d: Lazy<typeof InstanceNorm2d, LazyNormArguments> = lazy(moments, InstanceNorm2d);
const instanceNorm3d: Lazy<typeof InstanceNorm3d, LazyNormArguments> = lazy(moments, InstanceNorm3d);

/** An {@link InstanceNorm1d} that finds out `numFeatures`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyInstanceNorm1d.html */
export class LazyInstanceNorm1d extends instanceNorm1d {}
/** An {@link InstanceNorm2d} that finds out `numFeatures`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyInstanceNorm2d.html */
export class LazyInstanceNorm2d extends instanceNorm2d {}
/** An {@link InstanceNorm3d} that finds out `numFeatures`. @see https://pytorch.org/docs/stable/generated/torch.nn.LazyInstanceNorm3d.html */
export class LazyInstanceNorm3d extends instanceNorm3d {}
