/** Anomaly mode: nodes remember where they were recorded, and backward stops at the first NaN. */
import { type Tensor, TensorError } from "@dl/tensor";
import type { Node } from "./node.ts";

let detecting = false;

/**
 * Makes backward name the recorded call whose gradient turned into NaN, and where that call was made. Slow.
 * @see https://pytorch.org/docs/stable/autograd.html#anomaly-detection
 */
export function setDetectAnomaly(enabled: boolean): void {
  detecting = enabled;
}

export function isAnomalyEnabled(): boolean {
  return detecting;
}

/** The stack of the call being recorded, in anomaly mode. */
export function trace(): string | undefined {
  return detecting ? new Error("recorded here").stack : undefined;
}

/** @throws TensorError in anomaly mode, when `grad` holds a NaN */
export function refuseNaN(node: Node, input: number, grad: Tensor): void {
  if (!detecting || !grad.isnan().any().item()) return;
  const where = node.trace ? `. It was recorded at\n${node.trace}` : "";
  throw new TensorError(`backward: ${node.name} gave NaN as the gradient of its input ${input}${where}`);
}
