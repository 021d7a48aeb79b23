/** Convolutions and their transposes: a family owns arguments, printing and `forward`, a layer says its rank. */
import { type Arguments, checkName, fail, readArguments, type Shape, type Tensor } from "@dl/tensor";
import { namedPaddings, type Padding } from "../functional/convolve.ts";
import * as F from "../functional/index.ts";
import { checkCounts, each, type Size } from "../functional/sizes.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";
import { python } from "../repr.ts";
import { ROLE, type Role } from "../role.ts";
import { resetLinear } from "./linear.ts";
import { readNamed } from "./named.ts";
import { initialize, type Placement, parameter, placement } from "./placement.ts";

export type ConvPaddingMode = "zeros" | "reflect" | "replicate" | "circular";
type Rank = 1 | 2 | 3;

/** What convolutions and their transposes take, in whatever order. */
interface Settings {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: Size;
  readonly stride?: Size;
  readonly padding?: Padding;
  readonly dilation?: Size;
  readonly outputPadding?: Size;
  readonly groups?: number;
  readonly bias?: boolean;
  readonly paddingMode?: ConvPaddingMode;
  readonly device?: Placement[0];
  readonly dtype?: Placement[1];
}

/** What convolutions and their transposes have in common. */
abstract class AnyConv<In extends readonly unknown[]> extends Module<In, Tensor> {
  /** @internal How many dimensions are convolved. */
  declare static readonly rank: Rank;
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

  constructor({ name, rank }: { name: string; rank: Rank }, names: readonly string[], args: readonly unknown[]) {
    super();
    const settings = readNamed<Settings>({ name, names }, args);
    const { inChannels, outChannels, kernelSize, padding = 0, groups = 1, device, dtype } = settings;
    checkCounts(name, { inChannels, outChannels });
    if (!(groups > 0) || inChannels % groups !== 0 || outChannels % groups !== 0) {
      fail(name, `${inChannels} and ${outChannels} channels do not both divide into ${groups} groups`);
    }
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = each(name, "kernelSize", kernelSize, rank);
    this.stride = each(name, "stride", settings.stride ?? 1, rank);
    if (typeof padding === "string") checkName(name, "padding", padding, namedPaddings);
    this.padding = typeof padding === "string" ? padding : each(name, "padding", padding, rank, 0);
    this.dilation = each(name, "dilation", settings.dilation ?? 1, rank);
    this.outputPadding = each(name, "outputPadding", settings.outputPadding ?? 0, rank, 0);
    this.groups = groups;
    this.paddingMode = settings.paddingMode ?? "zeros";
    if (padding === "same" && this.stride.some((step) => step !== 1)) fail(name, 'padding "same" needs stride 1');
    this.weight = parameter(this.weightShape(inChannels), device, dtype);
    this.bias = (settings.bias ?? true) ? parameter([outChannels], device, dtype) : null;
    initialize(this);
  }

  /** @internal */
  abstract weightShape(inChannels: number): Shape;

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

const convolutions = { 1: F.conv1d, 2: F.conv2d, 3: F.conv3d } as const;

abstract class Conv extends AnyConv<[input: Tensor]> {
  static readonly names: typeof convNames = convNames;

  constructor(...args: Arguments<typeof convNames, ConvArguments>) {
    super(new.target, convNames, args);
    checkName(new.target.name, "paddingMode", this.paddingMode, ["zeros", "reflect", "replicate", "circular"]);
  }

  weightShape(inChannels: number): Shape {
    return [this.outChannels, inChannels / this.groups, ...this.kernelSize];
  }

  forward(input: Tensor): Tensor {
    const { weight, bias, stride, padding, dilation, groups, paddingMode } = this;
    const convolve = convolutions[this.kernelSize.length as Rank];
    if (paddingMode === "zeros") return convolve(input, weight, bias, stride, padding, dilation, groups);
    return convolve(F.pad(input, borders(this), paddingMode), weight, bias, stride, 0, dilation, groups);
  }

  /** @internal */
  override get [ROLE](): Role | undefined {
    return this.forward === Conv.prototype.forward ? "fresh" : undefined;
  }
}

/** Pairs from the last dimension backwards. */
function borders(layer: Conv): number[] {
  const { padding, kernelSize, dilation } = layer;
  const pairs = kernelSize.map((extent, i): [number, number] => {
    if (typeof padding !== "string") return [padding[i]!, padding[i]!];
    const total = padding === "same" ? dilation[i]! * (extent - 1) : 0;
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  });
  return pairs.reverse().flat();
}

/**
 * Convolves [N, C, L] or [C, L]; `padding` may be "same" or "valid".
 * @throws TensorError for channels that do not divide into the groups; when called, for an input of other channels
 * @see https://pytorch.org/docs/stable/generated/torch.nn.Conv1d.html
 */
export class Conv1d extends Conv {
  /** @internal */
  static override readonly rank = 1;
}

/**
 * Convolves images: [N, inChannels, H, W] → [N, outChannels, H', W'], or the same without N. Each side becomes
 * H' = ⌊(H + 2 · padding − dilation · (kernelSize − 1) − 1) / stride⌋ + 1.
 *
 * Sizes are one number for both sides or [vertical, horizontal]. Left out, `stride` and `dilation` are 1, `padding` is 0,
 * `groups` 1, `bias` true and `paddingMode` "zeros". `padding: "same"` keeps H and W and needs a stride of 1; "valid" is 0.
 * @throws TensorError for channels that do not divide into the groups; when called, for an input of other channels
 * @see https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
 * @example
 * const conv = new Conv2d(1, 64, 5, { padding: 2 });
 * conv(rand(8, 1, 28, 28)).shape; // [8, 64, 28, 28]
 * new Conv2d(3, 16, 3, { stride: 2, padding: 1 })(rand(8, 3, 32, 32)).shape; // [8, 16, 16, 16]
 */
export class Conv2d extends Conv {
  /** @internal */
  static override readonly rank = 2;
}

/**
 * Convolves [N, C, D, H, W] or [C, D, H, W]; `padding` may be "same" or "valid".
 * @throws TensorError for channels that do not divide into the groups; when called, for an input of other channels
 * @see https://pytorch.org/docs/stable/generated/torch.nn.Conv3d.html
 */
export class Conv3d extends Conv {
  /** @internal */
  static override readonly rank = 3;
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

const transposes = { 1: F.convTranspose1d, 2: F.convTranspose2d, 3: F.convTranspose3d } as const;

const transposeCall = { name: "ConvTranspose", names: ["input", "outputSize"] } as const;
export type ConvTransposeInput = [input: Tensor, outputSize?: readonly number[] | null];

abstract class ConvTranspose extends AnyConv<Arguments<typeof transposeCall.names, ConvTransposeInput>> {
  static readonly names: typeof transposeNames = transposeNames;
  declare readonly padding: readonly number[];

  constructor(...args: Arguments<typeof transposeNames, ConvTransposeArguments>) {
    super(new.target, transposeNames, args);
    const { paddingMode, padding } = this;
    if (paddingMode !== "zeros") fail(new.target.name, `the only padding mode is "zeros", got "${paddingMode}"`);
    if (typeof padding === "string") fail(new.target.name, `padding needs numbers, got "${padding as string}"`);
  }

  weightShape(inChannels: number): Shape {
    return [inChannels, this.outChannels / this.groups, ...this.kernelSize];
  }

  /** `outputSize`: the spatial sizes wanted, where the stride leaves several possible. */
  forward(...args: Arguments<typeof transposeCall.names, ConvTransposeInput>): Tensor {
    const [input, outputSize] = readArguments<ConvTransposeInput>(transposeCall, args);
    const { weight, bias, stride, padding, groups, dilation } = this;
    const transpose = transposes[this.kernelSize.length as Rank];
    const extra = outputSize ? outputPaddingFor(this, input, outputSize) : this.outputPadding;
    return transpose(input, weight, bias, stride, padding, extra, groups, dilation);
  }
}

function outputPaddingFor(layer: ConvTranspose, input: Tensor, outputSize: readonly number[]): readonly number[] {
  const { padding, stride, dilation, kernelSize } = layer;
  const rank = kernelSize.length;
  return outputSize.slice(-rank).map((wanted, i) => {
    const covered = dilation[i]! * (kernelSize[i]! - 1) + 1 - 2 * padding[i]!;
    const least = (input.shape.at(i - rank)! - 1) * stride[i]! + covered;
    const most = least + stride[i]! - 1;
    if (wanted >= least && wanted <= most) return wanted - least;
    return fail("convTranspose", `outputSize ${wanted} of dimension ${i} must lie between ${least} and ${most}`);
  });
}

/** The transpose of {@link Conv1d}. @see https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose1d.html */
export class ConvTranspose1d extends ConvTranspose {
  /** @internal */
  static override readonly rank = 1;
}

/** The transpose of {@link Conv2d}. @see https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html */
export class ConvTranspose2d extends ConvTranspose {
  /** @internal */
  static override readonly rank = 2;
}

/** The transpose of {@link Conv3d}. @see https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose3d.html */
export class ConvTranspose3d extends ConvTranspose {
  /** @internal */
  static override readonly rank = 3;
}
