/** Functions of layers against slopes, to the second order where they are smooth enough to have one. */
import { gradcheck, gradgradcheck } from "@dl/autograd";
import "@dl/backend-cpu";
import { functional as F, MultiheadAttention } from "@dl/nn";
import { manualSeed, type Shape, type Tensor, tensor, zeros } from "@dl/tensor";
import { arrange } from "@dl/tensor/testing";
import { describe, test } from "vitest";

type Fn = (...inputs: Tensor[]) => Tensor;
/** A function and the shapes of its inputs. */
type Row = readonly [f: Fn, ...shapes: Shape[]];
type Rows = Readonly<Record<string, Row>>;

const wide: Shape = [2, 3];
const classes = tensor([2, 0], { dtype: "int64" });
const signs = tensor([1, -1], { dtype: "float64" });
const shares = tensor(
  [
    [0.2, 0.5, 0.9],
    [0.6, 0.1, 0.3],
  ],
  { dtype: "float64" },
);

const activations: Rows = {
  relu: [(x) => F.relu(x), wide],
  leakyRelu: [(x) => F.leakyRelu(x), wide],
  prelu: [(x, w) => F.prelu(x, w), wide, [3]],
  elu: [(x) => F.elu(x), wide],
  celu: [(x) => F.celu(x, 0.7), wide],
  selu: [(x) => F.selu(x), wide],
  gelu: [(x) => F.gelu(x), wide],
  "gelu, tanh": [(x) => F.gelu(x, "tanh"), wide],
  silu: [(x) => F.silu(x), wide],
  mish: [(x) => F.mish(x), wide],
  softplus: [(x) => F.softplus(x), wide],
  logsigmoid: [(x) => F.logsigmoid(x), wide],
  hardtanh: [(x) => F.hardtanh(x), wide],
  relu6: [(x) => F.relu6(x), wide],
  hardsigmoid: [(x) => F.hardsigmoid(x), wide],
  hardswish: [(x) => F.hardswish(x), wide],
  hardshrink: [(x) => F.hardshrink(x), wide],
  softshrink: [(x) => F.softshrink(x), wide],
  tanhshrink: [(x) => F.tanhshrink(x), wide],
  softsign: [(x) => F.softsign(x), wide],
  threshold: [(x) => F.threshold(x, 0.1, 3), wide],
  glu: [(x) => F.glu(x), [2, 4]],
  softmax: [(x) => F.softmax(x, 1), wide],
  softmin: [(x) => F.softmin(x, 1), wide],
  logSoftmax: [(x) => F.logSoftmax(x, 1), wide],
};

const losses: Rows = {
  mseLoss: [(x, y) => F.mseLoss(x, y), wide, wide],
  l1Loss: [(x, y) => F.l1Loss(x, y), wide, wide],
  smoothL1Loss: [(x, y) => F.smoothL1Loss(x, y, { beta: 0.3 }), wide, wide],
  huberLoss: [(x, y) => F.huberLoss(x, y, { delta: 0.3 }), wide, wide],
  crossEntropy: [(x) => F.crossEntropy(x, classes), wide],
  "crossEntropy, smoothed": [(x) => F.crossEntropy(x, classes, { labelSmoothing: 0.2 }), wide],
  "crossEntropy of shares": [(x, y) => F.crossEntropy(x, F.softmax(y, 1)), wide, wide],
  nllLoss: [(x) => F.nllLoss(x, classes), wide],
  binaryCrossEntropy: [(x) => F.binaryCrossEntropy(x.sigmoid(), shares), wide],
  binaryCrossEntropyWithLogits: [(x) => F.binaryCrossEntropyWithLogits(x, shares), wide],
  klDiv: [(x) => F.klDiv(x, shares, { reduction: "sum" }), wide],
  poissonNllLoss: [(x) => F.poissonNllLoss(x, shares), wide],
  gaussianNllLoss: [(x, v) => F.gaussianNllLoss(x, shares, v.exp()), wide, wide],
  hingeEmbeddingLoss: [(x) => F.hingeEmbeddingLoss(x, signs.unsqueeze(1).expand(2, 3)), wide],
  softMarginLoss: [(x) => F.softMarginLoss(x, signs.unsqueeze(1).expand(2, 3)), wide],
  marginRankingLoss: [(x, y) => F.marginRankingLoss(x, y, signs, { margin: 0.5 }), [2], [2]],
  multiMarginLoss: [(x) => F.multiMarginLoss(x, classes), wide],
  multilabelSoftMarginLoss: [(x) => F.multilabelSoftMarginLoss(x, shares), wide],
  cosineEmbeddingLoss: [(x, y) => F.cosineEmbeddingLoss(x, y, signs), wide, wide],
  tripletMarginLoss: [(x, y, z) => F.tripletMarginLoss(x, y, z), wide, wide, wide],
  ctcLoss: [
    (x) => {
      const [targets, lengths, of] = [[[1, 2]], [4], [2]].map((values) => tensor(values, { dtype: "int64" }));
      return F.ctcLoss(F.logSoftmax(x, 2), targets!, lengths!, of!);
    },
    [4, 1, 3],
  ],
};

const image: Shape = [1, 2, 4, 4];
const layers: Rows = {
  linear: [(x, w, b) => F.linear(x, w, b), wide, [4, 3], [4]],
  bilinear: [(x, y, w, b) => F.bilinear(x, y, w, b), wide, [2, 2], [2, 3, 2], [2]],
  embedding: [(w) => F.embedding(classes, w), [3, 2]],
  batchNorm: [(x, w, b) => F.batchNorm(x, null, null, w, b, true), [3, 2, 2], [2], [2]],
  "batchNorm, in use": [
    (x, w, b) => F.batchNorm(x, shares.at(0, [0, 2]), shares.at(1, [0, 2]), w, b, false),
    [3, 2, 2],
    [2],
    [2],
  ],
  layerNorm: [(x, w, b) => F.layerNorm(x, [3], w, b), wide, [3], [3]],
  groupNorm: [(x, w, b) => F.groupNorm(x, 2, w, b), [2, 4, 2], [4], [4]],
  instanceNorm: [(x) => F.instanceNorm(x), [2, 2, 3]],
  localResponseNorm: [(x) => F.localResponseNorm(x, 2), [1, 3, 2]],
  normalize: [(x) => F.normalize(x), wide],
  cosineSimilarity: [(x, y) => F.cosineSimilarity(x, y), wide, wide],
  pairwiseDistance: [(x, y) => F.pairwiseDistance(x, y), wide, wide],
  pdist: [(x) => F.pdist(x), [3, 2]],
  scaledDotProductAttention: [(q, k, v) => F.scaledDotProductAttention(q, k, v), [1, 2, 3], [1, 3, 3], [1, 3, 2]],
  "scaledDotProductAttention, causal": [
    (q, k, v) => F.scaledDotProductAttention(q, k, v, { isCausal: true }),
    [1, 3, 2],
    [1, 3, 2],
    [1, 3, 2],
  ],
  conv1d: [(x, w, b) => F.conv1d(x, w, b, { padding: 1 }), [1, 2, 4], [2, 2, 3], [2]],
  conv2d: [(x, w) => F.conv2d(x, w, { stride: 2, padding: 1, groups: 2 }), image, [2, 1, 2, 2]],
  convTranspose2d: [(x, w, b) => F.convTranspose2d(x, w, b, { stride: 2 }), [1, 2, 2, 2], [2, 1, 2, 2], [1]],
  maxPool2d: [(x) => F.maxPool2d(x, 2) as Tensor, image],
  avgPool2d: [(x) => F.avgPool2d(x, 3, { stride: 1, padding: 1 }), image],
  lpPool2d: [(x) => F.lpPool2d(x.exp(), 3, 2), image],
  adaptiveAvgPool2d: [(x) => F.adaptiveAvgPool2d(x, [3, 2]), image],
  adaptiveMaxPool2d: [(x) => F.adaptiveMaxPool2d(x, [3, 2]) as Tensor, image],
  "pad, reflected": [(x) => F.pad(x, [1, 1], { mode: "reflect" }), [1, 2, 3]],
  "pad, replicated": [(x) => F.pad(x, [1, 2], { mode: "replicate" }), [1, 2, 3]],
  "pad, circular": [(x) => F.pad(x, [1, 1], { mode: "circular" }), [1, 2, 3]],
  "interpolate, bilinear": [(x) => F.interpolate(x, { size: [3, 5], mode: "bilinear" }), [1, 1, 2, 2]],
  "interpolate, bicubic": [(x) => F.interpolate(x, { size: [3, 5], mode: "bicubic" }), [1, 1, 2, 2]],
  gridSample: [(x, g) => F.gridSample(x, g.tanh(), { alignCorners: false }), [1, 1, 3, 3], [1, 2, 2, 2]],
  pixelShuffle: [(x) => F.pixelShuffle(x, 2).exp(), [1, 4, 1, 2]],
  unfold: [(x) => F.unfold(x, 2).exp(), [1, 1, 3, 3]],
  fold: [(x) => F.fold(x, [3, 3], 2).exp(), [1, 4, 4]],
  dropout: [
    (x) => {
      manualSeed(1);
      return F.dropout(x, 0.5, true);
    },
    wide,
  ],
};

describe.each(Object.entries({ activations, losses, layers }))("%s", (_, rows) => {
  test.each(Object.entries(rows))("%s", (__, [f, ...shapes]) => {
    const inputs = shapes.map((shape, i) =>
      arrange({ shape, dtype: "float64", low: -1.5, high: 1.5 }, i, "contiguous", "cpu").requiresGrad_(),
    );
    gradcheck(f, inputs);
    gradgradcheck(f, inputs);
  });
});

test("multi-head attention", () => {
  manualSeed(2);
  const attention = new MultiheadAttention(4, 2, { dtype: "float64" });
  const x = arrange({ shape: [3, 1, 4], dtype: "float64" }, 0, "contiguous", "cpu").requiresGrad_();
  const mask = zeros([3, 3], { dtype: "float64" }).requiresGrad_();
  const f: Fn = (v, m) => attention(v, v, v, { attnMask: m })[0];
  gradcheck(f, [x, mask]);
  gradgradcheck(f, [x, mask]);
});
