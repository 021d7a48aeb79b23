import { fail, type Tensor } from "@dl/tensor";

/**
 * A running mean, such as of the loss; `weight` is the batch size where batches differ.
 * @example
 * const running = new metrics.MeanMetric();
 * running.update(tensor(0.5), 64);
 * running.update(tensor(0.2), 32);
 * running.compute(); // 0.4
 */
export class MeanMetric {
  #sum = 0;
  #weight = 0;

  /** Reads a single element, which waits for the device. */
  update(value: Tensor | number, weight: number = 1): void {
    if (!(weight >= 0)) fail("MeanMetric", `the weight must be ≥ 0, got ${weight}`);
    this.#sum += (typeof value === "number" ? value : value.item()) * weight;
    this.#weight += weight;
  }

  /** NaN before the first update. */
  compute(): number {
    return this.#sum / this.#weight;
  }

  /** For {@link deepcopy}. @internal */
  emptyCopy(): MeanMetric {
    const copy = new MeanMetric();
    copy.#sum = this.#sum;
    copy.#weight = this.#weight;
    return copy;
  }

  reset(): void {
    this.#sum = 0;
    this.#weight = 0;
  }
}
