/** Random zeros in training, nothing in eval mode. */
import { type Arguments, fail, readArguments, showValue, type Tensor } from "@dl/tensor";
import * as F from "../functional/index.ts";
import { Module } from "../module.ts";
import { describe, float } from "../repr.ts";

const names = ["p", "inplace"] as const;
export type DropoutArguments = [p?: number, inplace?: boolean];

abstract class AnyDropout extends Module<[input: Tensor], Tensor> {
  static readonly names: typeof names = names;
  readonly p: number;
  readonly inplace: boolean;

  constructor(...args: Arguments<typeof names, DropoutArguments>) {
    super();
    [this.p = 0.5, this.inplace = false] = readArguments<DropoutArguments>(new.target, args);
    if (typeof this.p !== "number" || !(this.p >= 0 && this.p <= 1)) {
      fail(new.target.name, `the probability must lie in [0, 1], got ${showValue(this.p)}`);
    }
  }

  override extraRepr(): string {
    return describe({ p: float(this.p), inplace: this.inplace });
  }
}

/**
 * Zeros elements with probability `p`.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.Dropout.html
 * @example
 * const dropout = new Dropout(0.2);
 * dropout(ones(4)); // about one in five is 0, the others are 1.25
 * dropout.eval()(ones(4)); // nothing happens after training
 */
export class Dropout extends AnyDropout {
  forward(input: Tensor): Tensor {
    return F.dropout(input, this.p, this.training, this.inplace);
  }
}

/** Zeros whole channels of [N, C, L]. @see https://pytorch.org/docs/stable/generated/torch.nn.Dropout1d.html */
export class Dropout1d extends AnyDropout {
  forward(input: Tensor): Tensor {
    return F.dropout1d(input, this.p, this.training, this.inplace);
  }
}

/** Zeros whole channels of [N, C, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.Dropout2d.html */
export class Dropout2d extends AnyDropout {
  forward(input: Tensor): Tensor {
    return F.dropout2d(input, this.p, this.training, this.inplace);
  }
}

/** Zeros whole channels of [N, C, D, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.Dropout3d.html */
export class Dropout3d extends AnyDropout {
  forward(input: Tensor): Tensor {
    return F.dropout3d(input, this.p, this.training, this.inplace);
  }
}

/** For networks of {@link SELU}. @see https://pytorch.org/docs/stable/generated/torch.nn.AlphaDropout.html */
export class AlphaDropout extends AnyDropout {
  forward(input: Tensor): Tensor {
    return F.alphaDropout(input, this.p, this.training);
  }
}

/** {@link AlphaDropout} of whole channels. @see https://pytorch.org/docs/stable/generated/torch.nn.FeatureAlphaDropout.html */
export class FeatureAlphaDropout extends AnyDropout {
  forward(input: Tensor): Tensor {
    return F.featureAlphaDropout(input, this.p, this.training);
  }
}
