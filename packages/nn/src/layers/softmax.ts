/** Layers that normalise along a dimension. */
import { type Arguments, fail, readArguments, showShape, type Tensor } from "@dl/tensor";
import * as F from "../functional/index.ts";
import { Module } from "../module.ts";
import { describe } from "../repr.ts";

const dimNames = ["dim"] as const;
export type DimArguments = [dim?: number | null];

/** Layers with a `dim`. */
abstract class AlongDim extends Module<[input: Tensor], Tensor> {
  static readonly names: typeof dimNames = dimNames;
  readonly dim: number | null;

  constructor(...args: Arguments<typeof dimNames, DimArguments>) {
    super();
    [this.dim = null] = readArguments<DimArguments>(new.target, args);
  }

  override extraRepr(): string {
    return describe({ dim: this.dim });
  }
}

/** @see https://pytorch.org/docs/stable/generated/torch.nn.Softmax.html */
export class Softmax extends AlongDim {
  forward(input: Tensor): Tensor {
    return F.softmax(input, this.dim);
  }
}

/** @see https://pytorch.org/docs/stable/generated/torch.nn.LogSoftmax.html */
export class LogSoftmax extends AlongDim {
  forward(input: Tensor): Tensor {
    return F.logSoftmax(input, this.dim);
  }
}

/** @see https://pytorch.org/docs/stable/generated/torch.nn.Softmin.html */
export class Softmin extends AlongDim {
  forward(input: Tensor): Tensor {
    return F.softmin(input, this.dim);
  }
}

/** Softmax over the channels of [N, C, H, W] or [C, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.Softmax2d.html */
export class Softmax2d extends Module<[input: Tensor], Tensor> {
  static readonly names = [] as const;

  forward(input: Tensor): Tensor {
    if (input.ndim !== 3 && input.ndim !== 4)
      fail("Softmax2d", `needs [N, C, H, W] or [C, H, W], got ${showShape(input.shape)}`);
    return F.softmax(input, -3);
  }
}

/** The first half along `dim`, gated by the second. @see https://pytorch.org/docs/stable/generated/torch.nn.GLU.html */
export class GLU extends Module<[input: Tensor], Tensor> {
  static readonly names = ["dim"] as const;
  readonly dim: number;

  constructor(...args: Arguments<typeof GLU.names, [dim?: number]>) {
    super();
    [this.dim = -1] = readArguments<[dim?: number]>(GLU, args);
  }

  forward(input: Tensor): Tensor {
    return F.glu(input, this.dim);
  }

  override extraRepr(): string {
    return describe({ dim: this.dim });
  }
}
