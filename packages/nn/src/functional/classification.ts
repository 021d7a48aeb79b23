/** Losses of classifiers: scores [N, C, …] against class numbers [N, …], or against probabilities of the scores' shape. */
import { composite, fail, logSoftmax, peek, showShape, type Tensor, where } from "@dl/tensor";
import { logsigmoid } from "./activation.ts";
import { type Reduction, reduced } from "./reduction.ts";

/** Where the class dimension is: 0 without a batch. */
function classDim(input: Tensor): number {
  return input.ndim === 1 ? 0 : 1;
}

function checkTarget(name: string, input: Tensor, target: Tensor): void {
  const wanted = input.shape.toSpliced(classDim(input), 1);
  if (target.ndim !== wanted.length || target.shape.some((size, dim) => size !== wanted[dim])) {
    fail(
      name,
      `scores ${showShape(input.shape)} need class numbers of shape ${showShape(wanted)}, got ${showShape(target.shape)}`,
    );
  }
  if (target.dtype !== "int64" && target.dtype !== "uint8" && target.dtype !== "int32") {
    fail(name, `class numbers must be int64, got ${target.dtype}`, 'Cast them with .to("int64")');
  }
}

/** One for each class. */
function checkWeight(name: string, weight: Tensor | null | undefined, classes: number): void {
  if (!weight || (weight.ndim === 1 && weight.numel() === classes)) return;
  fail(name, `the weight needs the shape [${classes}], one for each class, got ${showShape(weight.shape)}`);
}

/** Looks at class numbers where the host can: whether any is to be ignored, and that the rest are classes. */
function someIgnored(name: string, target: Tensor, classes: number, ignoreIndex: number): boolean {
  if (!target.backend.hostMemory) return true;
  const data = peek(target, name);
  // Two words are many times faster than a bigint.
  const isWide = data instanceof BigInt64Array;
  const words = isWide ? new Int32Array(data.buffer, data.byteOffset, 2 * data.length) : (data as Int32Array);
  if (isWide && areClasses(words, classes) && !(ignoreIndex >= 0 && ignoreIndex < classes)) return false;
  let ignored = false;
  for (let i = 0; i < words.length; i += isWide ? 2 : 1) {
    const number = isWide ? words[i + 1]! * 2 ** 32 + (words[i]! >>> 0) : words[i]!;
    if (number === ignoreIndex) ignored = true;
    else if (number < 0 || number >= classes)
      fail(name, `class ${number} is out of range: there are ${classes} classes`);
  }
  return ignored;
}

/** Without a branch for each: nearly always they are. */
function areClasses(words: Int32Array, classes: number): boolean {
  let [upper, signs] = [0, 0];
  for (let i = 0; i < words.length; i += 2) {
    upper |= words[i + 1]!;
    signs |= words[i]! | (classes - 1 - words[i]!);
  }
  return upper === 0 && signs >= 0;
}

function nll(
  name: string,
  input: Tensor,
  target: Tensor,
  weight: Tensor | null | undefined,
  ignoreIndex: number,
  reduction: Reduction,
): Tensor {
  checkTarget(name, input, target);
  const dim = classDim(input);
  checkWeight(name, weight, input.shape[dim]!);
  const ignored = someIgnored(name, target, input.shape[dim]!, ignoreIndex);
  const numbers = target.to("int64");
  const kept = ignored ? numbers.ne(ignoreIndex) : null;
  const safe = kept ? where(kept, numbers, 0) : numbers;
  const losses = input.gather(dim, safe.unsqueeze(dim)).squeeze(dim).neg();
  const shares = weight ? weight.indexSelect(0, safe.flatten()).view(safe.shape) : null;
  if (!kept && !shares) return reduced(name, losses, reduction);
  const scales = kept ? (shares ? where(kept, shares, 0) : kept.to(losses.dtype)) : shares!;
  // Ignored places may hold infinities, which a product would not remove.
  const scaled = (kept ? where(kept, losses, 0) : losses).mul(scales);
  return reduction === "mean" ? scaled.sum().div(scales.sum()) : reduced(name, scaled, reduction);
}

/**
 * −input[target], the negative log likelihood of log-probabilities [N, C, …] or [C]; weighted by class, without the
 * targets equal to `ignoreIndex`.
 * @throws TensorError for shapes that do not fit and class numbers out of range
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.nll_loss.html
 * @example
 * F.nllLoss(zeros(2, 4).logSoftmax(1), tensor([0, 3])); // tensor(1.3863)
 */
export const nllLoss = composite(
  "nllLoss(input, target, weight?, ignoreIndex?, reduction?)",
  (
    input: Tensor,
    target: Tensor,
    weight?: Tensor | null,
    ignoreIndex: number = -100,
    reduction: Reduction = "mean",
  ): Tensor => nll("nllLoss", input, target, weight, ignoreIndex, reduction),
  "NllLossBackward0",
  "piecewise",
);

/** The part of the loss that label smoothing adds: the mean loss over all classes. */
function smoothLoss(
  logs: Tensor,
  target: Tensor,
  weight: Tensor | null | undefined,
  ignoreIndex: number,
  reduction: Reduction,
): Tensor {
  const dim = classDim(logs);
  const scaled = weight ? logs.mul(alongClasses(weight, logs, dim)) : logs;
  const kept = target.ne(ignoreIndex);
  const losses = where(kept, scaled.sum(dim).neg(), 0);
  if (reduction !== "mean") return reduced("crossEntropy", losses, reduction);
  const numbers = where(kept, target.to("int64"), 0);
  const shares = weight ? weight.indexSelect(0, numbers.flatten()).view(numbers.shape) : null;
  return losses.sum().div((shares ? where(kept, shares, 0) : kept.to(logs.dtype)).sum());
}

function alongClasses(weight: Tensor, like: Tensor, dim: number): Tensor {
  return weight.view(like.shape.map((_, d) => (d === dim ? -1 : 1)));
}

/** Against probabilities, one for each class. */
function soft(
  input: Tensor,
  target: Tensor,
  weight: Tensor | null | undefined,
  reduction: Reduction,
  labelSmoothing: number,
): Tensor {
  const dim = classDim(input);
  const classes = input.shape[dim]!;
  checkWeight("crossEntropy", weight, classes);
  const wanted = labelSmoothing > 0 ? target.mul(1 - labelSmoothing).add(labelSmoothing / classes) : target;
  const logs = logSoftmax(input, dim);
  const products = logs.mul(wanted);
  const losses = (weight ? products.mul(alongClasses(weight, input, dim)) : products).sum(dim).neg();
  return reduction === "mean" ? losses.sum().div(input.numel() / classes) : reduced("crossEntropy", losses, reduction);
}

/**
 * The cross entropy of scores (logits) [N, C, …] or [C]: {@link nllLoss} of their logSoftmax. The target holds class
 * numbers [N, …], or probabilities of the scores' shape.
 * @throws TensorError for shapes that do not fit and class numbers out of range
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html
 * @example
 * F.crossEntropy(zeros(2, 4), tensor([0, 3])); // tensor(1.3863)
 */
export const crossEntropy = composite(
  "crossEntropy(input, target, weight?, ignoreIndex?, reduction?, labelSmoothing?)",
  (
    input: Tensor,
    target: Tensor,
    weight?: Tensor | null,
    ignoreIndex: number = -100,
    reduction: Reduction = "mean",
    labelSmoothing: number = 0,
  ): Tensor => {
    if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
      fail("crossEntropy", `labelSmoothing must lie in [0, 1], got ${labelSmoothing}`);
    const sameShape = target.ndim === input.ndim && target.shape.every((size, dim) => size === input.shape[dim]);
    if (sameShape && target.isFloatingPoint()) return soft(input, target, weight, reduction, labelSmoothing);
    const logs = logSoftmax(input, classDim(input));
    const hard = nll("crossEntropy", logs, target, weight, ignoreIndex, reduction);
    if (labelSmoothing === 0) return hard;
    const spread = smoothLoss(logs, target, weight, ignoreIndex, reduction).mul(
      labelSmoothing / input.shape[classDim(input)]!,
    );
    return hard.mul(1 - labelSmoothing).add(spread);
  },
  "NllLossBackward0",
  "piecewise",
);

function checkSameShape(name: string, input: Tensor, target: Tensor): void {
  if (target.ndim !== input.ndim || target.shape.some((size, dim) => size !== input.shape[dim])) {
    fail(name, `input ${showShape(input.shape)} and target ${showShape(target.shape)} need the same shape`);
  }
}

/** Below this p (1 − p), PyTorch's gradient is that of a straight line. */
const smallest = 1e-12;

/** 1 − x. */
function rest(x: Tensor): Tensor {
  return x.neg().add(1);
}

/** log(x), at least −100. */
function limitedLog(x: Tensor): Tensor {
  const zero = x.le(0);
  return where(zero, -100, where(zero, 1, x).log().clamp({ min: -100 }));
}

/** The losses at probabilities of (almost) 0 and 1: limited, with the slope that PyTorch gives them. */
function certain(input: Tensor, target: Tensor): Tensor {
  const at = input.detach();
  const losses = target
    .mul(limitedLog(at))
    .add(rest(target).mul(limitedLog(rest(at))))
    .neg();
  return losses.add(input.sub(at).mul(at.sub(target.detach()).div(smallest)));
}

/**
 * −(t log p + (1 − t) log(1 − p)) of probabilities; logarithms are limited to −100, as in PyTorch.
 * @throws TensorError when shapes differ, and for inputs outside [0, 1] where the host can look at them
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.binary_cross_entropy.html
 */
export const binaryCrossEntropy = composite(
  "binaryCrossEntropy(input, target, weight?, reduction?)",
  (input: Tensor, target: Tensor, weight?: Tensor | null, reduction: Reduction = "mean"): Tensor => {
    checkSameShape("binaryCrossEntropy", input, target);
    const edge = certainPlaces(input);
    const inside = edge ? where(edge, 0.5, input) : input;
    const smooth = target
      .mul(inside.log())
      .add(rest(target).mul(rest(inside).log()))
      .neg();
    const losses = edge ? where(edge, certain(input, target), smooth) : smooth;
    return reduced("binaryCrossEntropy", weight ? losses.mul(weight) : losses, reduction);
  },
  "BinaryCrossEntropyBackward0",
);

/** Where probabilities are (almost) 0 or 1; `null` where the host can tell that none is. */
function certainPlaces(input: Tensor): Tensor | null {
  const at = input.detach();
  const edge = at.mul(rest(at)).lt(smallest);
  if (!input.backend.hostMemory) return edge;
  // Outside of [0, 1] the product is negative.
  if (!edge.any().item()) return null;
  const outside = at.lt(0).logicalOr(at.gt(1));
  if (outside.any().item()) {
    const got = at.maskedSelect(outside).narrow(0, 0, 1).item();
    fail("binaryCrossEntropy", `inputs must lie in [0, 1], got ${got}`, "Use binaryCrossEntropyWithLogits for scores");
  }
  return edge;
}

/**
 * {@link binaryCrossEntropy} of sigmoid(input), without overflow.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.binary_cross_entropy_with_logits.html
 * @example
 * F.binaryCrossEntropyWithLogits(zeros(2), floatTensor([0, 1])); // tensor(0.6931)
 */
export const binaryCrossEntropyWithLogits = composite(
  "binaryCrossEntropyWithLogits(input, target, weight?, reduction?, posWeight?)",
  (
    input: Tensor,
    target: Tensor,
    weight?: Tensor | null,
    reduction: Reduction = "mean",
    posWeight?: Tensor | null,
  ): Tensor => {
    checkSameShape("binaryCrossEntropyWithLogits", input, target);
    const logs = logsigmoid(input);
    const scaled = posWeight ? logs.mul(posWeight.sub(1).mul(target).add(1)) : logs;
    const losses = target.neg().add(1).mul(input).sub(scaled);
    return reduced("binaryCrossEntropyWithLogits", weight ? losses.mul(weight) : losses, reduction);
  },
  "BinaryCrossEntropyWithLogitsBackward0",
);
