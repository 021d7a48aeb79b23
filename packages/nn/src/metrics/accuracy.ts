import { fail, noGrad, scope, showShape, type Tensor } from "@dl/tensor";

export interface AccuracyOptions {
  /** Counts a sample as right when its class is among the `topK` highest scores. */
  readonly topK?: number;
}

/** Predicted class numbers [N, …] from scores [N, C, …], or as they are. */
export function predictions(name: string, output: Tensor, target: Tensor): Tensor {
  const classes = output.ndim === target.ndim + 1 ? output.argmax(1) : output;
  if (classes.ndim !== target.ndim || classes.shape.some((size, dim) => size !== target.shape[dim])) {
    fail(
      name,
      `scores [N, C, …] or classes [N, …] do not match: got ${showShape(output.shape)} and ${showShape(target.shape)}`,
    );
  }
  return classes;
}

/** The share of samples whose highest score is at their class. */
export class Accuracy {
  readonly #topK: number;
  #right = 0;
  #total = 0;

  constructor({ topK = 1 }: AccuracyOptions = {}) {
    if (!(topK >= 1)) fail("Accuracy", `topK must be at least 1, got ${topK}`);
    this.#topK = topK;
  }

  /** `output`: scores [N, C, …], or class numbers of the target's shape. `target`: class numbers [N, …]. */
  update(output: Tensor, target: Tensor): void {
    this.#right += noGrad(() => scope(() => this.#count(output.detach(), target)));
    this.#total += target.numel();
  }

  #count(output: Tensor, target: Tensor): number {
    if (this.#topK === 1) return predictions("Accuracy", output, target).eq(target.to("int64")).sum().item();
    if (output.ndim !== target.ndim + 1)
      fail("Accuracy", `topK needs scores [N, C, …], got ${showShape(output.shape)}`);
    const best = output.topk(Math.min(this.#topK, output.shape[1]!), 1).indices;
    return best.eq(target.to("int64").unsqueeze(1)).sum().item();
  }

  /** NaN before the first update. */
  compute(): number {
    return this.#right / this.#total;
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
