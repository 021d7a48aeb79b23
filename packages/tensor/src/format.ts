import type { Tensor } from "./tensor.ts";

/** `tensor([…])`. */
export function formatTensor(input: Tensor): string {
  return `tensor(${JSON.stringify(input.toArray())})`;
}
