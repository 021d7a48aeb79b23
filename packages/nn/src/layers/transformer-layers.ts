/** The layers of transformers (Vaswani et al., 2017): attention and two linear layers, with residuals and norms. */
import { type Arguments, fail, readArguments, type Tensor } from "@dl/tensor";
import * as F from "../functional/index.ts";
import { Module } from "../module.ts";
import { MultiheadAttention } from "./attention.ts";
import { Dropout } from "./dropout.ts";
import { Linear } from "./linear.ts";
import { LayerNorm } from "./normalization.ts";
import { type Placement, placement } from "./placement.ts";

export type TransformerActivation = "relu" | "gelu" | ((x: Tensor) => Tensor);

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
export type TransformerLayerArguments = [
  dModel: number,
  nhead: number,
  dimFeedforward?: number,
  dropout?: number,
  activation?: TransformerActivation,
  layerNormEps?: number,
  batchFirst?: boolean,
  normFirst?: boolean,
  ...Placement,
];

function activationOf(name: string, activation: TransformerActivation): (x: Tensor) => Tensor {
  if (typeof activation === "function") return activation;
  if (activation === "relu") return (x) => x.relu();
  if (activation === "gelu") return (x) => F.gelu(x);
  return fail(name, `unknown activation "${activation as string}"`, 'Use "relu", "gelu" or a function');
}

const encoderCall = { name: "TransformerEncoderLayer", names: ["src", "srcMask", "srcKeyPaddingMask"] } as const;
export type TransformerEncoderLayerInput = [src: Tensor, srcMask?: Tensor | null, srcKeyPaddingMask?: Tensor | null];

/** Self-attention, then two linear layers. @see https://pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html */
export class TransformerEncoderLayer extends Module<
  Arguments<typeof encoderCall.names, TransformerEncoderLayerInput>,
  Tensor
> {
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
  readonly #arguments: Arguments<typeof layerNames, TransformerLayerArguments>;

  constructor(...args: Arguments<typeof layerNames, TransformerLayerArguments>) {
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
    ] = readArguments<TransformerLayerArguments>(TransformerEncoderLayer, args);
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

  forward(...args: Arguments<typeof encoderCall.names, TransformerEncoderLayerInput>): Tensor {
    const [src, mask, padding] = readArguments<TransformerEncoderLayerInput>(encoderCall, args);
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

export const decoderNames = [
  "tgt",
  "memory",
  "tgtMask",
  "memoryMask",
  "tgtKeyPaddingMask",
  "memoryKeyPaddingMask",
] as const;
export const decoderCall = { name: "TransformerDecoderLayer", names: decoderNames } as const;
export type TransformerDecoderInput = [
  tgt: Tensor,
  memory: Tensor,
  tgtMask?: Tensor | null,
  memoryMask?: Tensor | null,
  tgtKeyPaddingMask?: Tensor | null,
  memoryKeyPaddingMask?: Tensor | null,
];

/** Self-attention, attention to a memory, then two linear layers. @see https://pytorch.org/docs/stable/generated/torch.nn.TransformerDecoderLayer.html */
export class TransformerDecoderLayer extends Module<Arguments<typeof decoderNames, TransformerDecoderInput>, Tensor> {
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
  readonly #arguments: Arguments<typeof layerNames, TransformerLayerArguments>;

  constructor(...args: Arguments<typeof layerNames, TransformerLayerArguments>) {
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
    ] = readArguments<TransformerLayerArguments>(TransformerDecoderLayer, args);
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

  forward(...args: Arguments<typeof decoderNames, TransformerDecoderInput>): Tensor {
    const [tgt, memory, tgtMask, memoryMask, tgtPadding, memoryPadding] = readArguments<TransformerDecoderInput>(
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
