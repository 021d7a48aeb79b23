import type { Linearity } from "../recorder.ts";
import type { Tensor } from "../tensor.ts";

/** Lets results be recorded as PyTorch's: there, what is made of several calls here is one. They must be fresh. */
export function labelled<R>(result: R, label: string, linearity?: Linearity): R {
  for (const item of Array.isArray(result) ? result : [result]) {
    const { node } = item as Tensor;
    if (!node) continue;
    node.label = label;
    if (linearity) node.linearity = linearity;
  }
  return result;
}
