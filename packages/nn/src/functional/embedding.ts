/** Rows of a table by number. */
import {
  apply,
  arange,
  checkName,
  composite,
  fail,
  fromArray,
  noGrad,
  ones,
  peek,
  scope,
  showShape,
  type Tensor,
  where,
  zeros,
} from "@dl/tensor";
import { indexTensor } from "./positions.ts";

/** Scales, in place, the rows in use whose norm is above `maxNorm`. */
function limitRows(weight: Tensor, rows: Tensor, maxNorm: number, normType: number): void {
  noGrad(() =>
    scope(() => {
      const norms = weight
        .abs()
        .pow(normType)
        .sum(1, true)
        .pow(1 / normType);
      const used = zeros([weight.shape[0]!, 1], { device: weight.device }).indexAdd(
        0,
        rows,
        ones([rows.numel(), 1], { device: weight.device }),
      );
      const tooLong = norms.gt(maxNorm).logicalAnd(used.gt(0));
      weight.mul_(where(tooLong, norms.add(1e-7).reciprocal().mul(maxNorm), 1));
    }),
  );
}

function tableSize(name: string, { shape }: Tensor): [rows: number, width: number] {
  if (shape.length !== 2) fail(name, `the weight must be [V, D], got ${showShape(shape)}`);
  return shape as unknown as [number, number];
}

function needRows(name: string, { dtype }: Tensor): void {
  if (dtype === "int64" || dtype === "int32") return;
  fail(name, `row numbers must be int64 or int32, got ${dtype}`, 'Cast them with .to("int64")');
}

function checkRows(name: string, rows: Tensor, count: number): void {
  if (!rows.backend.hostMemory || rows.numel() === 0) return;
  for (const row of scope(() => Object.values(rows.aminmax()).map((extreme) => extreme.item()))) {
    if (row < 0 || row >= count) fail(name, `row ${row} is out of range: the table has ${count} rows`);
  }
}

/** Divides gradients by how often a row occurs: multiplies by 1 going forward. */
function scaledByFrequency(rows: Tensor, picked: Tensor, count: number): Tensor {
  const times = zeros(count, { device: rows.device }).indexAdd(0, rows, ones(rows.numel(), { device: rows.device }));
  const share = times.indexSelect(0, rows).reciprocal().to(picked.dtype).unsqueeze(1);
  const moving = picked.mul(share);
  return moving.add(picked.sub(moving).detach());
}

function lookUp(rows: Tensor, weight: Tensor, paddingRow: number | null, scaleGradByFreq: boolean): Tensor {
  const picked = weight.indexSelect(0, rows);
  const scaled = scaleGradByFreq && picked.requiresGrad ? scaledByFrequency(rows, picked, weight.shape[0]!) : picked;
  if (paddingRow === null || !scaled.requiresGrad) return scaled;
  return where(rows.eq(paddingRow).unsqueeze(1), scaled.detach(), scaled);
}

function paddingRowOf(name: string, paddingIdx: number | null | undefined, count: number): number | null {
  if (paddingIdx === null || paddingIdx === undefined) return null;
  if (paddingIdx < -count || paddingIdx >= count)
    fail(name, `paddingIdx ${paddingIdx} is outside a table of ${count} rows`);
  return paddingIdx < 0 ? paddingIdx + count : paddingIdx;
}

/**
 * Row numbers `[*]` → rows `[*, D]` of weight [V, D]. The row `paddingIdx` gets no gradient; rows longer than `maxNorm` are
 * shortened in place. Gradients are dense: `sparse` changes nothing.
 * @throws TensorError for row numbers out of range
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.embedding.html
 * @example
 * F.embedding(tensor([2, 0]), floatTensor([[0, 0], [1, 1], [2, 2]])); // tensor([[2., 2.], [0., 0.]])
 */
export const embedding = composite(
  "embedding(input, weight, paddingIdx?, maxNorm?, normType?, scaleGradByFreq?, sparse?)",
  (
    input: Tensor,
    weight: Tensor,
    paddingIdx?: number | null,
    maxNorm?: number | null,
    normType: number = 2,
    scaleGradByFreq: boolean = false,
    _sparse?: boolean,
  ): Tensor => {
    const [count, width] = tableSize("embedding", weight);
    needRows("embedding", input);
    const rows = input.flatten();
    const paddingRow = paddingRowOf("embedding", paddingIdx, count);
    try {
      if (maxNorm != null) limitRows(weight, rows, maxNorm, normType);
      return lookUp(rows, weight, paddingRow, scaleGradByFreq).view([...input.shape, width]);
    } catch (error) {
      // Kernels check as they go; what they refuse is named here.
      checkRows("embedding", input, count);
      throw error;
    }
  },
  "EmbeddingBackward0",
);

export type BagMode = "mean" | "sum" | "max";

/** Row numbers and offsets, which are small: of int64 the lower words are looked at, since bigints are slow. */
function numbersOf(numbers: Tensor): Int32Array {
  const data = peek(numbers, "embeddingBag");
  if (!(data instanceof BigInt64Array)) return Int32Array.from(data as ArrayLike<number>);
  const words = new Int32Array(data.buffer, data.byteOffset, 2 * data.length);
  const low = new Int32Array(data.length);
  for (let i = 0; i < low.length; i++) low[i] = words[2 * i]!;
  return low;
}

/** Where each bag begins and the last one ends. */
function boundsOf(input: Tensor, offsets: Tensor | null | undefined, includeLastOffset: boolean): Int32Array {
  const rows = input.numel();
  if (!offsets) return new Int32Array(input.shape[0]! + 1).map((_, bag) => bag * input.shape[1]!);
  const starts = numbersOf(offsets);
  const bounds = includeLastOffset ? starts : Int32Array.from([...starts, rows]);
  if (starts[0] !== 0 || starts.some((start, i) => start > (starts[i + 1] ?? rows))) {
    fail("embeddingBag", `offsets must begin with 0 and rise up to ${rows}, got [${starts.join(", ")}]`);
  }
  return bounds;
}

function checkBags(
  input: Tensor,
  offsets: Tensor | null | undefined,
  perSampleWeights: Tensor | null | undefined,
  mode: BagMode,
): void {
  checkName("embeddingBag", "mode", mode, ["mean", "sum", "max"]);
  if (input.ndim === 2 && offsets) fail("embeddingBag", "a 2-d input has one bag a row", "Leave offsets out");
  if (input.ndim === 1 && !offsets) fail("embeddingBag", "a 1-d input needs offsets");
  if (perSampleWeights && mode !== "sum") fail("embeddingBag", `perSampleWeights need mode "sum", got "${mode}"`);
}

/** Where the rows that count are, and to which bag each belongs. */
function countedRows(
  rows: Tensor,
  bounds: Int32Array,
  padding: number | null,
): { readonly at: Tensor; readonly bags: readonly number[] } {
  const bags = [...sizesOf(bounds)].flatMap((size, bag) => new Array<number>(size).fill(bag));
  const numbers = padding === null ? null : numbersOf(rows);
  const places = [...bags.keys()].filter((i) => numbers === null || numbers[i] !== padding);
  return { at: indexTensor(places, [places.length], rows), bags: places.map((i) => bags[i]!) };
}

const sizesOf = (bounds: Int32Array): Int32Array => bounds.subarray(1).map((end, bag) => end - bounds[bag]!);

/** The largest row of each bag; zeros for empty bags. */
function bagMaxima(picked: Tensor, bags: readonly number[], count: number): Tensor {
  const groups = Array.from({ length: count }, (): number[] => []);
  bags.forEach((bag, i) => void groups[bag]!.push(i));
  const longest = Math.max(1, ...groups.map((group) => group.length));
  const table = groups.flatMap((group) =>
    Array.from({ length: longest }, (_, k) => group[Math.min(k, group.length - 1)] ?? 0),
  );
  const width = picked.shape[1]!;
  if (picked.shape[0] === 0) return zeros([count, width], { dtype: picked.dtype, device: picked.device });
  const best = picked
    .indexSelect(0, indexTensor(table, [table.length], picked))
    .view(count, longest, width)
    .max(1).values;
  const empty = indexTensor(
    groups.map((group) => Number(group.length === 0)),
    [count, 1],
    picked,
  ).ne(0);
  return where(empty, 0, best);
}

function bagSums(terms: Tensor, bags: readonly number[], count: number): Tensor {
  const none = zeros([count, terms.shape[1]!], { dtype: terms.dtype, device: terms.device });
  return none.indexAdd(0, indexTensor(bags, [bags.length], terms), terms);
}

/** Means of empty bags stay zero. */
function sumsOrMeans(mode: BagMode, sums: Tensor, sizes: Int32Array): Tensor {
  if (mode === "sum") return sums;
  const { device, dtype } = sums;
  const counts = sizes.map((size) => Math.max(size, 1));
  return sums.div(fromArray(counts, [counts.length, 1], { device }).to(dtype));
}

/**
 * {@link embedding} followed by the mean, sum or maximum over each bag: the rows of a 2-d input, or the stretches of a
 * 1-d input that begin at `offsets`. Rows equal to `paddingIdx` do not count.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.embedding_bag.html
 */
export const embeddingBag = composite(
  "embeddingBag(input, weight, offsets?, maxNorm?, normType?, scaleGradByFreq?, mode?, sparse?, perSampleWeights?, includeLastOffset?, paddingIdx?)",
  (
    input: Tensor,
    weight: Tensor,
    offsets?: Tensor | null,
    maxNorm?: number | null,
    normType: number = 2,
    scaleGradByFreq: boolean = false,
    mode: BagMode = "mean",
    _sparse?: boolean,
    perSampleWeights?: Tensor | null,
    includeLastOffset: boolean = false,
    paddingIdx?: number | null,
  ): Tensor => {
    const [total] = tableSize("embeddingBag", weight);
    needRows("embeddingBag", input);
    checkRows("embeddingBag", input, total);
    checkBags(input, offsets, perSampleWeights, mode);
    const rows = input.flatten();
    const bounds = boundsOf(input, offsets, includeLastOffset);
    if (mode !== "max" && isPlain(weight, [maxNorm, perSampleWeights, paddingIdx], scaleGradByFreq)) {
      return sumsOrMeans(mode, sumsOfRows(weight, rows, bounds), sizesOf(bounds));
    }
    if (maxNorm != null) limitRows(weight, rows, maxNorm, normType);
    const { at, bags } = countedRows(rows, bounds, paddingRowOf("embeddingBag", paddingIdx, total));
    const picked = lookUp(rows.indexSelect(0, at), weight, null, scaleGradByFreq);
    const count = bounds.length - 1;
    if (mode === "max") return bagMaxima(picked, bags, count);
    const terms = perSampleWeights ? picked.mul(perSampleWeights.flatten().indexSelect(0, at).unsqueeze(1)) : picked;
    const sizes = new Int32Array(count);
    for (const bag of bags) sizes[bag]!++;
    return sumsOrMeans(mode, bagSums(terms, bags, count), sizes);
  },
  "EmbeddingBagBackward0",
);

/** Whether the host may look at the rows, and nothing but them counts. */
function isPlain(weight: Tensor, others: readonly unknown[], scaleGradByFreq: boolean): boolean {
  const plain = others.every((other) => other == null) && !scaleGradByFreq;
  return plain && weight.isFloatingPoint() && weight.backend.hostMemory !== undefined;
}

function sumsOfRows(weight: Tensor, rows: Tensor, bounds: Int32Array): Tensor {
  const sources = numbersOf(rows).subarray(0, bounds.at(-1)!);
  const taps = { bounds, sources, weights: new Float64Array(sources.length).fill(1) };
  return apply("resample", [weight], { stages: [{ dim: 0, taps }] });
}

/**
 * A 1 at each class number, zeros elsewhere: `[*]` → `[*, numClasses]` of int64.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.one_hot.html
 * @example
 * F.oneHot(tensor([0, 2]), 3); // tensor([[1, 0, 0], [0, 0, 1]])
 */
export const oneHot = composite("oneHot(tensor, numClasses?)", (tensor: Tensor, numClasses: number = -1): Tensor => {
  if (tensor.dtype !== "int64")
    fail("oneHot", `class numbers must be int64, got ${tensor.dtype}`, 'Cast them with .to("int64")');
  const [least, most] = tensor.numel() > 0 ? [tensor.amin().item(), tensor.amax().item()] : [0, -1];
  if (least < 0) fail("oneHot", `class numbers must be ≥ 0, got ${least}`);
  const classes = numClasses === -1 ? most + 1 : numClasses;
  if (most >= classes) fail("oneHot", `class ${most} is out of range: there are ${classes} classes`);
  return tensor
    .unsqueeze(-1)
    .eq(arange(classes, { device: tensor.device }))
    .to("int64");
});
