/** Pooling over windows: a family owns arguments and printing, a layer names its function or its rank. */
import { type Arguments, readArguments, type Tensor } from "@dl/tensor";
import * as F from "../functional/index.ts";
import { each, type Size } from "../functional/sizes.ts";
import { Module } from "../module.ts";
import { describe } from "../repr.ts";
import { ROLE, type Role } from "../role.ts";

const maxNames = ["kernelSize", "stride", "padding", "dilation", "returnIndices", "ceilMode"] as const;
export type MaxPoolArguments = [
  kernelSize: Size,
  stride?: Size | null,
  padding?: Size,
  dilation?: Size,
  returnIndices?: boolean,
  ceilMode?: boolean,
];

/** `forward` gives the values; with `returnIndices`, in spite of its type, the pair of values and positions. */
abstract class MaxPool extends Module<[input: Tensor], Tensor> {
  static readonly names: typeof maxNames = maxNames;
  readonly kernelSize: Size;
  readonly stride: Size;
  readonly padding: Size;
  readonly dilation: Size;
  readonly returnIndices: boolean;
  readonly ceilMode: boolean;

  constructor(...args: Arguments<typeof maxNames, MaxPoolArguments>) {
    super();
    const [kernelSize, stride, padding = 0, dilation = 1, returnIndices = false, ceilMode = false] =
      readArguments<MaxPoolArguments>(new.target, args);
    this.kernelSize = kernelSize;
    this.stride = stride ?? kernelSize;
    this.padding = padding;
    this.dilation = dilation;
    this.returnIndices = returnIndices;
    this.ceilMode = ceilMode;
  }

  protected pool(input: Tensor, maxPool: F.MaxPool): Tensor {
    const { kernelSize, stride, padding, dilation, ceilMode, returnIndices } = this;
    return maxPool(input, kernelSize, stride, padding, dilation, ceilMode, returnIndices) as Tensor;
  }

  /** Not where windows may lie in the padding altogether. @internal */
  override get [ROLE](): Role | undefined {
    const own = [MaxPool1d, MaxPool2d, MaxPool3d].some(({ prototype }) => this.forward === prototype.forward);
    return own && !this.returnIndices && this.dilation === 1 ? "largest" : undefined;
  }

  override extraRepr(): string {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    return describe({ kernelSize, stride, padding, dilation, ceilMode });
  }
}

/** The largest of each window of [N, C, L] or [C, L]. @see https://pytorch.org/docs/stable/generated/torch.nn.MaxPool1d.html */
export class MaxPool1d extends MaxPool {
  forward(input: Tensor): Tensor {
    return this.pool(input, F.maxPool1d);
  }
}

/**
 * The largest of each window of [N, C, H, W] or [C, H, W].
 * @see https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
 * @example
 * const pool = new MaxPool2d(2);
 * pool(rand(1, 8, 28, 28)).shape; // [1, 8, 14, 14]
 */
export class MaxPool2d extends MaxPool {
  forward(input: Tensor): Tensor {
    return this.pool(input, F.maxPool2d);
  }
}

/** The largest of each window of [N, C, D, H, W] or [C, D, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.MaxPool3d.html */
export class MaxPool3d extends MaxPool {
  forward(input: Tensor): Tensor {
    return this.pool(input, F.maxPool3d);
  }
}

const avgNames = ["kernelSize", "stride", "padding", "ceilMode", "countIncludePad"] as const;
export type AvgPoolArguments = [
  kernelSize: Size,
  stride?: Size | null,
  padding?: Size,
  ceilMode?: boolean,
  countIncludePad?: boolean,
];
const avgNamesWithDivisor = [...avgNames, "divisorOverride"] as const;
export type AvgPoolDivisorArguments = [...AvgPoolArguments, divisorOverride?: number | null];

abstract class AvgPool extends Module<[input: Tensor], Tensor> {
  readonly kernelSize: Size;
  readonly stride: Size;
  readonly padding: Size;
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;
  readonly divisorOverride: number | null;

  constructor(settings: AvgPoolDivisorArguments) {
    super();
    const [kernelSize, stride, padding = 0, ceilMode = false, countIncludePad = true, divisor = null] = settings;
    this.kernelSize = kernelSize;
    this.stride = stride ?? kernelSize;
    this.padding = padding;
    this.ceilMode = ceilMode;
    this.countIncludePad = countIncludePad;
    this.divisorOverride = divisor;
  }

  protected pool(input: Tensor, avgPool: typeof F.avgPool2d): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = this;
    return avgPool(input, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride);
  }

  override extraRepr(): string {
    const { kernelSize, stride, padding } = this;
    return describe({ kernelSize, stride, padding });
  }
}

/** The mean of each window of [N, C, L] or [C, L]. @see https://pytorch.org/docs/stable/generated/torch.nn.AvgPool1d.html */
export class AvgPool1d extends AvgPool {
  static readonly names: typeof avgNames = avgNames;

  constructor(...args: Arguments<typeof avgNames, AvgPoolArguments>) {
    const [kernelSize, stride, padding = 0, ...rest] = readArguments<AvgPoolArguments>(new.target, args);
    const window = each("AvgPool1d", "kernelSize", kernelSize, 1);
    const step = each("AvgPool1d", "stride", stride ?? kernelSize, 1);
    super([window, step, each("AvgPool1d", "padding", padding, 1, 0), ...rest]);
  }

  forward(input: Tensor): Tensor {
    return this.pool(input, F.avgPool1d);
  }
}

abstract class DivisorPool extends AvgPool {
  static readonly names: typeof avgNamesWithDivisor = avgNamesWithDivisor;

  constructor(...args: Arguments<typeof avgNamesWithDivisor, AvgPoolDivisorArguments>) {
    super(readArguments<AvgPoolDivisorArguments>(new.target, args));
  }
}

/** The mean of each window of [N, C, H, W] or [C, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html */
export class AvgPool2d extends DivisorPool {
  forward(input: Tensor): Tensor {
    return this.pool(input, F.avgPool2d);
  }
}

/** The mean of each window of [N, C, D, H, W] or [C, D, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.AvgPool3d.html */
export class AvgPool3d extends DivisorPool {
  forward(input: Tensor): Tensor {
    return this.pool(input, F.avgPool3d);
  }
}

const lpNames = ["normType", "kernelSize", "stride", "ceilMode"] as const;
export type LPPoolArguments = [normType: number, kernelSize: Size, stride?: Size | null, ceilMode?: boolean];

abstract class LPPool extends Module<[input: Tensor], Tensor> {
  static readonly names: typeof lpNames = lpNames;
  readonly normType: number;
  readonly kernelSize: Size;
  readonly stride: Size | null;
  readonly ceilMode: boolean;

  constructor(...args: Arguments<typeof lpNames, LPPoolArguments>) {
    super();
    [this.normType, this.kernelSize, this.stride = null, this.ceilMode = false] = readArguments<LPPoolArguments>(
      new.target,
      args,
    );
  }

  override extraRepr(): string {
    const { normType, kernelSize, stride, ceilMode } = this;
    return describe({ normType, kernelSize, stride, ceilMode });
  }
}

/** The p-norm of each window. @see https://pytorch.org/docs/stable/generated/torch.nn.LPPool1d.html */
export class LPPool1d extends LPPool {
  forward(input: Tensor): Tensor {
    return F.lpPool1d(input, this.normType, this.kernelSize, this.stride, this.ceilMode);
  }
}

/** The p-norm of each window. @see https://pytorch.org/docs/stable/generated/torch.nn.LPPool2d.html */
export class LPPool2d extends LPPool {
  forward(input: Tensor): Tensor {
    return F.lpPool2d(input, this.normType, this.kernelSize, this.stride, this.ceilMode);
  }
}

const unpoolNames = ["kernelSize", "stride", "padding"] as const;
export type MaxUnpoolArguments = [kernelSize: Size, stride?: Size | null, padding?: Size];

const unpools = { 1: F.maxUnpool1d, 2: F.maxUnpool2d, 3: F.maxUnpool3d } as const;
type Rank = keyof typeof unpools;

const unpoolCall = { name: "MaxUnpool", names: ["input", "indices", "outputSize"] } as const;
export type MaxUnpoolInput = [input: Tensor, indices: Tensor, outputSize?: readonly number[] | null];

abstract class MaxUnpool extends Module<Arguments<typeof unpoolCall.names, MaxUnpoolInput>, Tensor> {
  static readonly names: typeof unpoolNames = unpoolNames;
  /** @internal How many dimensions are pooled. */
  declare static readonly rank: Rank;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];

  constructor(...args: Arguments<typeof unpoolNames, MaxUnpoolArguments>) {
    super();
    const { name, rank } = new.target;
    const [kernelSize, stride, padding = 0] = readArguments<MaxUnpoolArguments>(new.target, args);
    this.kernelSize = each(name, "kernelSize", kernelSize, rank);
    this.stride = each(name, "stride", stride ?? kernelSize, rank);
    this.padding = each(name, "padding", padding, rank, 0);
  }

  /** `indices`: the positions that pooling gave; `outputSize`: the size before it, where several are possible. */
  forward(...args: Arguments<typeof unpoolCall.names, MaxUnpoolInput>): Tensor {
    const [input, indices, outputSize] = readArguments<MaxUnpoolInput>(unpoolCall, args);
    const unpool = unpools[this.kernelSize.length as Rank];
    return unpool(input, indices, this.kernelSize, this.stride, this.padding, outputSize);
  }

  override extraRepr(): string {
    const { kernelSize, stride, padding } = this;
    return describe({ kernelSize, stride, padding });
  }
}

/** Undoes {@link MaxPool1d} with its positions. @see https://pytorch.org/docs/stable/generated/torch.nn.MaxUnpool1d.html */
export class MaxUnpool1d extends MaxUnpool {
  /** @internal */
  static override readonly rank = 1;
}

/** Undoes {@link MaxPool2d} with its positions. @see https://pytorch.org/docs/stable/generated/torch.nn.MaxUnpool2d.html */
export class MaxUnpool2d extends MaxUnpool {
  /** @internal */
  static override readonly rank = 2;
}

/** Undoes {@link MaxPool3d} with its positions. @see https://pytorch.org/docs/stable/generated/torch.nn.MaxUnpool3d.html */
export class MaxUnpool3d extends MaxUnpool {
  /** @internal */
  static override readonly rank = 3;
}
