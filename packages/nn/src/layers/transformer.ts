/** Transformers (Vaswani et al., 2017): attention and two linear layers, with residuals and norms, in stacks. */
import { type Arguments, arange, fail, readArguments, showShape, type Tensor, where } from "@dl/tensor";
import { ModuleList } from "../containers.ts";
import * as F from "../functional/index.ts";
import { xavierUniform_ } from "../init.ts";
import { Module } from "../module.ts";
import { MultiheadAttention } from "./attention.ts";
import { Dropout } from "./dropout.ts";
import { Linear } from "./linear.ts";
import { LayerNorm } from "./normalization.ts";
import { type Placement, placement } from "./placement.ts";

type Activation = "relu" | "gelu" | ((x: Tensor) => Tensor);

const layerNames = [
  "dModel",
  "nhead",
  "dimFeedforward",
  "dropout",
  "activation",
  "layerNormEps",
  "batchFirst",
  "normFirst",
  ...placement,
] as const;
type LayerArguments = [
  dModel: number,
  nhead: number,
  dimFeedforward?: number,
  dropout?: number,
  activation?: Activation,
  layerNormEps?: number,
  batchFirst?: boolean,
  normFirst?: boolean,
  ...Placement,
];

function activationOf(name: string, activation: Activation): (x: Tensor) => Tensor {
  if (typeof activation === "function") return activation;
  if (activation === "relu") return (x) => x.relu();
  if (activation === "gelu") return (x) => F.gelu(x);
  return fail(name, `unknown activation "${activation as string}"`, 'Use "relu", "gelu" or a function');
}

const encoderCall = { name: "TransformerEncoderLayer", names: ["src", "srcMask", "srcKeyPaddingMask"] } as const;
type EncoderLayerInput = [src: Tensor, srcMask?: Tensor | null, srcKeyPaddingMask?: Tensor | null];

/** Self-attention, then two linear layers. @see https://pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html */
export class TransformerEncoderLayer extends Module<Arguments<typeof encoderCall.names, EncoderLayerInput>, Tensor> {
  static readonly names: typeof layerNames = layerNames;
  selfAttn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  norm1: LayerNorm;
  norm2: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;
  readonly normFirst: boolean;
  readonly #activation: (x: Tensor) => Tensor;
  readonly #arguments: Arguments<typeof layerNames, LayerArguments>;

  constructor(...args: Arguments<typeof layerNames, LayerArguments>) {
    super();
    this.#arguments = args;
    const [
      dModel,
      nhead,
      hidden = 2048,
      dropout = 0.1,
      activation = "relu",
      eps = 1e-5,
      batchFirst = false,
      normFirst = false,
      device,
      dtype,
    ] = readArguments<LayerArguments>(TransformerEncoderLayer, args);
    const at = { device, dtype };
    this.selfAttn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst, ...at });
    this.linear1 = new Linear(dModel, hidden, at);
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(hidden, dModel, at);
    this.norm1 = new LayerNorm(dModel, { eps, ...at });
    this.norm2 = new LayerNorm(dModel, { eps, ...at });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.normFirst = normFirst;
    this.#activation = activationOf("TransformerEncoderLayer", activation);
  }

  forward(...args: Arguments<typeof encoderCall.names, EncoderLayerInput>): Tensor {
    const [src, mask, padding] = readArguments<EncoderLayerInput>(encoderCall, args);
    const attend = (x: Tensor): Tensor => {
      const [out] = this.selfAttn(x, x, x, { attnMask: mask, keyPaddingMask: padding, needWeights: false });
      return this.dropout1(out);
    };
    if (!this.normFirst) {
      const x = this.norm1(src.add(attend(src)));
      return this.norm2(x.add(this.#feedForward(x)));
    }
    const x = src.add(attend(this.norm1(src)));
    return x.add(this.#feedForward(this.norm2(x)));
  }

  #feedForward(x: Tensor): Tensor {
    return this.dropout2(this.linear2(this.dropout(this.#activation(this.linear1(x)))));
  }

  /** Another layer with the same settings and values. */
  clone(): TransformerEncoderLayer {
    const copy = new TransformerEncoderLayer(...this.#arguments);
    copy.loadStateDict(this.stateDict());
    return copy;
  }
}

const decoderNames = ["tgt", "memory", "tgtMask", "memoryMask", "tgtKeyPaddingMask", "memoryKeyPaddingMask"] as const;
const decoderCall = { name: "TransformerDecoderLayer", names: decoderNames } as const;
type DecoderInput = [
  tgt: Tensor,
  memory: Tensor,
  tgtMask?: Tensor | null,
  memoryMask?: Tensor | null,
  tgtKeyPaddingMask?: Tensor | null,
  memoryKeyPaddingMask?: Tensor | null,
];

/** Self-attention, attention to a memory, then two linear layers. @see https://pytorch.org/docs/stable/generated/torch.nn.TransformerDecoderLayer.html */
export class TransformerDecoderLayer extends Module<Arguments<typeof decoderNames, DecoderInput>, Tensor> {
  static readonly names: typeof layerNames = layerNames;
  selfAttn: MultiheadAttention;
  multiheadAttn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  norm1: LayerNorm;
  norm2: LayerNorm;
  norm3: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;
  dropout3: Dropout;
  readonly normFirst: boolean;
  readonly #activation: (x: Tensor) => Tensor;
  readonly #arguments: Arguments<typeof layerNames, LayerArguments>;

  constructor(...args: Arguments<typeof layerNames, LayerArguments>) {
    super();
    this.#arguments = args;
    const [
      dModel,
      nhead,
      hidden = 2048,
      dropout = 0.1,
      activation = "relu",
      eps = 1e-5,
      batchFirst = false,
      normFirst = false,
      device,
      dtype,
    ] = readArguments<LayerArguments>(TransformerDecoderLayer, args);
    const at = { device, dtype };
    this.selfAttn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst, ...at });
    this.multiheadAttn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst, ...at });
    this.linear1 = new Linear(dModel, hidden, at);
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(hidden, dModel, at);
    this.norm1 = new LayerNorm(dModel, { eps, ...at });
    this.norm2 = new LayerNorm(dModel, { eps, ...at });
    this.norm3 = new LayerNorm(dModel, { eps, ...at });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.dropout3 = new Dropout(dropout);
    this.normFirst = normFirst;
    this.#activation = activationOf("TransformerDecoderLayer", activation);
  }

  forward(...args: Arguments<typeof decoderNames, DecoderInput>): Tensor {
    const [tgt, memory, tgtMask, memoryMask, tgtPadding, memoryPadding] = readArguments<DecoderInput>(
      decoderCall,
      args,
    );
    const attend = (x: Tensor): Tensor => {
      const [out] = this.selfAttn(x, x, x, { attnMask: tgtMask, keyPaddingMask: tgtPadding, needWeights: false });
      return this.dropout1(out);
    };
    const recall = (x: Tensor): Tensor => {
      const masks = { attnMask: memoryMask, keyPaddingMask: memoryPadding, needWeights: false };
      return this.dropout2(this.multiheadAttn(x, memory, memory, masks)[0]);
    };
    if (!this.normFirst) {
      const x = this.norm1(tgt.add(attend(tgt)));
      const y = this.norm2(x.add(recall(x)));
      return this.norm3(y.add(this.#feedForward(y)));
    }
    const x = tgt.add(attend(this.norm1(tgt)));
    const y = x.add(recall(this.norm2(x)));
    return y.add(this.#feedForward(this.norm3(y)));
  }

  #feedForward(x: Tensor): Tensor {
    return this.dropout3(this.linear2(this.dropout(this.#activation(this.linear1(x)))));
  }

  /** Another layer with the same settings and values. */
  clone(): TransformerDecoderLayer {
    const copy = new TransformerDecoderLayer(...this.#arguments);
    copy.loadStateDict(this.stateDict());
    return copy;
  }
}

/** A layer to be copied, or a function that makes one. */
type Source<M> = (M & { clone(): M }) | (() => M);

function copies<M extends Module>(source: Source<M>, count: number): ModuleList<M> {
  const make = source instanceof Module ? (): M => source.clone() : source;
  return new ModuleList(Array.from({ length: count }, make));
}

type EncoderArguments = [
  encoderLayer: TransformerEncoderLayer | (() => Module),
  numLayers: number,
  norm?: Module | null,
];
type DecoderArguments = [
  decoderLayer: TransformerDecoderLayer | (() => Module),
  numLayers: number,
  norm?: Module | null,
];
const stackCall = { name: "TransformerEncoder", names: ["src", "mask", "srcKeyPaddingMask"] } as const;
type StackInput = [src: Tensor, mask?: Tensor | null, srcKeyPaddingMask?: Tensor | null];

/** A stack of encoder layers. @see https://pytorch.org/docs/stable/generated/torch.nn.TransformerEncoder.html */
export class TransformerEncoder extends Module<Arguments<typeof stackCall.names, StackInput>, Tensor> {
  static readonly names = ["encoderLayer", "numLayers", "norm"] as const;
  layers: ModuleList<Module>;
  readonly numLayers: number;
  norm: Module | null;

  /** `encoderLayer` is copied `numLayers` times; or it is a function that makes a layer. */
  constructor(...args: Arguments<typeof TransformerEncoder.names, EncoderArguments>) {
    super();
    const [layer, numLayers, norm = null] = readArguments<EncoderArguments>(TransformerEncoder, args);
    this.layers = copies<Module>(layer as Source<Module>, numLayers);
    this.numLayers = numLayers;
    this.norm = norm;
  }

  forward(...args: Arguments<typeof stackCall.names, StackInput>): Tensor {
    const [src, srcMask, srcKeyPaddingMask] = readArguments<StackInput>(stackCall, args);
    let x = src;
    for (const layer of this.layers) x = layer(x, { srcMask, srcKeyPaddingMask });
    return this.norm ? this.norm(x) : x;
  }
}

/** A stack of decoder layers. @see https://pytorch.org/docs/stable/generated/torch.nn.TransformerDecoder.html */
export class TransformerDecoder extends Module<Arguments<typeof decoderNames, DecoderInput>, Tensor> {
  static readonly names = ["decoderLayer", "numLayers", "norm"] as const;
  layers: ModuleList<Module>;
  readonly numLayers: number;
  norm: Module | null;

  /** `decoderLayer` is copied `numLayers` times; or it is a function that makes a layer. */
  constructor(...args: Arguments<typeof TransformerDecoder.names, DecoderArguments>) {
    super();
    const [layer, numLayers, norm = null] = readArguments<DecoderArguments>(TransformerDecoder, args);
    this.layers = copies<Module>(layer as Source<Module>, numLayers);
    this.numLayers = numLayers;
    this.norm = norm;
  }

  forward(...args: Arguments<typeof decoderNames, DecoderInput>): Tensor {
    const [tgt, memory, ...masks] = readArguments<DecoderInput>({ ...decoderCall, name: "TransformerDecoder" }, args);
    let x = tgt;
    for (const layer of this.layers) x = layer(x, memory, ...masks);
    return this.norm ? this.norm(x) : x;
  }
}

type TransformerArguments = [
  dModel?: number,
  nhead?: number,
  numEncoderLayers?: number,
  numDecoderLayers?: number,
  dimFeedforward?: number,
  dropout?: number,
  activation?: Activation,
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
type CallArguments = [
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
export class Transformer extends Module<Arguments<typeof callNames, CallArguments>, Tensor> {
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
    this.resetParameters();
  }

  resetParameters(): void {
    for (const weight of this.parameters()) if (weight.ndim > 1) xavierUniform_(weight);
  }

  forward(...args: Arguments<typeof callNames, CallArguments>): Tensor {
    const [src, tgt, mask, tgtMask, memoryMask, srcKeyPaddingMask, tgtKeyPaddingMask, memoryKeyPaddingMask] =
      readArguments<CallArguments>({ name: "Transformer", names: callNames }, args);
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
    return where(at.view(1, -1).gt(at.view(-1, 1)), Number.NEGATIVE_INFINITY, 0).to("float32");
  }
}
