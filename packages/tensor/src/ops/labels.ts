import type { Tensor } from "../tensor.ts";

/** Lets a result print as PyTorch's: there, what is made of several calls here is one. */
export function labelled(result: Tensor, label: string): Tensor {
  const { node } = result;
  if (node !== null) node.label = label;
  return result;
}
