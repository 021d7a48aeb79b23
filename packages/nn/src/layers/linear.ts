/** Layers that multiply by a weight. */
import { type Arguments, readArguments, type Tensor } from "@dl/tensor";
import * as F from "../functional/index.ts";
import { checkCounts } from "../functional/sizes.ts";
import { calculateFanInAndFanOut, kaimingUniform_, uniform_ } from "../init.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";
import { describe } from "../repr.ts";
import { initialize, type Placement, parameter, placement } from "./placement.ts";

export type LinearArguments = [inFeatures: number, outFeatures: number, bias?: boolean, ...Placement];

/**
 * A fully connected layer, y = x Wᵀ + b: it maps `[*, inFeatures]` to `[*, outFeatures]`, where `*` is any number of
 * dimensions. `weight` is [outFeatures, inFeatures] and `bias` [outFeatures]; both start uniform within ±1/√inFeatures. With
 * `bias: false` there is no bias.
 * @throws TensorError for counts that are no whole numbers; when called, for an input of other features or of another dtype
 * @see https://pytorch.org/docs/stable/generated/torch.nn.Linear.html
 * @example
 * const layer = new Linear(512, 10);
 * layer(rand(64, 512)).shape; // [64, 10]: a batch of 64
 * new Linear(512, 10, { bias: false }).bias; // null
 */
export class Linear extends Module<[input: Tensor], Tensor> {
  static readonly names = ["inFeatures", "outFeatures", "bias", ...placement] as const;
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** [outFeatures, inFeatures] */
  weight: Parameter;
  /** [outFeatures] */
  bias: Parameter | null;

  constructor(...args: Arguments<typeof Linear.names, LinearArguments>) {
    super();
    const [inFeatures, outFeatures, bias = true, device, dtype] = readArguments<LinearArguments>(Linear, args);
    checkCounts("Linear", { inFeatures, outFeatures });
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = parameter([outFeatures, inFeatures], device, dtype);
    this.bias = bias ? parameter([outFeatures], device, dtype) : null;
    initialize(this);
  }

  /** U(±1/√inFeatures), as PyTorch. */
  resetParameters(): void {
    resetLinear(this.weight, this.bias);
  }

  forward(input: Tensor): Tensor {
    return F.linear(input, this.weight, this.bias);
  }

  override extraRepr(): string {
    return describe({ inFeatures: this.inFeatures, outFeatures: this.outFeatures, bias: this.bias !== null });
  }
}

/** PyTorch's default for linear layers and convolutions: both uniform within ±1/√fanIn. */
export function resetLinear(weight: Tensor, bias: Tensor | null): void {
  kaimingUniform_(weight, Math.sqrt(5));
  if (!bias) return;
  const [fanIn] = calculateFanInAndFanOut(weight);
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  uniform_(bias, -bound, bound);
}

export type BilinearArguments = [
  in1Features: number,
  in2Features: number,
  outFeatures: number,
  bias?: boolean,
  ...Placement,
];

/** y = x₁ᵀ W x₂ + b. @see https://pytorch.org/docs/stable/generated/torch.nn.Bilinear.html */
export class Bilinear extends Module<[input1: Tensor, input2: Tensor], Tensor> {
  static readonly names = ["in1Features", "in2Features", "outFeatures", "bias", ...placement] as const;
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;
  /** [outFeatures, in1Features, in2Features] */
  weight: Parameter;
  bias: Parameter | null;

  constructor(...args: Arguments<typeof Bilinear.names, BilinearArguments>) {
    super();
    const [in1, in2, out, bias = true, device, dtype] = readArguments<BilinearArguments>(Bilinear, args);
    this.in1Features = in1;
    this.in2Features = in2;
    this.outFeatures = out;
    this.weight = parameter([out, in1, in2], device, dtype);
    this.bias = bias ? parameter([out], device, dtype) : null;
    initialize(this);
  }

  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.in1Features);
    uniform_(this.weight, -bound, bound);
    if (this.bias) uniform_(this.bias, -bound, bound);
  }

  forward(input1: Tensor, input2: Tensor): Tensor {
    return F.bilinear(input1, input2, this.weight, this.bias);
  }

  override extraRepr(): string {
    const { in1Features, in2Features, outFeatures, bias } = this;
    return describe({ in1Features, in2Features, outFeatures, bias: bias !== null });
  }
}

/** Hands its input through, whatever arguments it is made with. @see https://pytorch.org/docs/stable/generated/torch.nn.Identity.html */
export class Identity extends Module<[input: Tensor], Tensor> {
  static readonly names = [] as const;

  /** Arguments are ignored, so that it can stand for any layer. */
  constructor(..._ignored: readonly unknown[]) {
    super();
  }

  forward(input: Tensor): Tensor {
    return input;
  }
}
