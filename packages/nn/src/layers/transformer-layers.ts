/** The layers of transformers (Vaswani et al., 2017): attention and two linear layers, with residuals and norms. */
import { type Arguments, fail, readArguments, type Tensor } from "@dl/tensor";
import { deepcopy } from "../deepcopy.ts";
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

/** The parts that encoder and decoder layers have in common, and how they are joined. */
abstract class TransformerLayer<In extends readonly unknown[]> extends Module<In, Tensor> {
  static readonly names: typeof layerNames = layerNames;
  declare selfAttn: MultiheadAttention;
  declare linear1: Linear;
  declare dropout: Dropout;
  declare linear2: Linear;
  declare norm1: LayerNorm;
  declare norm2: LayerNorm;
  declare dropout1: Dropout;
  declare dropout2: Dropout;
  readonly normFirst: boolean;
  /** Between the linear layers. */
  activation: (x: Tensor) => Tensor;

  /** `attentions`: their fields. There is a norm and a dropout for each, and for the linear layers. */
  constructor(
    owner: { readonly name: string },
    attentions: readonly string[],
    args: Arguments<typeof layerNames, TransformerLayerArguments>,
  ) {
    super();
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
    ] = readArguments<TransformerLayerArguments>({ name: owner.name, names: layerNames }, args);
    const at = { device, dtype };
    const attention = (): Module => new MultiheadAttention(dModel, nhead, { dropout, batchFirst, ...at });
    const numbers = [...attentions.keys(), attentions.length].map((i) => i + 1);
    Object.assign(this, Object.fromEntries(attentions.map((field) => [field, attention()])));
    this.linear1 = new Linear(dModel, hidden, at);
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(hidden, dModel, at);
    for (const i of numbers) Object.assign(this, { [`norm${i}`]: new LayerNorm(dModel, { eps, ...at }) });
    for (const i of numbers) Object.assign(this, { [`dropout${i}`]: new Dropout(dropout) });
    this.normFirst = normFirst;
    this.activation = activationOf(owner.name, activation);
  }

  /** x and what `part` makes of it; normalised before the part, or after the sum. */
  protected residual(x: Tensor, norm: LayerNorm, part: (x: Tensor) => Tensor): Tensor {
    return this.normFirst ? x.add(part(norm(x))) : norm(x.add(part(x)));
  }

  protected attend(x: Tensor, attnMask: Tensor | null | undefined, keyPaddingMask: Tensor | null | undefined): Tensor {
    return this.selfAttn(x, x, x, { attnMask, keyPaddingMask, needWeights: false })[0];
  }

  protected feedForward(x: Tensor): Tensor {
    return this.linear2(this.dropout(this.activation(this.linear1(x))));
  }

  /** {@link deepcopy} of this layer. */
  clone(): this {
    return deepcopy(this);
  }
}

const encoderCall = { name: "TransformerEncoderLayer", names: ["src", "srcMask", "srcKeyPaddingMask"] } as const;
export type TransformerEncoderLayerInput = [src: Tensor, srcMask?: Tensor | null, srcKeyPaddingMask?: Tensor | null];

/**
 * Self-attention, then two linear layers.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html
 * @example
 * const layer = new TransformerEncoderLayer(16, 4, { dimFeedforward: 32, batchFirst: true });
 * const encoder = new TransformerEncoder(layer, 2);
 * encoder(rand(2, 5, 16)).shape; // [2, 5, 16]
 */
export class TransformerEncoderLayer extends TransformerLayer<
  Arguments<typeof encoderCall.names, TransformerEncoderLayerInput>
> {
  constructor(...args: Arguments<typeof layerNames, TransformerLayerArguments>) {
    super(new.target, ["selfAttn"], args);
  }

  forward(...args: Arguments<typeof encoderCall.names, TransformerEncoderLayerInput>): Tensor {
    const [src, mask, padding] = readArguments<TransformerEncoderLayerInput>(encoderCall, args);
    const x = this.residual(src, this.norm1, (x) => this.dropout1(this.attend(x, mask, padding)));
    return this.residual(x, this.norm2, (x) => this.dropout2(this.feedForward(x)));
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
const decoderCall = { name: "TransformerDecoderLayer", names: decoderNames } as const;
export type TransformerDecoderInput = [
  tgt: Tensor,
  memory: Tensor,
  tgtMask?: Tensor | null,
  memoryMask?: Tensor | null,
  tgtKeyPaddingMask?: Tensor | null,
  memoryKeyPaddingMask?: Tensor | null,
];

/** Self-attention, attention to a memory, then two linear layers. @see https://pytorch.org/docs/stable/generated/torch.nn.TransformerDecoderLayer.html */
export class TransformerDecoderLayer extends TransformerLayer<Arguments<typeof decoderNames, TransformerDecoderInput>> {
  declare multiheadAttn: MultiheadAttention;
  declare norm3: LayerNorm;
  declare dropout3: Dropout;

  constructor(...args: Arguments<typeof layerNames, TransformerLayerArguments>) {
    super(new.target, ["selfAttn", "multiheadAttn"], args);
  }

  forward(...args: Arguments<typeof decoderNames, TransformerDecoderInput>): Tensor {
    const [tgt, memory, tgtMask, memoryMask, tgtPadding, memoryPadding] = readArguments<TransformerDecoderInput>(
      decoderCall,
      args,
    );
    const recall = (x: Tensor): Tensor => {
      const masks = { attnMask: memoryMask, keyPaddingMask: memoryPadding, needWeights: false };
      return this.multiheadAttn(x, memory, memory, masks)[0];
    };
    const x = this.residual(tgt, this.norm1, (x) => this.dropout1(this.attend(x, tgtMask, tgtPadding)));
    const y = this.residual(x, this.norm2, (x) => this.dropout2(recall(x)));
    return this.residual(y, this.norm3, (x) => this.dropout3(this.feedForward(x)));
  }
}
