/** Non-linearities with settings. */
import { type Arguments, type FloatDType, full, getDefaultDtype, readArguments, type Tensor } from "@dl/tensor";
import * as F from "../functional/index.ts";
import { Parameter } from "../parameter.ts";
import { describe, float } from "../repr.ts";
import { Activation, withInplace } from "./activation.ts";
import { type Placement, placement } from "./placement.ts";

export type LeakyReLUArguments = [negativeSlope?: number, inplace?: boolean];

/** x, or `negativeSlope` · x below zero. @see https://pytorch.org/docs/stable/generated/torch.nn.LeakyReLU.html */
export class LeakyReLU extends Activation {
  static readonly names = ["negativeSlope", "inplace"] as const;
  readonly negativeSlope: number;
  readonly inplace: boolean;

  constructor(...args: Arguments<typeof LeakyReLU.names, LeakyReLUArguments>) {
    super();
    [this.negativeSlope = 0.01, this.inplace = false] = readArguments<LeakyReLUArguments>(LeakyReLU, args);
  }

  forward(input: Tensor): Tensor {
    return F.leakyRelu(input, this.negativeSlope, this.inplace);
  }

  override extraRepr(): string {
    return withInplace({ negativeSlope: float(this.negativeSlope) }, this.inplace);
  }
}

const alphaNames = ["alpha", "inplace"] as const;
export type AlphaArguments = [alpha?: number, inplace?: boolean];

/** Layers with an `alpha`. */
abstract class AlphaActivation extends Activation {
  static readonly names: typeof alphaNames = alphaNames;
  readonly alpha: number;
  readonly inplace: boolean;

  constructor(...args: Arguments<typeof alphaNames, AlphaArguments>) {
    super();
    [this.alpha = 1, this.inplace = false] = readArguments<AlphaArguments>(new.target, args);
  }

  override extraRepr(): string {
    return withInplace({ alpha: float(this.alpha) }, this.inplace);
  }
}

/** x, or α (eˣ − 1) below zero. @see https://pytorch.org/docs/stable/generated/torch.nn.ELU.html */
export class ELU extends AlphaActivation {
  forward(input: Tensor): Tensor {
    return F.elu(input, this.alpha, this.inplace);
  }
}

/** x, or α (e^(x/α) − 1) below zero. @see https://pytorch.org/docs/stable/generated/torch.nn.CELU.html */
export class CELU extends AlphaActivation {
  forward(input: Tensor): Tensor {
    return F.celu(input, this.alpha, this.inplace);
  }
}

export type GELUArguments = [approximate?: "none" | "tanh"];

/** x · Φ(x). @see https://pytorch.org/docs/stable/generated/torch.nn.GELU.html */
export class GELU extends Activation {
  static readonly names = ["approximate"] as const;
  readonly approximate: "none" | "tanh";

  constructor(...args: Arguments<typeof GELU.names, GELUArguments>) {
    super();
    [this.approximate = "none"] = readArguments<GELUArguments>(GELU, args);
  }

  forward(input: Tensor): Tensor {
    return F.gelu(input, this.approximate);
  }

  override extraRepr(): string {
    return `approximate='${this.approximate}'`;
  }
}

export type PReLUArguments = [numParameters?: number, init?: number, ...Placement];

/** x, or a learnt slope times x below zero. @see https://pytorch.org/docs/stable/generated/torch.nn.PReLU.html */
export class PReLU extends Activation {
  static readonly names = ["numParameters", "init", ...placement] as const;
  readonly numParameters: number;
  /** [numParameters] */
  weight: Parameter;

  constructor(...args: Arguments<typeof PReLU.names, PReLUArguments>) {
    super();
    const [count = 1, init = 0.25, device, dtype] = readArguments<PReLUArguments>(PReLU, args);
    this.numParameters = count;
    this.weight = new Parameter<FloatDType>(
      full([count], init, { device: device ?? undefined, dtype: dtype ?? getDefaultDtype() }),
    );
  }

  forward(input: Tensor): Tensor {
    return F.prelu(input, this.weight);
  }

  override extraRepr(): string {
    return describe({ numParameters: this.numParameters });
  }
}

export type RReLUArguments = [lower?: number, upper?: number, inplace?: boolean];

/** A leaky ReLU with random slopes in training. @see https://pytorch.org/docs/stable/generated/torch.nn.RReLU.html */
export class RReLU extends Activation {
  static readonly names = ["lower", "upper", "inplace"] as const;
  readonly lower: number;
  readonly upper: number;
  readonly inplace: boolean;

  constructor(...args: Arguments<typeof RReLU.names, RReLUArguments>) {
    super();
    [this.lower = 1 / 8, this.upper = 1 / 3, this.inplace = false] = readArguments<RReLUArguments>(RReLU, args);
  }

  forward(input: Tensor): Tensor {
    return F.rrelu(input, this.lower, this.upper, this.training, this.inplace);
  }

  override extraRepr(): string {
    return withInplace({ lower: float(this.lower), upper: float(this.upper) }, this.inplace);
  }
}

export type HardtanhArguments = [minVal?: number, maxVal?: number, inplace?: boolean];

/** x, limited to [minVal, maxVal]. @see https://pytorch.org/docs/stable/generated/torch.nn.Hardtanh.html */
export class Hardtanh extends Activation {
  static readonly names = ["minVal", "maxVal", "inplace"] as const;
  readonly minVal: number;
  readonly maxVal: number;
  readonly inplace: boolean;

  constructor(...args: Arguments<typeof Hardtanh.names, HardtanhArguments>) {
    super();
    [this.minVal = -1, this.maxVal = 1, this.inplace = false] = readArguments<HardtanhArguments>(Hardtanh, args);
  }

  forward(input: Tensor): Tensor {
    return F.hardtanh(input, this.minVal, this.maxVal, this.inplace);
  }

  override extraRepr(): string {
    return withInplace({ minVal: float(this.minVal), maxVal: float(this.maxVal) }, this.inplace);
  }
}

const shrinkNames = ["lambd"] as const;
export type ShrinkArguments = [lambd?: number];

/** Layers with a `lambd`. */
abstract class Shrink extends Activation {
  static readonly names: typeof shrinkNames = shrinkNames;
  readonly lambd: number;

  constructor(...args: Arguments<typeof shrinkNames, ShrinkArguments>) {
    super();
    [this.lambd = 0.5] = readArguments<ShrinkArguments>(new.target, args);
  }

  override extraRepr(): string {
    return float(this.lambd);
  }
}

/** @see https://pytorch.org/docs/stable/generated/torch.nn.Hardshrink.html */
export class Hardshrink extends Shrink {
  forward(input: Tensor): Tensor {
    return F.hardshrink(input, this.lambd);
  }
}

/** @see https://pytorch.org/docs/stable/generated/torch.nn.Softshrink.html */
export class Softshrink extends Shrink {
  forward(input: Tensor): Tensor {
    return F.softshrink(input, this.lambd);
  }
}

export type SoftplusArguments = [beta?: number, threshold?: number];

/** log(1 + e^(βx)) / β. @see https://pytorch.org/docs/stable/generated/torch.nn.Softplus.html */
export class Softplus extends Activation {
  static readonly names = ["beta", "threshold"] as const;
  readonly beta: number;
  readonly threshold: number;

  constructor(...args: Arguments<typeof Softplus.names, SoftplusArguments>) {
    super();
    [this.beta = 1, this.threshold = 20] = readArguments<SoftplusArguments>(Softplus, args);
  }

  forward(input: Tensor): Tensor {
    return F.softplus(input, this.beta, this.threshold);
  }

  override extraRepr(): string {
    return describe({ beta: this.beta, threshold: this.threshold });
  }
}

export type ThresholdArguments = [threshold: number, value: number, inplace?: boolean];

/** `value` where x ≤ threshold. @see https://pytorch.org/docs/stable/generated/torch.nn.Threshold.html */
export class Threshold extends Activation {
  static readonly names = ["threshold", "value", "inplace"] as const;
  readonly threshold: number;
  readonly value: number;
  readonly inplace: boolean;

  constructor(...args: Arguments<typeof Threshold.names, ThresholdArguments>) {
    super();
    [this.threshold, this.value, this.inplace = false] = readArguments<ThresholdArguments>(Threshold, args);
  }

  forward(input: Tensor): Tensor {
    return F.threshold(input, this.threshold, this.value, this.inplace);
  }

  override extraRepr(): string {
    return withInplace({ threshold: float(this.threshold), value: float(this.value) }, this.inplace);
  }
}
