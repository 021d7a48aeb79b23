/** Non-linearities as layers: those without settings, or with `inplace` only. */
import { type Arguments, readArguments, type Tensor } from "@dl/tensor";
import * as F from "../functional/index.ts";
import { Module } from "../module.ts";
import { describe, type Printable } from "../repr.ts";
import { ROLE, type Role } from "../role.ts";

/** A layer without parameters. */
export abstract class Activation extends Module<[input: Tensor], Tensor> {}

/** The settings, with `inplace=True` behind where it is so. */
export function withInplace(settings: Readonly<Record<string, Printable>>, inplace: boolean): string {
  return describe(inplace ? { ...settings, inplace } : settings);
}

const inplaceOnly = ["inplace"] as const;
export type InplaceOnly = [inplace?: boolean];

/** Layers whose only setting is `inplace`. */
abstract class InplaceActivation extends Activation {
  static readonly names: typeof inplaceOnly = inplaceOnly;
  readonly inplace: boolean;

  constructor(...args: Arguments<typeof inplaceOnly, InplaceOnly>) {
    super();
    [this.inplace = false] = readArguments<InplaceOnly>(new.target, args);
  }

  override extraRepr(): string {
    return withInplace({}, this.inplace);
  }
}

/**
 * max(x, 0).
 * @see https://pytorch.org/docs/stable/generated/torch.nn.ReLU.html
 * @example
 * new ReLU()(floatTensor([-1, 2])); // tensor([0., 2.])
 */
export class ReLU extends InplaceActivation {
  forward(input: Tensor): Tensor {
    return F.relu(input, this.inplace);
  }

  /** @internal */
  override get [ROLE](): Role | undefined {
    if (this.forward !== ReLU.prototype.forward) return undefined;
    return this.inplace ? "risingInPlace" : "rising";
  }
}

/** min(max(x, 0), 6). @see https://pytorch.org/docs/stable/generated/torch.nn.ReLU6.html */
export class ReLU6 extends InplaceActivation {
  forward(input: Tensor): Tensor {
    return F.relu6(input, this.inplace);
  }
}

/** @see https://pytorch.org/docs/stable/generated/torch.nn.SELU.html */
export class SELU extends InplaceActivation {
  forward(input: Tensor): Tensor {
    return F.selu(input, this.inplace);
  }
}

/** x · sigmoid(x). @see https://pytorch.org/docs/stable/generated/torch.nn.SiLU.html */
export class SiLU extends InplaceActivation {
  forward(input: Tensor): Tensor {
    return F.silu(input, this.inplace);
  }
}

/** x · tanh(softplus(x)). @see https://pytorch.org/docs/stable/generated/torch.nn.Mish.html */
export class Mish extends InplaceActivation {
  forward(input: Tensor): Tensor {
    return F.mish(input, this.inplace);
  }
}

/** @see https://pytorch.org/docs/stable/generated/torch.nn.Hardsigmoid.html */
export class Hardsigmoid extends InplaceActivation {
  forward(input: Tensor): Tensor {
    return F.hardsigmoid(input, this.inplace);
  }

  override extraRepr(): string {
    return "";
  }
}

/** @see https://pytorch.org/docs/stable/generated/torch.nn.Hardswish.html */
export class Hardswish extends InplaceActivation {
  forward(input: Tensor): Tensor {
    return F.hardswish(input, this.inplace);
  }

  override extraRepr(): string {
    return "";
  }
}

/** Layers without settings. */
abstract class PlainActivation extends Activation {
  static readonly names = [] as const;
}

/** @see https://pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html */
export class Sigmoid extends PlainActivation {
  forward(input: Tensor): Tensor {
    return F.sigmoid(input);
  }
}

/** @see https://pytorch.org/docs/stable/generated/torch.nn.Tanh.html */
export class Tanh extends PlainActivation {
  forward(input: Tensor): Tensor {
    return F.tanh(input);
  }
}

/** log(sigmoid(x)). @see https://pytorch.org/docs/stable/generated/torch.nn.LogSigmoid.html */
export class LogSigmoid extends PlainActivation {
  forward(input: Tensor): Tensor {
    return F.logsigmoid(input);
  }
}

/** x / (1 + |x|). @see https://pytorch.org/docs/stable/generated/torch.nn.Softsign.html */
export class Softsign extends PlainActivation {
  forward(input: Tensor): Tensor {
    return F.softsign(input);
  }
}

/** x − tanh(x). @see https://pytorch.org/docs/stable/generated/torch.nn.Tanhshrink.html */
export class Tanhshrink extends PlainActivation {
  forward(input: Tensor): Tensor {
    return F.tanhshrink(input);
  }
}
