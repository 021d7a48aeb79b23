/** Attention: each query takes the mean of the values, weighted by how well their keys match. */
import { arange, cat, composite, fail, showShape, softmax, type Tensor, tidy, zeros } from "@dl/tensor";
import { dropout } from "./dropout.ts";
import { linear } from "./linear.ts";
import { pad } from "./padding.ts";

/** What is added to the scores: 0 where one may look, −∞ where not. */
function additive(mask: Tensor, blocked: boolean, like: Tensor): Tensor {
  if (mask.dtype !== "bool") return mask.to(like.dtype);
  const zero = zeros(mask.shape, { dtype: like.dtype, device: like.device });
  return zero.maskedFill(blocked ? mask : mask.logicalNot(), Number.NEGATIVE_INFINITY);
}

/**
 * softmax(Q Kᵀ / √E + mask) V for `[*, L, E]`, `[*, S, E]` and `[*, S, V]`. In a bool `attnMask` true means "may look".
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html
 * @example
 * F.scaledDotProductAttention(rand(2, 4, 5, 8), rand(2, 4, 6, 8), rand(2, 4, 6, 8)).shape; // [2, 4, 5, 8]
 */
export const scaledDotProductAttention = composite(
  "scaledDotProductAttention(query, key, value, attnMask?, dropoutP?, isCausal?, scale?)",
  (
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attnMask?: Tensor | null,
    dropoutP: number = 0,
    isCausal: boolean = false,
    scale?: number | null,
  ): Tensor => {
    if (isCausal && attnMask) fail("scaledDotProductAttention", "takes attnMask or isCausal, not both");
    const [targets, sources] = [query.shape.at(-2)!, key.shape.at(-2)!];
    const scores = query.mul(scale ?? 1 / Math.sqrt(query.shape.at(-1)!)).matmul(key.transpose(-2, -1));
    const mask = isCausal ? causal(targets, sources, query.device) : attnMask;
    const weights = softmax(mask ? scores.add(additive(mask, false, scores)) : scores, -1);
    return dropout(weights, dropoutP, dropoutP > 0).matmul(value);
  },
);

/** True on and below the diagonal. */
function causal(targets: number, sources: number, device: string): Tensor {
  return arange(targets, { device }).view(-1, 1).ge(arange(sources, { device }).view(1, -1));
}

export interface AttentionWeights {
  readonly inProjWeight: Tensor | null;
  readonly inProjBias: Tensor | null;
  readonly biasK: Tensor | null;
  readonly biasV: Tensor | null;
  readonly outProj: { readonly weight: Tensor; readonly bias: Tensor | null };
  readonly qProjWeight: Tensor | null;
  readonly kProjWeight: Tensor | null;
  readonly vProjWeight: Tensor | null;
}

export interface AttentionSettings {
  readonly numHeads: number;
  readonly addZeroAttn: boolean;
  readonly dropoutP: number;
  /** [N, S]: true (or −∞) for keys to leave out. */
  readonly keyPaddingMask: Tensor | null;
  /** [L, S] or [N · heads, L, S]: true (or −∞) where one may not look. */
  readonly attnMask: Tensor | null;
}

/** Q, K and V of [L, N, E]: each from a matrix of its own, or from a third of a common one. */
function project(inputs: readonly [Tensor, Tensor, Tensor], weights: AttentionWeights): Tensor[] {
  const { inProjWeight, inProjBias, qProjWeight, kProjWeight, vProjWeight } = weights;
  const matrices = inProjWeight ? inProjWeight.chunk(3) : [qProjWeight!, kProjWeight!, vProjWeight!];
  const biases = inProjBias?.chunk(3);
  return inputs.map((x, i) => linear(x, matrices[i]!, biases?.[i]));
}

/** [L, N, E] → [N · heads, L, E / heads]. */
function splitHeads(x: Tensor, numHeads: number): Tensor {
  const [length, batch, width] = x.shape as [number, number, number];
  return x.reshape(length, batch * numHeads, width / numHeads).transpose(0, 1);
}

/** One more key that every query may look at. */
function widened(mask: Tensor | null): Tensor | null {
  return mask && (mask.dtype === "bool" ? pad(mask.to("uint8"), [0, 1]).to("bool") : pad(mask, [0, 1]));
}

/** Both masks as one to be added to the scores [N · heads, L, S]. */
function mergeMasks(attnMask: Tensor | null, padding: Tensor | null, numHeads: number, like: Tensor): Tensor | null {
  const first = attnMask && additive(attnMask, true, like);
  if (!padding) return first;
  const [batch, sources] = padding.shape as [number, number];
  const spread = additive(padding, true, like).view(batch, 1, 1, sources).expand(batch, numHeads, 1, sources);
  const second = spread.reshape(batch * numHeads, 1, sources);
  return first ? first.add(second) : second;
}

/**
 * Attention in several subspaces at once, for query [L, N, E], key [S, N, K] and value [S, N, V].
 * @returns the output [L, N, E] and the attention weights [N, heads, L, S]
 */
export function multiHeadAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  weights: AttentionWeights,
  settings: AttentionSettings,
): [output: Tensor, weights: Tensor] {
  return tidy(() => attend(query, key, value, weights, settings));
}

function attend(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  weights: AttentionWeights,
  settings: AttentionSettings,
): [output: Tensor, weights: Tensor] {
  const { numHeads, addZeroAttn, dropoutP } = settings;
  let { attnMask, keyPaddingMask } = settings;
  const [targets, batch, width] = query.shape as [number, number, number];
  checkMask(attnMask, [targets, key.shape[0]!], batch * numHeads);
  let [q, k, v] = project([query, key, value], weights) as [Tensor, Tensor, Tensor];
  if (weights.biasK && weights.biasV) {
    k = cat([k, weights.biasK.expand(1, batch, width)]);
    v = cat([v, weights.biasV.expand(1, batch, width)]);
    [attnMask, keyPaddingMask] = [widened(attnMask), widened(keyPaddingMask)];
  }
  [q, k, v] = [splitHeads(q, numHeads), splitHeads(k, numHeads), splitHeads(v, numHeads)];
  if (addZeroAttn) {
    const none = zeros([batch * numHeads, 1, width / numHeads], { dtype: k.dtype as "float32", device: k.device });
    [k, v] = [cat([k, none], 1), cat([v, none], 1)];
    [attnMask, keyPaddingMask] = [widened(attnMask), widened(keyPaddingMask)];
  }
  const scores = q.mul(1 / Math.sqrt(width / numHeads)).matmul(k.transpose(-2, -1));
  const mask = mergeMasks(attnMask, keyPaddingMask, numHeads, scores);
  const shares = softmax(mask ? scores.add(mask) : scores, -1);
  const mixed = dropout(shares, dropoutP, dropoutP > 0).matmul(v);
  const joined = mixed.transpose(0, 1).reshape(targets, batch, width);
  const output = linear(joined, weights.outProj.weight, weights.outProj.bias);
  return [output, shares.view(batch, numHeads, targets, -1)];
}

function checkMask(mask: Tensor | null, plane: readonly [number, number], heads: number): void {
  if (!mask) return;
  const fits = mask.ndim === 2 ? [...plane] : [heads, ...plane];
  if (mask.ndim < 2 || mask.ndim > 3 || mask.shape.some((size, dim) => size !== fits[dim])) {
    fail(
      "MultiheadAttention",
      `attnMask must be ${showShape(plane)} or ${showShape([heads, ...plane])}, got ${showShape(mask.shape)}`,
    );
  }
}
