/** Tables of vectors. */
import { type Arguments, fail, noGrad, readArguments, scope, showShape, type Tensor } from "@dl/tensor";
import * as F from "../functional/index.ts";
import { checkCounts } from "../functional/sizes.ts";
import { normal_ } from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { describe, float } from "../repr.ts";
import { initialize, type Placement, parameter, placement } from "./placement.ts";

/** The table: N(0, 1), or what the user gives; the padding row is zero. */
function table(name: string, rows: number, width: number, given: Tensor | null | undefined, at: Placement): Parameter {
  if (!given) return parameter([rows, width], ...at);
  if (given.shape[0] !== rows || given.shape[1] !== width) {
    fail(name, `the weight must be ${showShape([rows, width])}, got ${showShape(given.shape)}`);
  }
  return given instanceof Parameter ? given : new Parameter(given);
}

function paddingRow(name: string, paddingIdx: number | null | undefined, rows: number): number | null {
  if (paddingIdx == null) return null;
  if (paddingIdx < -rows || paddingIdx >= rows)
    fail(name, `paddingIdx ${paddingIdx} is outside a table of ${rows} rows`);
  return paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
}

function fillTable(weight: Tensor, paddingIdx: number | null): void {
  normal_(weight);
  if (paddingIdx !== null) noGrad(() => scope(() => void weight.set_(paddingIdx, 0)));
}

export type EmbeddingArguments = [
  numEmbeddings: number,
  embeddingDim: number,
  paddingIdx?: number | null,
  maxNorm?: number | null,
  normType?: number,
  scaleGradByFreq?: boolean,
  sparse?: boolean,
  _weight?: Tensor | null,
  ...Placement,
];

export interface FromPretrainedOptions {
  /** Whether the table stays as it is. */
  readonly freeze?: boolean;
  readonly paddingIdx?: number | null;
  readonly maxNorm?: number | null;
  readonly normType?: number;
  readonly scaleGradByFreq?: boolean;
}

/**
 * Row numbers `[*]` → vectors `[*, embeddingDim]`.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.Embedding.html
 * @example
 * const table = new Embedding(1000, 16);
 * table(tensor([[1, 5, 7], [2, 0, 0]])).shape; // [2, 3, 16]
 */
export class Embedding extends Module<[input: Tensor], Tensor> {
  static readonly names = [
    "numEmbeddings",
    "embeddingDim",
    "paddingIdx",
    "maxNorm",
    "normType",
    "scaleGradByFreq",
    "sparse",
    "_weight",
    ...placement,
  ] as const;
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;
  readonly maxNorm: number | null;
  readonly normType: number;
  readonly scaleGradByFreq: boolean;
  readonly sparse: boolean;
  /** [numEmbeddings, embeddingDim] */
  weight: Parameter;

  constructor(...args: Arguments<typeof Embedding.names, EmbeddingArguments>) {
    super();
    const [rows, width, paddingIdx, maxNorm, normType = 2, scaleGradByFreq = false, sparse = false, given, ...at] =
      readArguments<EmbeddingArguments>(Embedding, args);
    checkCounts("Embedding", { numEmbeddings: rows, embeddingDim: width });
    this.numEmbeddings = rows;
    this.embeddingDim = width;
    this.paddingIdx = paddingRow("Embedding", paddingIdx, rows);
    this.maxNorm = maxNorm ?? null;
    this.normType = normType;
    this.scaleGradByFreq = scaleGradByFreq;
    this.sparse = sparse;
    this.weight = table("Embedding", rows, width, given, at);
    if (!given) initialize(this);
  }

  /** A layer around a table [V, D] that exists. */
  static fromPretrained(embeddings: Tensor, options: FromPretrainedOptions = {}): Embedding {
    const { freeze = true, ...rest } = options;
    const [numEmbeddings, embeddingDim] = embeddings.shape as [number, number];
    const made = new Embedding({ numEmbeddings, embeddingDim, _weight: embeddings, ...rest });
    made.weight.requiresGrad = !freeze;
    return made;
  }

  resetParameters(): void {
    fillTable(this.weight, this.paddingIdx);
  }

  forward(input: Tensor): Tensor {
    return F.embedding(
      input,
      this.weight,
      this.paddingIdx,
      this.maxNorm,
      this.normType,
      this.scaleGradByFreq,
      this.sparse,
    );
  }

  override extraRepr(): string {
    const { numEmbeddings, embeddingDim, paddingIdx, maxNorm, normType, scaleGradByFreq, sparse } = this;
    const parts = [`${numEmbeddings}, ${embeddingDim}`];
    if (paddingIdx !== null) parts.push(describe({ paddingIdx }));
    if (maxNorm !== null) parts.push(describe({ maxNorm: float(maxNorm) }));
    if (normType !== 2) parts.push(describe({ normType: float(normType) }));
    if (scaleGradByFreq) parts.push(describe({ scaleGradByFreq }));
    if (sparse) parts.push("sparse=True");
    return parts.join(", ");
  }
}

export type EmbeddingBagArguments = [
  numEmbeddings: number,
  embeddingDim: number,
  maxNorm?: number | null,
  normType?: number,
  scaleGradByFreq?: boolean,
  mode?: "mean" | "sum" | "max",
  sparse?: boolean,
  _weight?: Tensor | null,
  includeLastOffset?: boolean,
  paddingIdx?: number | null,
  ...Placement,
];

const bagCall = { name: "EmbeddingBag", names: ["input", "offsets", "perSampleWeights"] } as const;
export type EmbeddingBagInput = [input: Tensor, offsets?: Tensor | null, perSampleWeights?: Tensor | null];

/** The mean, sum or maximum of bags of rows. @see https://pytorch.org/docs/stable/generated/torch.nn.EmbeddingBag.html */
export class EmbeddingBag extends Module<Arguments<typeof bagCall.names, EmbeddingBagInput>, Tensor> {
  static readonly names = [
    "numEmbeddings",
    "embeddingDim",
    "maxNorm",
    "normType",
    "scaleGradByFreq",
    "mode",
    "sparse",
    "_weight",
    "includeLastOffset",
    "paddingIdx",
    ...placement,
  ] as const;
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly maxNorm: number | null;
  readonly normType: number;
  readonly scaleGradByFreq: boolean;
  readonly mode: "mean" | "sum" | "max";
  readonly sparse: boolean;
  readonly includeLastOffset: boolean;
  readonly paddingIdx: number | null;
  /** [numEmbeddings, embeddingDim] */
  weight: Parameter;

  constructor(...args: Arguments<typeof EmbeddingBag.names, EmbeddingBagArguments>) {
    super();
    const [
      rows,
      width,
      maxNorm,
      normType = 2,
      byFreq = false,
      mode = "mean",
      sparse = false,
      given,
      includeLast = false,
      paddingIdx,
      ...at
    ] = readArguments<EmbeddingBagArguments>(EmbeddingBag, args);
    checkCounts("EmbeddingBag", { numEmbeddings: rows, embeddingDim: width });
    this.numEmbeddings = rows;
    this.embeddingDim = width;
    this.maxNorm = maxNorm ?? null;
    this.normType = normType;
    this.scaleGradByFreq = byFreq;
    this.mode = mode;
    this.sparse = sparse;
    this.includeLastOffset = includeLast;
    this.paddingIdx = paddingRow("EmbeddingBag", paddingIdx, rows);
    this.weight = table("EmbeddingBag", rows, width, given, at);
    if (!given) initialize(this);
  }

  resetParameters(): void {
    fillTable(this.weight, this.paddingIdx);
  }

  forward(...args: Arguments<typeof bagCall.names, EmbeddingBagInput>): Tensor {
    const [input, offsets, perSampleWeights] = readArguments<EmbeddingBagInput>(bagCall, args);
    const { weight, maxNorm, normType, scaleGradByFreq, mode, sparse, includeLastOffset, paddingIdx } = this;
    return F.embeddingBag(
      input,
      weight,
      offsets,
      maxNorm,
      normType,
      scaleGradByFreq,
      mode,
      sparse,
      perSampleWeights,
      includeLastOffset,
      paddingIdx,
    );
  }

  override extraRepr(): string {
    const { numEmbeddings, embeddingDim, maxNorm, normType, scaleGradByFreq, mode, paddingIdx } = this;
    const parts = [`${numEmbeddings}, ${embeddingDim}`];
    if (maxNorm !== null) parts.push(describe({ maxNorm: float(maxNorm) }));
    if (normType !== 2) parts.push(describe({ normType: float(normType) }));
    if (scaleGradByFreq) parts.push(describe({ scaleGradByFreq }));
    parts.push(`mode=${mode}`);
    if (paddingIdx !== null) parts.push(describe({ paddingIdx }));
    return parts.join(", ");
  }
}
