/** Convolutions and their transposes. */
import { type Arguments, fail, readArguments, type Tensor } from "@dl/tensor";
import type { Padding } from "../functional/convolution.ts";
import * as F from "../functional/index.ts";
import { each, type Size } from "../functional/sizes.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";
import { python } from "../repr.ts";
import { resetLinear } from "./linear.ts";
import { type Placement, parameter, placement } from "./placement.ts";

export type ConvPaddingMode = "zeros" | "reflect" | "replicate" | "circular";

const convNames = [
  "inChannels",
  "outChannels",
  "kernelSize",
  "stride",
  "padding",
  "dilation",
  "groups",
  "bias",
  "paddingMode",
  ...placement,
] as const;

export type ConvArguments = [
  inChannels: number,
  outChannels: number,
  kernelSize: Size,
  stride?: Size,
  padding?: Padding,
  dilation?: Size,
  groups?: number,
  bias?: boolean,
  paddingMode?: ConvPaddingMode,
  ...Placement,
];

interface Settings {
  readonly rank: 1 | 2 | 3;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[] | "same" | "valid";
  readonly dilation: readonly number[];
  readonly outputPadding: readonly number[];
  readonly groups: number;
  readonly bias: boolean;
  readonly paddingMode: ConvPaddingMode;
}

/** What convolutions and their transposes have in common. */
abstract class AnyConv extends Module<[input: Tensor], Tensor> {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[] | "same" | "valid";
  readonly dilation: readonly number[];
  readonly outputPadding: readonly number[];
  readonly groups: number;
  readonly paddingMode: ConvPaddingMode;
  weight: Parameter;
  /** [outChannels] */
  bias: Parameter | null;

  constructor(name: string, settings: Settings, weightChannels: readonly [number, number], at: Placement) {
    super();
    const { inChannels, outChannels, groups } = settings;
    if (!(groups > 0) || inChannels % groups !== 0 || outChannels % groups !== 0) {
      fail(name, `${inChannels} and ${outChannels} channels do not both divide into ${groups} groups`);
    }
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = settings.kernelSize;
    this.stride = settings.stride;
    this.padding = settings.padding;
    this.dilation = settings.dilation;
    this.outputPadding = settings.outputPadding;
    this.groups = groups;
    this.paddingMode = settings.paddingMode;
    this.weight = parameter([...weightChannels, ...settings.kernelSize], ...at);
    this.bias = settings.bias ? parameter([outChannels], ...at) : null;
    this.resetParameters();
  }

  /** U(±1/√fanIn), as PyTorch. */
  resetParameters(): void {
    resetLinear(this.weight, this.bias);
  }

  override extraRepr(): string {
    const all = (values: readonly number[] | string, usual: number): boolean =>
      typeof values !== "string" && values.every((value) => value === usual);
    const parts = [
      `${this.inChannels}, ${this.outChannels}, kernel_size=${python(this.kernelSize)}, stride=${python(this.stride)}`,
    ];
    if (!all(this.padding, 0)) parts.push(`padding=${python(this.padding)}`);
    if (!all(this.dilation, 1)) parts.push(`dilation=${python(this.dilation)}`);
    if (!all(this.outputPadding, 0)) parts.push(`output_padding=${python(this.outputPadding)}`);
    if (this.groups !== 1) parts.push(`groups=${this.groups}`);
    if (!this.bias) parts.push("bias=False");
    if (this.paddingMode !== "zeros") parts.push(`padding_mode=${this.paddingMode}`);
    return parts.join(", ");
  }
}

function readConv(
  owner: { name: string; names: typeof convNames },
  rank: 1 | 2 | 3,
  args: readonly unknown[],
): [Settings, Placement] {
  const { name } = owner;
  const [
    inChannels,
    outChannels,
    kernelSize,
    stride = 1,
    padding = 0,
    dilation = 1,
    groups = 1,
    bias = true,
    paddingMode = "zeros",
    ...at
  ] = readArguments<ConvArguments>(owner, args);
  const settings: Settings = {
    rank,
    inChannels,
    outChannels,
    kernelSize: each(name, "kernelSize", kernelSize, rank),
    stride: each(name, "stride", stride, rank),
    padding: typeof padding === "string" ? padding : each(name, "padding", padding, rank),
    dilation: each(name, "dilation", dilation, rank),
    outputPadding: [],
    groups,
    bias,
    paddingMode,
  };
  if (padding === "same" && settings.stride.some((step) => step !== 1)) fail(name, 'padding "same" needs stride 1');
  return [settings, at];
}

const functions = { 1: F.conv1d, 2: F.conv2d, 3: F.conv3d } as const;
const transposes = { 1: F.convTranspose1d, 2: F.convTranspose2d, 3: F.convTranspose3d } as const;

abstract class Conv extends AnyConv {
  readonly #rank: 1 | 2 | 3;

  constructor(owner: { name: string; names: typeof convNames }, rank: 1 | 2 | 3, args: readonly unknown[]) {
    const [settings, at] = readConv(owner, rank, args);
    super(owner.name, settings, [settings.outChannels, settings.inChannels / settings.groups], at);
    this.#rank = rank;
  }

  forward(input: Tensor): Tensor {
    const convolve = functions[this.#rank];
    const { weight, bias, stride, padding, dilation, groups, paddingMode } = this;
    if (paddingMode === "zeros") return convolve(input, weight, bias, stride, padding, dilation, groups);
    return convolve(F.pad(input, this.#borders(), paddingMode), weight, bias, stride, 0, dilation, groups);
  }

  /** Pairs from the last dimension backwards. */
  #borders(): number[] {
    const { padding, kernelSize, dilation } = this;
    const pairs = kernelSize.map((extent, i): [number, number] => {
      if (typeof padding !== "string") return [padding[i]!, padding[i]!];
      const total = padding === "same" ? dilation[i]! * (extent - 1) : 0;
      return [Math.floor(total / 2), Math.ceil(total / 2)];
    });
    return pairs.reverse().flat();
  }
}

/**
 * Convolves [N, C, L] or [C, L]; `padding` may be "same" or "valid".
 * @see https://pytorch.org/docs/stable/generated/torch.nn.Conv1d.html
 */
export class Conv1d extends Conv {
  static readonly names: typeof convNames = convNames;

  constructor(...args: Arguments<typeof convNames, ConvArguments>) {
    super(Conv1d, 1, args);
  }
}

/**
 * Convolves [N, C, H, W] or [C, H, W].
 * @see https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
 * @example new Conv2d(1, 64, 5, { stride: 2, padding: "valid" })
 */
export class Conv2d extends Conv {
  static readonly names: typeof convNames = convNames;

  constructor(...args: Arguments<typeof convNames, ConvArguments>) {
    super(Conv2d, 2, args);
  }
}

/** Convolves [N, C, D, H, W] or [C, D, H, W]. @see https://pytorch.org/docs/stable/generated/torch.nn.Conv3d.html */
export class Conv3d extends Conv {
  static readonly names: typeof convNames = convNames;

  constructor(...args: Arguments<typeof convNames, ConvArguments>) {
    super(Conv3d, 3, args);
  }
}

const transposeNames = [
  "inChannels",
  "outChannels",
  "kernelSize",
  "stride",
  "padding",
  "outputPadding",
  "groups",
  "bias",
  "dilation",
  "paddingMode",
  ...placement,
] as const;

export type ConvTransposeArguments = [
  inChannels: number,
  outChannels: number,
  kernelSize: Size,
  stride?: Size,
  padding?: Size,
  outputPadding?: Size,
  groups?: number,
  bias?: boolean,
  dilation?: Size,
  paddingMode?: "zeros",
  ...Placement,
];

function readTranspose(
  owner: { name: string; names: typeof transposeNames },
  rank: 1 | 2 | 3,
  args: readonly unknown[],
): [Settings, Placement] {
  const { name } = owner;
  const [
    inChannels,
    outChannels,
    kernelSize,
    stride = 1,
    padding = 0,
    outputPadding = 0,
    groups = 1,
    bias = true,
    dilation = 1,
    paddingMode = "zeros",
    ...at
  ] = readArguments<ConvTransposeArguments>(owner, args);
  if (paddingMode !== "zeros") fail(name, `the only padding mode is "zeros", got "${paddingMode}"`);
  const settings: Settings = {
    rank,
    inChannels,
    outChannels,
    kernelSize: each(name, "kernelSize", kernelSize, rank),
    stride: each(name, "stride", stride, rank),
    padding: each(name, "padding", padding, rank),
    dilation: each(name, "dilation", dilation, rank),
    outputPadding: each(name, "outputPadding", outputPadding, rank),
    groups,
    bias,
    paddingMode,
  };
  return [settings, at];
}

abstract class ConvTranspose extends AnyConv {
  readonly #rank: 1 | 2 | 3;

  constructor(owner: { name: string; names: typeof transposeNames }, rank: 1 | 2 | 3, args: readonly unknown[]) {
    const [settings, at] = readTranspose(owner, rank, args);
    super(owner.name, settings, [settings.inChannels, settings.outChannels / settings.groups], at);
    this.#rank = rank;
  }

  /** `outputSize`: the spatial sizes wanted, where the stride leaves several possible. */
  forward(input: Tensor, outputSize?: readonly number[]): Tensor {
    const { weight, bias, stride, padding, groups, dilation } = this;
    const extra = outputSize ? this.#outputPadding(input, outputSize) : this.outputPadding;
    return transposes[this.#rank](input, weight, bias, stride, padding as readonly number[], extra, groups, dilation);
  }

  #outputPadding(input: Tensor, outputSize: readonly number[]): readonly number[] {
    const rank = this.#rank;
    const { padding, stride, dilation, kernelSize } = this;
    return outputSize.slice(-rank).map((wanted, i) => {
      const least =
        (input.shape.at(i - rank)! - 1) * stride[i]! -
        2 * (padding[i] as number) +
        dilation[i]! * (kernelSize[i]! - 1) +
        1;
      if (wanted < least || wanted >= least + stride[i]!) {
        fail(
          "convTranspose",
          `outputSize ${wanted} of dimension ${i} must lie between ${least} and ${least + stride[i]! - 1}`,
        );
      }
      return wanted - least;
    });
  }
}

/** The transpose of {@link Conv1d}. @see https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose1d.html */
export class ConvTranspose1d extends ConvTranspose {
  static readonly names: typeof transposeNames = transposeNames;

  constructor(...args: Arguments<typeof transposeNames, ConvTransposeArguments>) {
    super(ConvTranspose1d, 1, args);
  }
}

/** The transpose of {@link Conv2d}. @see https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html */
export class ConvTranspose2d extends ConvTranspose {
  static readonly names: typeof transposeNames = transposeNames;

  constructor(...args: Arguments<typeof transposeNames, ConvTransposeArguments>) {
    super(ConvTranspose2d, 2, args);
  }
}

/** The transpose of {@link Conv3d}. @see https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose3d.html */
export class ConvTranspose3d extends ConvTranspose {
  static readonly names: typeof transposeNames = transposeNames;

  constructor(...args: Arguments<typeof transposeNames, ConvTransposeArguments>) {
    super(ConvTranspose3d, 3, args);
  }
}
