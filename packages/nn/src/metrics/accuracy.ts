import { type Arguments, fail, isFloat, noGrad, readArguments, scope, showShape, type Tensor } from "@dl/tensor";

export type AccuracyArguments = [topK?: number, ignoreIndex?: number | null];

/** Class numbers [N, …] as int64. @throws TensorError for what is no class number, such as a probability or one of one-hot */
export function classNumbers(name: string, classes: Tensor): Tensor<"int64"> {
  if (isFloat(classes.dtype)) {
    const remedy = "Take scores.argmax(1), also of one-hot classes; of one score a sample, squeeze(1).gt(0)";
    fail(name, `needs class numbers [N, …], got ${classes.dtype} of ${showShape(classes.shape)}`, remedy);
  }
  return classes.to("int64");
}

/** The `k` best classes of scores [N, C, …], [N, k, …]. */
function bestClasses(name: string, scores: Tensor, k: number): Tensor {
  const classes = scores.shape[1]!;
  if (classes === 1) fail(name, "scores of a single class say nothing", "Take scores.squeeze(1).gt(0)");
  return k === 1 ? scores.argmax(1, { keepdim: true }) : scores.topk(Math.min(k, classes), 1).indices;
}

/** Predicted class numbers [N, k, …], from scores [N, C, …] or from class numbers of the target's shape. */
export function predictions(name: string, output: Tensor, target: Tensor, k: number = 1): Tensor {
  const isScores = output.ndim === target.ndim + 1;
  const samples = isScores ? output.shape.filter((_, dim) => dim !== 1) : output.shape;
  if (String(samples) !== String(target.shape) || (k > 1 && !isScores)) {
    const wanted = k > 1 ? "topK needs scores [N, C, …]" : "needs scores [N, C, …] or classes [N, …]";
    fail(name, `${wanted} and targets [N, …], got ${showShape(output.shape)} and ${showShape(target.shape)}`);
  }
  return isScores ? bestClasses(name, output, k) : classNumbers(name, output).unsqueeze(1);
}

/**
 * The share of samples whose class is the one with the highest score, or among the `topK` highest.
 * @throws TensorError for a `topK` that is no whole number above 0
 * @example
 * const accuracy = new metrics.Accuracy();
 * accuracy.update(tensor([[0.1, 0.9], [0.8, 0.2]]), tensor([1, 1])); // scores of two samples and their classes
 * accuracy.compute(); // 0.5
 */
export class Accuracy {
  static readonly names = ["topK", "ignoreIndex"] as const;
  readonly topK: number;
  /** Samples of this class are not counted. */
  readonly ignoreIndex: number | null;
  #right = 0;
  #total = 0;

  constructor(...args: Arguments<typeof Accuracy.names, AccuracyArguments>) {
    [this.topK = 1, this.ignoreIndex = null] = readArguments<AccuracyArguments>(Accuracy, args);
    const { topK } = this;
    if (!(Number.isInteger(topK) && topK >= 1)) fail("Accuracy", `topK is a whole number above 0, got ${topK}`);
  }

  /**
   * `output`: scores [N, C, …], or class numbers of the target's shape. `target`: class numbers [N, …].
   * @throws TensorError for other shapes, and for classes that are no whole numbers; nothing is counted then
   */
  update(output: Tensor, target: Tensor): void {
    noGrad(() =>
      scope(() => {
        const truth = classNumbers("Accuracy", target);
        const best = predictions("Accuracy", output.detach(), target, this.topK);
        const right = best.eq(truth.unsqueeze(1)).any(1);
        const counted = this.ignoreIndex === null ? undefined : truth.ne(this.ignoreIndex);
        const found = (counted ? right.logicalAnd(counted) : right).sum().item();
        this.#total += counted ? counted.sum().item() : truth.numel();
        this.#right += found;
      }),
    );
  }

  /** NaN before the first update. */
  compute(): number {
    return this.#right / this.#total;
  }

  /** For {@link deepcopy}. @internal */
  emptyCopy(): Accuracy {
    const copy = new Accuracy(this.topK, this.ignoreIndex);
    copy.#right = this.#right;
    copy.#total = this.#total;
    return copy;
  }

  get correct(): number {
    return this.#right;
  }

  get total(): number {
    return this.#total;
  }

  reset(): void {
    this.#right = 0;
    this.#total = 0;
  }
}
