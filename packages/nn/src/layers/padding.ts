/** Borders around the last dimensions: a family owns arguments and mode, a layer says its rank. Negative amounts cut. */
import { type Arguments, readArguments, type Tensor } from "@dl/tensor";
import * as F from "../functional/index.ts";
import type { Size } from "../functional/sizes.ts";
import { Module } from "../module.ts";
import { describe, float, python } from "../repr.ts";

/** Pairs from the last dimension backwards; one number stands for all. */
function pairs(padding: Size, rank: number): readonly number[] {
  return typeof padding === "number" ? Array<number>(2 * rank).fill(padding) : padding;
}

const constantNames = ["padding", "value"] as const;
export type ConstantPadArguments = [padding: Size, value: number];

abstract class ConstantPad extends Module<[input: Tensor], Tensor> {
  static readonly names: typeof constantNames = constantNames;
  /** @internal How many dimensions get borders. */
  declare static readonly rank: number;
  readonly padding: readonly number[];
  readonly value: number;

  constructor(...args: Arguments<typeof constantNames, ConstantPadArguments>) {
    super();
    const [padding, value] = readArguments<ConstantPadArguments>(new.target, args);
    this.padding = pairs(padding, new.target.rank);
    this.value = value;
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "constant", this.value);
  }

  override extraRepr(): string {
    return describe({ padding: this.padding, value: float(this.value) });
  }
}

/** One value around the last dimension. @see https://pytorch.org/docs/stable/generated/torch.nn.ConstantPad1d.html */
export class ConstantPad1d extends ConstantPad {
  /** @internal */
  static override readonly rank = 1;
}

/** One value around the last 2 dimensions. @see https://pytorch.org/docs/stable/generated/torch.nn.ConstantPad2d.html */
export class ConstantPad2d extends ConstantPad {
  /** @internal */
  static override readonly rank = 2;
}

/** One value around the last 3 dimensions. @see https://pytorch.org/docs/stable/generated/torch.nn.ConstantPad3d.html */
export class ConstantPad3d extends ConstantPad {
  /** @internal */
  static override readonly rank = 3;
}

const padNames = ["padding"] as const;
export type PadArguments = [padding: Size];

/** Borders that need no value. */
abstract class PlainPad extends Module<[input: Tensor], Tensor> {
  static readonly names: typeof padNames = padNames;
  /** @internal How many dimensions get borders. */
  declare static readonly rank: number;
  readonly padding: readonly number[];

  constructor(...args: Arguments<typeof padNames, PadArguments>) {
    super();
    const [padding] = readArguments<PadArguments>(new.target, args);
    this.padding = pairs(padding, new.target.rank);
  }

  override extraRepr(): string {
    return python(this.padding);
  }
}

/** Zeros around the last 2 dimensions. @see https://pytorch.org/docs/stable/generated/torch.nn.ZeroPad2d.html */
export class ZeroPad2d extends PlainPad {
  /** @internal */
  static override readonly rank = 2;

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding);
  }
}

abstract class ReflectionPad extends PlainPad {
  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "reflect");
  }
}

/** The last dimension mirrored at its ends. @see https://pytorch.org/docs/stable/generated/torch.nn.ReflectionPad1d.html */
export class ReflectionPad1d extends ReflectionPad {
  /** @internal */
  static override readonly rank = 1;
}

/** The last 2 dimensions mirrored at their ends. @see https://pytorch.org/docs/stable/generated/torch.nn.ReflectionPad2d.html */
export class ReflectionPad2d extends ReflectionPad {
  /** @internal */
  static override readonly rank = 2;
}

/** The last 3 dimensions mirrored at their ends. @see https://pytorch.org/docs/stable/generated/torch.nn.ReflectionPad3d.html */
export class ReflectionPad3d extends ReflectionPad {
  /** @internal */
  static override readonly rank = 3;
}

abstract class ReplicationPad extends PlainPad {
  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "replicate");
  }
}

/** The ends of the last dimension repeated. @see https://pytorch.org/docs/stable/generated/torch.nn.ReplicationPad1d.html */
export class ReplicationPad1d extends ReplicationPad {
  /** @internal */
  static override readonly rank = 1;
}

/** The ends of the last 2 dimensions repeated. @see https://pytorch.org/docs/stable/generated/torch.nn.ReplicationPad2d.html */
export class ReplicationPad2d extends ReplicationPad {
  /** @internal */
  static override readonly rank = 2;
}

/** The ends of the last 3 dimensions repeated. @see https://pytorch.org/docs/stable/generated/torch.nn.ReplicationPad3d.html */
export class ReplicationPad3d extends ReplicationPad {
  /** @internal */
  static override readonly rank = 3;
}
