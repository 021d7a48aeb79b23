import type { Tensor } from "../tensor.ts";

/** Lets results print as PyTorch's: there, what is made of several calls here is one. They must be fresh. */
export function labelled<R>(result: R, label: string): R {
  for (const item of Array.isArray(result) ? result : [result]) {
    const { node } = item as Tensor;
    if (node) node.label = label;
  }
  return result;
}
