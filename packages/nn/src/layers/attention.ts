import { type Arguments, fail, readArguments, showShape, type Tensor } from "@dl/tensor";
import { multiHeadAttention } from "../functional/attention.ts";
import { xavierNormal_, xavierUniform_, zeros_ } from "../init.ts";
import { Module } from "../module.ts";
import type { Parameter } from "../parameter.ts";
import { Linear } from "./linear.ts";
import { initialize, type Placement, parameter, placement } from "./placement.ts";

/** A Linear under the name that PyTorch prints for it here. */
class NonDynamicallyQuantizableLinear extends Linear {}

export type MultiheadAttentionArguments = [
  embedDim: number,
  numHeads: number,
  dropout?: number,
  bias?: boolean,
  addBiasKv?: boolean,
  addZeroAttn?: boolean,
  kdim?: number | null,
  vdim?: number | null,
  batchFirst?: boolean,
  ...Placement,
];

const callNames = ["query", "key", "value", "keyPaddingMask", "needWeights", "attnMask", "averageAttnWeights"] as const;
export type MultiheadAttentionInput = [
  query: Tensor,
  key: Tensor,
  value: Tensor,
  keyPaddingMask?: Tensor | null,
  needWeights?: boolean,
  attnMask?: Tensor | null,
  averageAttnWeights?: boolean,
];
const call = { name: "MultiheadAttention", names: callNames } as const;

/**
 * Attention in several subspaces at once (Vaswani et al., 2017): query [L, N, E], key and value [S, N, E] → output
 * [L, N, E] and, if `needWeights`, the weights [N, L, S]. With `batchFirst` N comes first; N may be missing.
 * In bool masks true means "may not look".
 * @see https://pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html
 * @example
 * const attention = new MultiheadAttention(16, 4, { batchFirst: true });
 * const x = rand(2, 5, 16);
 * const [output, weights] = attention(x, x, x);
 * [output.shape, weights?.shape]; // [2, 5, 16] [2, 5, 5]
 */
export class MultiheadAttention extends Module<
  Arguments<typeof callNames, MultiheadAttentionInput>,
  [output: Tensor, weights: Tensor | null]
> {
  static readonly names = [
    "embedDim",
    "numHeads",
    "dropout",
    "bias",
    "addBiasKv",
    "addZeroAttn",
    "kdim",
    "vdim",
    "batchFirst",
    ...placement,
  ] as const;
  readonly embedDim: number;
  readonly numHeads: number;
  readonly kdim: number;
  readonly vdim: number;
  readonly dropout: number;
  readonly addZeroAttn: boolean;
  readonly batchFirst: boolean;
  qProjWeight: Parameter | null;
  kProjWeight: Parameter | null;
  vProjWeight: Parameter | null;
  /** The three above as one, where all sizes agree. */
  inProjWeight: Parameter | null;
  inProjBias: Parameter | null;
  biasK: Parameter | null;
  biasV: Parameter | null;
  outProj: Linear;

  constructor(...args: Arguments<typeof MultiheadAttention.names, MultiheadAttentionArguments>) {
    super();
    const [
      width,
      heads,
      dropout = 0,
      bias = true,
      addBiasKv = false,
      addZeroAttn = false,
      kdim,
      vdim,
      batchFirst = false,
      ...at
    ] = readArguments<MultiheadAttentionArguments>(MultiheadAttention, args);
    if (width % heads !== 0) fail("MultiheadAttention", `embedDim ${width} does not divide into ${heads} heads`);
    this.embedDim = width;
    this.numHeads = heads;
    this.kdim = kdim ?? width;
    this.vdim = vdim ?? width;
    this.dropout = dropout;
    this.addZeroAttn = addZeroAttn;
    this.batchFirst = batchFirst;
    const same = this.kdim === width && this.vdim === width;
    this.qProjWeight = same ? null : parameter([width, width], ...at);
    this.kProjWeight = same ? null : parameter([width, this.kdim], ...at);
    this.vProjWeight = same ? null : parameter([width, this.vdim], ...at);
    this.inProjWeight = same ? parameter([3 * width, width], ...at) : null;
    this.inProjBias = bias ? parameter([3 * width], ...at) : null;
    this.biasK = addBiasKv ? parameter([1, 1, width], ...at) : null;
    this.biasV = addBiasKv ? parameter([1, 1, width], ...at) : null;
    this.outProj = new NonDynamicallyQuantizableLinear(width, width, bias, ...(at as []));
    initialize(this);
  }

  resetParameters(): void {
    for (const weight of [this.qProjWeight, this.kProjWeight, this.vProjWeight, this.inProjWeight]) {
      if (weight) xavierUniform_(weight);
    }
    for (const bias of [this.inProjBias, this.outProj.bias]) if (bias) zeros_(bias);
    for (const extra of [this.biasK, this.biasV]) if (extra) xavierNormal_(extra);
  }

  forward(...args: Arguments<typeof callNames, MultiheadAttentionInput>): [output: Tensor, weights: Tensor | null] {
    const [query, key, value, keyPaddingMask, needWeights = true, attnMask, average = true] =
      readArguments<MultiheadAttentionInput>(call, args);
    const batched = query.ndim === 3;
    if (!batched && query.ndim !== 2)
      fail("MultiheadAttention", `needs 2 or 3 dimensions, got ${showShape(query.shape)}`);
    const sequenceFirst = (x: Tensor): Tensor => (!batched ? x.unsqueeze(1) : this.batchFirst ? x.transpose(0, 1) : x);
    const [q, k, v] = [sequenceFirst(query), sequenceFirst(key), sequenceFirst(value)];
    checkInputs(this, q, k, v);
    const padding = keyPaddingMask && !batched ? keyPaddingMask.unsqueeze(0) : keyPaddingMask;
    const [outputs, shares] = multiHeadAttention(q, k, v, this, {
      numHeads: this.numHeads,
      addZeroAttn: this.addZeroAttn,
      dropoutP: this.training ? this.dropout : 0,
      keyPaddingMask: padding ?? null,
      attnMask: attnMask ?? null,
    });
    const output = !batched ? outputs.squeeze(1) : this.batchFirst ? outputs.transpose(0, 1) : outputs;
    if (!needWeights) return [output, null];
    const weights = average ? shares.mean(1) : shares;
    return [output, batched ? weights : weights.squeeze(0)];
  }
}

function checkInputs(layer: MultiheadAttention, q: Tensor, k: Tensor, v: Tensor): void {
  const wanted = [layer.embedDim, layer.kdim, layer.vdim];
  [q, k, v].forEach((x, i) => {
    if (x.ndim !== 3 || x.shape[2] !== wanted[i]) {
      fail("MultiheadAttention", `${callNames[i]} needs ${wanted[i]} features, got ${showShape(x.shape)}`);
    }
  });
  if (k.shape[0] !== v.shape[0] || k.shape[1] !== v.shape[1] || q.shape[1] !== k.shape[1]) {
    fail(
      "MultiheadAttention",
      `lengths or batches differ: ${[q, k, v].map(({ shape }) => showShape(shape)).join(", ")}`,
    );
  }
}
