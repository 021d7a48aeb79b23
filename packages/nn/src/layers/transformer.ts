/** Stacks of transformer layers (Vaswani et al., 2017). */
import {
  type Arguments,
  arange,
  fail,
  getDefaultDtype,
  readArguments,
  showShape,
  type Tensor,
  where,
} from "@dl/tensor";
import { ModuleList } from "../containers.ts";
import { deepcopy } from "../deepcopy.ts";
import { xavierUniform_ } from "../init.ts";
import { Module } from "../module.ts";
import { LayerNorm } from "./normalization.ts";
import { initialize, type Placement, placement } from "./placement.ts";
import {
  decoderNames,
  type TransformerActivation,
  type TransformerDecoderInput,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
} from "./transformer-layers.ts";

/** A layer to be copied, or a function that makes one. */
type Source<M> = M | (() => M);

function copies<M extends Module>(source: Source<M>, count: number): ModuleList<M> {
  const make = source instanceof Module ? (): M => deepcopy(source) : source;
  return new ModuleList(Array.from({ length: count }, make));
}

export type TransformerEncoderArguments = [
  encoderLayer: Module | (() => Module),
  numLayers: number,
  norm?: Module | null,
];
export type TransformerDecoderArguments = [
  decoderLayer: Module | (() => Module),
  numLayers: number,
  norm?: Module | null,
];

/** Copies of a layer, one after the other, and a norm at the end. */
abstract class Stack<In extends readonly unknown[]> extends Module<In, Tensor> {
  layers: ModuleList<Module>;
  readonly numLayers: number;
  norm: Module | null;

  constructor(layer: Source<Module>, numLayers: number, norm: Module | null = null) {
    super();
    this.layers = copies(layer, numLayers);
    this.numLayers = numLayers;
    this.norm = norm;
  }

  protected run(input: Tensor, ...rest: readonly unknown[]): Tensor {
    let x = input;
    for (const layer of this.layers) x = layer(x, ...rest);
    return this.norm ? this.norm(x) : x;
  }
}

const stackCall = { name: "TransformerEncoder", names: ["src", "mask", "srcKeyPaddingMask"] } as const;
export type TransformerEncoderInput = [src: Tensor, mask?: Tensor | null, srcKeyPaddingMask?: Tensor | null];

/** A stack of encoder layers. @see https://pytorch.org/docs/stable/generated/torch.nn.TransformerEncoder.html */
export class TransformerEncoder extends Stack<Arguments<typeof stackCall.names, TransformerEncoderInput>> {
  static readonly names = ["encoderLayer", "numLayers", "norm"] as const;

  /** `encoderLayer` is copied `numLayers` times; or it is a function that makes a layer. */
  constructor(...args: Arguments<typeof TransformerEncoder.names, TransformerEncoderArguments>) {
    super(...readArguments<[Source<Module>, number, (Module | null)?]>(TransformerEncoder, args));
  }

  forward(...args: Arguments<typeof stackCall.names, TransformerEncoderInput>): Tensor {
    const [src, srcMask, srcKeyPaddingMask] = readArguments<TransformerEncoderInput>(stackCall, args);
    return this.run(src, { srcMask, srcKeyPaddingMask });
  }
}

const decoderStackCall = { name: "TransformerDecoder", names: decoderNames } as const;

/** A stack of decoder layers. @see https://pytorch.org/docs/stable/generated/torch.nn.TransformerDecoder.html */
export class TransformerDecoder extends Stack<Arguments<typeof decoderNames, TransformerDecoderInput>> {
  static readonly names = ["decoderLayer", "numLayers", "norm"] as const;

  /** `decoderLayer` is copied `numLayers` times; or it is a function that makes a layer. */
  constructor(...args: Arguments<typeof TransformerDecoder.names, TransformerDecoderArguments>) {
    super(...readArguments<[Source<Module>, number, (Module | null)?]>(TransformerDecoder, args));
  }

  forward(...args: Arguments<typeof decoderNames, TransformerDecoderInput>): Tensor {
    return this.run(...readArguments<TransformerDecoderInput>(decoderStackCall, args));
  }
}

export type TransformerArguments = [
  dModel?: number,
  nhead?: number,
  numEncoderLayers?: number,
  numDecoderLayers?: number,
  dimFeedforward?: number,
  dropout?: number,
  activation?: TransformerActivation,
  customEncoder?: Module | null,
  customDecoder?: Module | null,
  layerNormEps?: number,
  batchFirst?: boolean,
  normFirst?: boolean,
  ...Placement,
];

const callNames = [
  "src",
  "tgt",
  "srcMask",
  "tgtMask",
  "memoryMask",
  "srcKeyPaddingMask",
  "tgtKeyPaddingMask",
  "memoryKeyPaddingMask",
] as const;
export type TransformerInput = [
  src: Tensor,
  tgt: Tensor,
  srcMask?: Tensor | null,
  tgtMask?: Tensor | null,
  memoryMask?: Tensor | null,
  srcKeyPaddingMask?: Tensor | null,
  tgtKeyPaddingMask?: Tensor | null,
  memoryKeyPaddingMask?: Tensor | null,
];

/** An encoder and a decoder. @see https://pytorch.org/docs/stable/generated/torch.nn.Transformer.html */
export class Transformer extends Module<Arguments<typeof callNames, TransformerInput>, Tensor> {
  static readonly names = [
    "dModel",
    "nhead",
    "numEncoderLayers",
    "numDecoderLayers",
    "dimFeedforward",
    "dropout",
    "activation",
    "customEncoder",
    "customDecoder",
    "layerNormEps",
    "batchFirst",
    "normFirst",
    ...placement,
  ] as const;
  encoder: Module;
  decoder: Module;
  readonly dModel: number;
  readonly nhead: number;
  readonly batchFirst: boolean;

  constructor(...args: Arguments<typeof Transformer.names, TransformerArguments>) {
    super();
    const [
      dModel = 512,
      nhead = 8,
      encoders = 6,
      decoders = 6,
      dimFeedforward,
      dropout,
      activation,
      encoder,
      decoder,
      layerNormEps,
      batchFirst,
      normFirst,
      device,
      dtype,
    ] = readArguments<TransformerArguments>(Transformer, args);
    const options = { dimFeedforward, dropout, activation, layerNormEps, batchFirst, normFirst, device, dtype };
    const norm = (): LayerNorm => new LayerNorm(dModel, { eps: layerNormEps, device, dtype });
    this.encoder =
      encoder ?? new TransformerEncoder(() => new TransformerEncoderLayer(dModel, nhead, options), encoders, norm());
    this.decoder =
      decoder ?? new TransformerDecoder(() => new TransformerDecoderLayer(dModel, nhead, options), decoders, norm());
    this.dModel = dModel;
    this.nhead = nhead;
    this.batchFirst = batchFirst ?? false;
    initialize(this);
  }

  resetParameters(): void {
    for (const weight of this.parameters()) if (weight.ndim > 1) xavierUniform_(weight);
  }

  forward(...args: Arguments<typeof callNames, TransformerInput>): Tensor {
    const [src, tgt, mask, tgtMask, memoryMask, srcKeyPaddingMask, tgtKeyPaddingMask, memoryKeyPaddingMask] =
      readArguments<TransformerInput>({ name: "Transformer", names: callNames }, args);
    for (const x of [src, tgt]) {
      if (x.shape.at(-1) !== this.dModel)
        fail("Transformer", `needs ${this.dModel} features, got ${showShape(x.shape)}`);
    }
    const memory = this.encoder(src, { mask, srcKeyPaddingMask });
    return this.decoder(tgt, memory, { tgtMask, memoryMask, tgtKeyPaddingMask, memoryKeyPaddingMask });
  }

  /** [size, size] with −∞ above the diagonal: no position may look ahead. */
  static generateSquareSubsequentMask(size: number, device?: string): Tensor {
    const at = arange(size, { device });
    return where(at.view(1, -1).gt(at.view(-1, 1)), Number.NEGATIVE_INFINITY, 0).to(getDefaultDtype());
  }
}
