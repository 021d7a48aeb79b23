/** Starts a backward pass: determines which nodes are needed, and the gradients that it begins with. */
import {
  type BackwardOptions,
  enableGrad,
  fail,
  isTensor,
  noGrad,
  onesLike,
  sameShape,
  showShape,
  type Tensor,
} from "@dl/tensor";
import { Pass, type PassOptions } from "./engine.ts";
import { alias, nodeOf, slotOf } from "./leaf.ts";
import type { Node } from "./node.ts";

/**
 * Accumulates the gradients of `tensors` into the leaves they were computed from, as `tensor.backward()` does for one.
 * @param gradTensors one for each, of its shape; `null` for a tensor of a single element
 * @throws TensorError when a tensor has no history, or its gradient is missing or of another shape
 * @see https://pytorch.org/docs/stable/generated/torch.autograd.backward.html
 */
export function backward(
  tensors: readonly Tensor[],
  gradTensors: readonly (Tensor | null)[] = [],
  options: BackwardOptions = {},
): void {
  const { createGraph = false, inputs } = options;
  const retainGraph = options.retainGraph ?? createGraph;
  if (inputs?.length === 0) fail("backward", "inputs is an empty list", "Leave it out to reach every leaf");
  const targets = inputs?.map((input) => needNode("backward", input));
  for (const input of inputs ?? []) input.retainGrad();
  const needed = targets ? nodesTo(tensors, new Set(targets)) : null;
  run("backward", tensors, gradTensors, { createGraph, retainGraph, accumulate: true, needed, captures: null });
}

/** Callbacks for the end of the innermost pass that is running. */
let endings: (() => void)[] = [];

export function afterPass(end: () => void): void {
  endings.push(end);
}

export function needNode(op: string, tensor: Tensor): Node {
  return nodeOf(tensor) ?? fail(op, "an input does not require grad", "Set requiresGrad before computing with it");
}

export function run(
  op: string,
  roots: readonly Tensor[],
  gradients: readonly (Tensor | null)[],
  options: PassOptions,
): void {
  if (gradients.length > 0 && gradients.length !== roots.length) {
    fail(op, `got ${gradients.length} gradients for ${roots.length} tensors`, "Give one for each, null where it is 1");
  }
  const body = (): void => {
    const seeds = roots.map((root, i) => seedOf(op, root, gradients[i] ?? null));
    const pass = new Pass(options);
    for (const [i, root] of roots.entries()) pass.send(nodeOf(root)!, slotOf(root), seeds[i]!);
    const outer = endings;
    const own: (() => void)[] = (endings = []);
    try {
      pass.run();
    } finally {
      endings = outer;
    }
    for (const end of own) end();
  };
  if (options.createGraph) enableGrad(body);
  else noGrad(body);
}

/** The gradient that a pass begins with at `root`, as a handle that the pass may own. */
function seedOf(op: string, root: Tensor, gradient: Tensor | null): Tensor {
  if (!root.requiresGrad) {
    fail(op, "this tensor does not require grad and has no history", "Set requiresGrad on what it is made from");
  }
  if (gradient === null) {
    if (root.numel() === 1) return onesLike(root);
    fail(op, `needs a gradient for a tensor of shape ${showShape(root.shape)}`, "Reduce it first, or pass one");
  }
  if (!isTensor(gradient)) fail(op, `the gradient is no tensor but ${typeof gradient}`, "Pass tensor([…])");
  if (!sameShape(gradient.shape, root.shape) || gradient.dtype !== root.dtype) {
    const show = ({ dtype, shape }: Tensor): string => `${dtype} ${showShape(shape)}`;
    fail(op, `the gradient is ${show(gradient)}, the tensor ${show(root)}`, "They must be alike");
  }
  return alias(gradient);
}

/** All nodes on paths from `roots` to `targets`, including both ends. */
export function nodesTo(roots: readonly Tensor[], targets: ReadonlySet<Node>): ReadonlySet<Node> {
  const seen = new Set<Node>();
  const stack = roots.map(nodeOf).filter((node) => node !== null);
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    for (const edge of node.edges) if (edge && !seen.has(edge.node)) stack.push(edge.node);
  }
  const needed = new Set<Node>();
  // Edges point to nodes with smaller numbers, so in this order those are decided before the nodes that lead to them.
  for (const node of [...seen].sort((a, b) => a.order - b.order)) {
    if (targets.has(node) || node.edges.some((edge) => edge && needed.has(edge.node))) needed.add(node);
  }
  return needed;
}
