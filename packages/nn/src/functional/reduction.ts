import { fail, type Tensor } from "@dl/tensor";

/** What becomes of the losses of the elements. */
export type Reduction = "mean" | "sum" | "none";

export function reduced(name: string, losses: Tensor, reduction: Reduction): Tensor {
  if (reduction === "mean") return losses.mean();
  if (reduction === "sum") return losses.sum();
  return reduction === "none" ? losses : fail(name, `unknown reduction "${reduction}"`, 'Use "mean", "sum" or "none"');
}
