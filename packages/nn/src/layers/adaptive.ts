/** Pooling to a given output size. */
import { type Arguments, readArguments, type Tensor } from "@dl/tensor";
import type { AdaptiveSize, AdaptiveMaxPool as MaxFunction } from "../functional/adaptive.ts";
import * as F from "../functional/index.ts";
import { Module } from "../module.ts";
import { describe } from "../repr.ts";

const avgNames = ["outputSize"] as const;
export type AdaptiveAvgPoolArguments = [outputSize: AdaptiveSize];

abstract class AdaptiveAvgPool extends Module<[input: Tensor], Tensor> {
  static readonly names: typeof avgNames = avgNames;
  readonly outputSize: AdaptiveSize;

  constructor(...args: Arguments<typeof avgNames, AdaptiveAvgPoolArguments>) {
    super();
    [this.outputSize] = readArguments<AdaptiveAvgPoolArguments>(new.target, args);
  }

  override extraRepr(): string {
    return describe({ outputSize: this.outputSize });
  }
}

/** @see https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool1d.html */
export class AdaptiveAvgPool1d extends AdaptiveAvgPool {
  forward(input: Tensor): Tensor {
    return F.adaptiveAvgPool1d(input, this.outputSize);
  }
}

/** @see https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool2d.html */
export class AdaptiveAvgPool2d extends AdaptiveAvgPool {
  forward(input: Tensor): Tensor {
    return F.adaptiveAvgPool2d(input, this.outputSize);
  }
}

/** @see https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool3d.html */
export class AdaptiveAvgPool3d extends AdaptiveAvgPool {
  forward(input: Tensor): Tensor {
    return F.adaptiveAvgPool3d(input, this.outputSize);
  }
}

const maxNames = ["outputSize", "returnIndices"] as const;
export type AdaptiveMaxPoolArguments = [outputSize: AdaptiveSize, returnIndices?: boolean];

/** `forward` gives the values; with `returnIndices`, in spite of its type, the pair of values and positions. */
abstract class AdaptiveMaxPool extends Module<[input: Tensor], Tensor> {
  static readonly names: typeof maxNames = maxNames;
  readonly outputSize: AdaptiveSize;
  readonly returnIndices: boolean;

  constructor(...args: Arguments<typeof maxNames, AdaptiveMaxPoolArguments>) {
    super();
    [this.outputSize, this.returnIndices = false] = readArguments<AdaptiveMaxPoolArguments>(new.target, args);
  }

  protected pool(input: Tensor, maxPool: MaxFunction): Tensor {
    return maxPool(input, this.outputSize, this.returnIndices) as Tensor;
  }

  override extraRepr(): string {
    return describe({ outputSize: this.outputSize });
  }
}

/** @see https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool1d.html */
export class AdaptiveMaxPool1d extends AdaptiveMaxPool {
  forward(input: Tensor): Tensor {
    return this.pool(input, F.adaptiveMaxPool1d);
  }
}

/** @see https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool2d.html */
export class AdaptiveMaxPool2d extends AdaptiveMaxPool {
  forward(input: Tensor): Tensor {
    return this.pool(input, F.adaptiveMaxPool2d);
  }
}

/** @see https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool3d.html */
export class AdaptiveMaxPool3d extends AdaptiveMaxPool {
  forward(input: Tensor): Tensor {
    return this.pool(input, F.adaptiveMaxPool3d);
  }
}
