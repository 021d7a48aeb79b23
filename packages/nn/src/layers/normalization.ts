/** Batch, instance, layer and group norm. */
import { type Arguments, fail, noGrad, readArguments, type Shape, showShape, type Tensor } from "@dl/tensor";
import * as F from "../functional/index.ts";
import { checkCounts, layoutOf } from "../functional/sizes.ts";
import { ones_, zeros_ } from "../init.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";
import { describe, float, python } from "../repr.ts";
import { filled, initialize, type Placement, parameter, placement } from "./placement.ts";

const normNames = ["numFeatures", "eps", "momentum", "affine", "trackRunningStats", ...placement] as const;
export type NormArguments = [
  numFeatures: number,
  eps?: number,
  momentum?: number | null,
  affine?: boolean,
  trackRunningStats?: boolean,
  ...Placement,
];

/** What batch and instance norm have in common: a scale and a shift per channel, running moments. */
abstract class ChannelNorm extends Module<[input: Tensor], Tensor> {
  static readonly names: typeof normNames = normNames;
  readonly numFeatures: number;
  readonly eps: number;
  /** How fast the running moments move; `null`: they are the mean of all batches. */
  readonly momentum: number | null;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;
  weight: Parameter | null;
  bias: Parameter | null;
  declare runningMean: Tensor | null;
  declare runningVar: Tensor | null;
  declare numBatchesTracked: Tensor | null;

  /** `usual`: whether there are scale, shift and running moments when nothing is said of them. */
  constructor(name: string, args: readonly unknown[], usual: boolean) {
    super();
    const owner = { name, names: normNames };
    const [numFeatures, eps = 1e-5, momentum = 0.1, affine = usual, track = usual, device, dtype] =
      readArguments<NormArguments>(owner, args);
    checkCounts(name, { numFeatures });
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.affine = affine;
    this.trackRunningStats = track;
    this.weight = affine ? parameter([numFeatures], device, dtype) : null;
    this.bias = affine ? parameter([numFeatures], device, dtype) : null;
    this.registerBuffer("runningMean", track ? filled([numFeatures], 0, device, dtype) : null);
    this.registerBuffer("runningVar", track ? filled([numFeatures], 1, device, dtype) : null);
    this.registerBuffer("numBatchesTracked", track ? filled([], 0, device, "int64") : null);
    initialize(this);
  }

  resetRunningStats(): void {
    if (this.runningMean) zeros_(this.runningMean);
    if (this.runningVar) ones_(this.runningVar);
    if (this.numBatchesTracked) zeros_(this.numBatchesTracked);
  }

  resetParameters(): void {
    this.resetRunningStats();
    if (this.weight) ones_(this.weight);
    if (this.bias) zeros_(this.bias);
  }

  override extraRepr(): string {
    const { numFeatures, eps, momentum, affine, trackRunningStats } = this;
    const settings = {
      eps: float(eps),
      momentum: momentum === null ? null : float(momentum),
      affine,
      trackRunningStats,
    };
    return `${numFeatures}, ${describe(settings)}`;
  }
}

/** What the batch norms of all ranks are. */
export abstract class BatchNorm extends ChannelNorm {
  constructor(...args: Arguments<typeof normNames, NormArguments>) {
    super(new.target.name, args, true);
  }

  protected normalize(input: Tensor, ranks: readonly number[]): Tensor {
    if (!ranks.includes(input.ndim)) {
      const layouts = ranks.map((rank) => (rank === 2 ? "[N, C]" : layoutOf(rank - 2, true)));
      fail(this.getName(), `needs ${layouts.join(" or ")}, got ${showShape(input.shape)}`);
    }
    const { runningMean, runningVar, weight, bias, eps } = this;
    const own = this.training || !runningMean;
    const momentum = this.training && this.trackRunningStats ? countBatch(this) : 0;
    const tracked = this.training && this.trackRunningStats;
    const [mean, variance] = own && !tracked ? [null, null] : [runningMean, runningVar];
    return F.batchNorm(input, mean, variance, weight, bias, own, momentum, eps);
  }
}

/** Counts this batch; how much it moves the running moments. */
function countBatch(layer: BatchNorm): number {
  const counter = layer.numBatchesTracked;
  if (counter) noGrad(() => void counter.add_(1));
  return layer.momentum ?? (counter ? 1 / counter.item() : 0);
}

/** Normalises the channels of [N, C] or [N, C, L]. @see https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html */
export class BatchNorm1d extends BatchNorm {
  forward(input: Tensor): Tensor {
    return this.normalize(input, [2, 3]);
  }
}

/**
 * Normalises the channels of [N, C, H, W].
 * @see https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html
 * @example
 * const norm = new BatchNorm2d(8);
 * norm(rand(4, 8, 5, 5)).shape; // [4, 8, 5, 5]
 * norm.eval(); // from now on by the running moments
 */
export class BatchNorm2d extends BatchNorm {
  forward(input: Tensor): Tensor {
    return this.normalize(input, [4]);
  }
}

/** Normalises the channels of [N, C, D, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm3d.html */
export class BatchNorm3d extends BatchNorm {
  forward(input: Tensor): Tensor {
    return this.normalize(input, [5]);
  }
}

abstract class InstanceNorm extends ChannelNorm {
  constructor(...args: Arguments<typeof normNames, NormArguments>) {
    super(new.target.name, args, false);
  }

  protected normalize(input: Tensor, rank: number): Tensor {
    const layouts = `${layoutOf(rank, true)} or ${layoutOf(rank, false)}`;
    if (input.ndim !== rank + 1 && input.ndim !== rank + 2)
      fail(this.getName(), `needs ${layouts}, got ${showShape(input.shape)}`);
    const x = input.ndim === rank + 1 ? input.unsqueeze(0) : input;
    if (x.shape[1] !== this.numFeatures && this.affine) {
      fail(this.getName(), `needs ${this.numFeatures} channels, got ${showShape(input.shape)}`);
    }
    const { runningMean, runningVar, weight, bias, eps } = this;
    const own = this.training || !this.trackRunningStats;
    const out = F.instanceNorm(x, runningMean, runningVar, weight, bias, own, this.momentum ?? 0, eps);
    return x === input ? out : out.squeeze(0);
  }
}

/** Normalises each channel of each sample of [N, C, L]. @see https://pytorch.org/docs/stable/generated/torch.nn.InstanceNorm1d.html */
export class InstanceNorm1d extends InstanceNorm {
  forward(input: Tensor): Tensor {
    return this.normalize(input, 1);
  }
}

/** Normalises each channel of each sample of [N, C, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.InstanceNorm2d.html */
export class InstanceNorm2d extends InstanceNorm {
  forward(input: Tensor): Tensor {
    return this.normalize(input, 2);
  }
}

/** Normalises each channel of each sample of [N, C, D, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.InstanceNorm3d.html */
export class InstanceNorm3d extends InstanceNorm {
  forward(input: Tensor): Tensor {
    return this.normalize(input, 3);
  }
}

export type LayerNormArguments = [
  normalizedShape: number | Shape,
  eps?: number,
  elementwiseAffine?: boolean,
  ...Placement,
];

/**
 * Normalises over the last dimensions.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html
 * @example
 * const norm = new LayerNorm(16);
 * norm(rand(2, 5, 16)).shape; // [2, 5, 16]
 */
export class LayerNorm extends Module<[input: Tensor], Tensor> {
  static readonly names = ["normalizedShape", "eps", "elementwiseAffine", ...placement] as const;
  readonly normalizedShape: Shape;
  readonly eps: number;
  readonly elementwiseAffine: boolean;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(...args: Arguments<typeof LayerNorm.names, LayerNormArguments>) {
    super();
    const [shape, eps = 1e-5, affine = true, device, dtype] = readArguments<LayerNormArguments>(LayerNorm, args);
    this.normalizedShape = typeof shape === "number" ? [shape] : shape;
    this.eps = eps;
    this.elementwiseAffine = affine;
    this.weight = affine ? parameter(this.normalizedShape, device, dtype) : null;
    this.bias = affine ? parameter(this.normalizedShape, device, dtype) : null;
    initialize(this);
  }

  resetParameters(): void {
    if (this.weight) ones_(this.weight);
    if (this.bias) zeros_(this.bias);
  }

  forward(input: Tensor): Tensor {
    return F.layerNorm(input, this.normalizedShape, this.weight, this.bias, this.eps);
  }

  override extraRepr(): string {
    const { normalizedShape, eps, elementwiseAffine } = this;
    return `${python(normalizedShape)}, ${describe({ eps: float(eps), elementwiseAffine })}`;
  }
}

export type GroupNormArguments = [numGroups: number, numChannels: number, eps?: number, affine?: boolean, ...Placement];

/** Normalises groups of channels of each sample. @see https://pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html */
export class GroupNorm extends Module<[input: Tensor], Tensor> {
  static readonly names = ["numGroups", "numChannels", "eps", "affine", ...placement] as const;
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  readonly affine: boolean;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(...args: Arguments<typeof GroupNorm.names, GroupNormArguments>) {
    super();
    const [groups, channels, eps = 1e-5, affine = true, device, dtype] = readArguments<GroupNormArguments>(
      GroupNorm,
      args,
    );
    if (channels % groups !== 0) fail("GroupNorm", `${channels} channels do not divide into ${groups} groups`);
    this.numGroups = groups;
    this.numChannels = channels;
    this.eps = eps;
    this.affine = affine;
    this.weight = affine ? parameter([channels], device, dtype) : null;
    this.bias = affine ? parameter([channels], device, dtype) : null;
    initialize(this);
  }

  resetParameters(): void {
    if (this.weight) ones_(this.weight);
    if (this.bias) zeros_(this.bias);
  }

  forward(input: Tensor): Tensor {
    return F.groupNorm(input, this.numGroups, this.weight, this.bias, this.eps);
  }

  override extraRepr(): string {
    const { numGroups, numChannels, eps, affine } = this;
    return `${numGroups}, ${numChannels}, ${describe({ eps: float(eps), affine })}`;
  }
}

export type LocalResponseNormArguments = [size: number, alpha?: number, beta?: number, k?: number];

/** Divides by a power of the mean square of neighbouring channels. @see https://pytorch.org/docs/stable/generated/torch.nn.LocalResponseNorm.html */
export class LocalResponseNorm extends Module<[input: Tensor], Tensor> {
  static readonly names = ["size", "alpha", "beta", "k"] as const;
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;

  constructor(...args: Arguments<typeof LocalResponseNorm.names, LocalResponseNormArguments>) {
    super();
    [this.size, this.alpha = 1e-4, this.beta = 0.75, this.k = 1] = readArguments<LocalResponseNormArguments>(
      LocalResponseNorm,
      args,
    );
  }

  forward(input: Tensor): Tensor {
    return F.localResponseNorm(input, this.size, this.alpha, this.beta, this.k);
  }

  override extraRepr(): string {
    const { size, alpha, beta, k } = this;
    return `${size}, ${describe({ alpha: float(alpha), beta: float(beta), k: float(k) })}`;
  }
}
