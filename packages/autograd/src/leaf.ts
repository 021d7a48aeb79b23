/** The end of the graph: a leaf's gradient is added to its `.grad`. */
import { apply, applyInPlace, isContiguous, Tensor } from "@dl/tensor";
import type { Gradient } from "./derivatives/rule.ts";
import { type Edge, Node } from "./node.ts";

export class AccumulateGrad extends Node {
  readonly name = "AccumulateGrad";
  override readonly edges: readonly Edge[] = [];
  readonly leaf: Tensor;

  constructor(leaf: Tensor) {
    super();
    this.leaf = leaf;
  }

  override backward(): Gradient[] {
    return [];
  }

  /** Adds `grad`, and owns it from then on. Adds in place unless the gradient may be differentiated (`createGraph`). */
  accumulate(grad: Tensor, createGraph: boolean): void {
    const { leaf } = this;
    const before = leaf.grad;
    if (!leaf.requiresGrad) grad.dispose();
    else if (before === null) leaf.grad = owned(grad, leaf);
    else {
      if (createGraph) leaf.grad = before.add(grad);
      else applyInPlace("add", [before, grad], before);
      grad.dispose();
    }
  }
}

/** `grad` itself if it is row-major and has its memory for itself, otherwise a copy; row-major if the leaf is. */
function owned(grad: Tensor, leaf: Tensor): Tensor {
  const { storage, shape, strides } = grad;
  if (!storage.isShared && storage.length === grad.numel() && isContiguous(shape, strides)) return grad;
  const copy = apply("copy", [grad], { keepsOrder: !leaf.isContiguous() });
  grad.dispose();
  return copy;
}

/** The node that receives the gradient of a tensor; `null` if it needs none. */
export function nodeOf(tensor: Tensor): Node | null {
  const node = tensor.node as Node | null;
  if (node !== null || !tensor.requiresGrad) return node;
  return (tensor.accumulator ??= new AccumulateGrad(tensor)) as Node;
}

export function slotOf(tensor: Tensor): number {
  return tensor.node === null ? 0 : tensor.outputIndex;
}

/** A new edge to the node of a tensor, whose number of users it raises. */
export function edgeTo(tensor: Tensor): Edge | null {
  const node = nodeOf(tensor);
  if (node === null) return null;
  node.hold();
  return { node, slot: slotOf(tensor), shape: tensor.shape, dtype: tensor.dtype };
}

/** Another handle to the same memory, with the same history. */
export function alias(tensor: Tensor): Tensor {
  const twin = new Tensor(tensor.storage, tensor.shape, tensor.strides, tensor.offset, tensor.dtype);
  const node = nodeOf(tensor);
  if (node !== null) {
    twin.node = node;
    twin.outputIndex = slotOf(tensor);
  }
  return twin;
}
