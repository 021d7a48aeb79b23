/** Layers that change the shape only. */
import { type Arguments, readArguments, type Tensor } from "@dl/tensor";
import { Module } from "../module.ts";
import { describe } from "../repr.ts";

export type FlattenArguments = [startDim?: number, endDim?: number];

/** One dimension from several; by default all but the batch. @see https://pytorch.org/docs/stable/generated/torch.nn.Flatten.html */
export class Flatten extends Module<[input: Tensor], Tensor> {
  static readonly names = ["startDim", "endDim"] as const;
  readonly startDim: number;
  readonly endDim: number;

  constructor(...args: Arguments<typeof Flatten.names, FlattenArguments>) {
    super();
    [this.startDim = 1, this.endDim = -1] = readArguments<FlattenArguments>(Flatten, args);
  }

  forward(input: Tensor): Tensor {
    return input.flatten(this.startDim, this.endDim);
  }

  override extraRepr(): string {
    return describe({ startDim: this.startDim, endDim: this.endDim });
  }
}

export type UnflattenArguments = [dim: number, unflattenedSize: readonly number[]];

/** Several dimensions from one. @see https://pytorch.org/docs/stable/generated/torch.nn.Unflatten.html */
export class Unflatten extends Module<[input: Tensor], Tensor> {
  static readonly names = ["dim", "unflattenedSize"] as const;
  readonly dim: number;
  readonly unflattenedSize: readonly number[];

  constructor(...args: Arguments<typeof Unflatten.names, UnflattenArguments>) {
    super();
    [this.dim, this.unflattenedSize] = readArguments<UnflattenArguments>(Unflatten, args);
  }

  forward(input: Tensor): Tensor {
    const at = this.dim < 0 ? this.dim + input.ndim : this.dim;
    return input.reshape([...input.shape.slice(0, at), ...this.unflattenedSize, ...input.shape.slice(at + 1)]);
  }

  override extraRepr(): string {
    return describe({ dim: this.dim, unflattenedSize: this.unflattenedSize });
  }
}
