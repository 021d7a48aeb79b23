/** Starting a backward pass: what is asked for, and the gradients it begins with. */
import {
  type BackwardOptions,
  fail,
  isGradEnabled,
  ones,
  sameShape,
  setGradEnabled,
  showShape,
  type Tensor,
} from "@dl/tensor";
import { Pass, type PassOptions } from "./engine.ts";
import { alias, nodeOf, slotOf } from "./leaf.ts";
import type { Node } from "./node.ts";

/** `Recorder.backward`: gradients go into `.grad`. */
export function backward(
  roots: readonly Tensor[],
  gradients: readonly (Tensor | null)[],
  options: BackwardOptions,
): void {
  const { createGraph = false, retainGraph = createGraph, inputs } = options;
  const needed = inputs ? nodesTo(roots, new Set(inputs.map((input) => needNode("backward", input)))) : null;
  run(roots, gradients, { createGraph, retainGraph, accumulate: true, needed, captures: null });
}

export function needNode(op: string, tensor: Tensor): Node {
  return nodeOf(tensor) ?? fail(op, "an input does not require grad", "Set requiresGrad before computing with it");
}

export function run(roots: readonly Tensor[], gradients: readonly (Tensor | null)[], options: PassOptions): void {
  const seeds = roots.map((root, i) => seedOf(root, gradients[i] ?? null));
  const pass = new Pass(options);
  const before = isGradEnabled();
  setGradEnabled(options.createGraph);
  try {
    roots.forEach((root, i) => {
      pass.send({ node: nodeOf(root)!, slot: slotOf(root) }, seeds[i]!);
    });
    pass.run();
  } finally {
    setGradEnabled(before);
  }
}

/** A handle that the pass may own. */
function seedOf(root: Tensor, gradient: Tensor | null): Tensor {
  if (!root.requiresGrad) {
    fail(
      "backward",
      "this tensor does not require grad and has no history",
      "Set requiresGrad on what it is made from",
    );
  }
  if (gradient === null) {
    if (root.numel() === 1) return ones(root.shape, { dtype: root.dtype, device: root.device });
    fail("backward", `needs a gradient for a tensor of shape ${showShape(root.shape)}`, "Reduce it first, or pass one");
  }
  if (!sameShape(gradient.shape, root.shape) || gradient.dtype !== root.dtype) {
    const show = ({ dtype, shape }: Tensor): string => `${dtype} ${showShape(shape)}`;
    fail("backward", `the gradient is ${show(gradient)}, the tensor ${show(root)}`, "They must be alike");
  }
  return alias(gradient);
}

/** The nodes that lead from `roots` to `targets`, both included. */
export function nodesTo(roots: readonly Tensor[], targets: ReadonlySet<Node>): ReadonlySet<Node> {
  const seen = new Set<Node>();
  const stack = roots.map(nodeOf).filter((node) => node !== null);
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    for (const edge of node.edges) if (edge && !seen.has(edge.node)) stack.push(edge.node);
  }
  const needed = new Set<Node>();
  // Edges point to smaller numbers, so what lies behind a node is settled before it.
  for (const node of [...seen].sort((a, b) => a.order - b.order)) {
    if (targets.has(node) || node.edges.some((edge) => edge && needed.has(edge.node))) needed.add(node);
  }
  return needed;
}
