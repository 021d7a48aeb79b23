/**
 * The backward pass. It visits nodes from the latest call to the earliest, each once all gradients of its outputs have
 * arrived. The pass owns all gradients on the way and frees each as soon as it has been used.
 */
import {
  add,
  applyInPlace,
  fail,
  type GradHook,
  isContiguous,
  isTensor,
  sameShape,
  showShape,
  type Tensor,
  tidy,
  zeros,
} from "@dl/tensor";
import { differentiate, refuseNaN } from "./anomaly.ts";
import { fitTo } from "./broadcast.ts";
import type { Gradient } from "./derivatives/rule.ts";
import { Heap } from "./heap.ts";
import { AccumulateGrad, alias } from "./leaf.ts";
import type { Arrival, Blank, Node, Wanted } from "./node.ts";

/** A gradient asked for by the caller, instead of in `.grad`. */
export interface Capture {
  readonly slot: number;
  readonly take: (grad: Tensor) => void;
}

export interface PassOptions {
  readonly retainGraph: boolean;
  readonly createGraph: boolean;
  /** Whether leaves get their gradients in `.grad`. */
  readonly accumulate: boolean;
  /** The nodes on the way to the gradients that were asked for; `null` for all nodes. */
  readonly needed: ReadonlySet<Node> | null;
  readonly captures: ReadonlyMap<Node, readonly Capture[]> | null;
}

export class Pass {
  readonly #options: PassOptions;
  /** The nodes that have gradients of this pass in their `arrival`. */
  readonly #queue = new Heap<Node>();
  readonly #wanted: Wanted;

  constructor(options: PassOptions) {
    this.#options = options;
    const { needed } = options;
    this.#wanted = needed === null ? () => true : ({ node }) => needed.has(node);
  }

  /** Adds a gradient for output `slot` of `node`. The pass then owns it. */
  send(node: Node, slot: number, grad: Tensor | Blank): void {
    if (node instanceof AccumulateGrad && isTensor(grad) && this.#isPlain(node)) {
      node.accumulate(grad, this.#options.createGraph);
      return;
    }
    let { arrival } = node;
    if (arrival === null || arrival.pass !== this) {
      arrival = { pass: this, outer: arrival, grads: [null] };
      node.arrival = arrival;
      this.#queue.push(node);
    }
    arrival.grads[slot] = this.#sum(arrival.grads[slot], grad);
  }

  run(): void {
    const queue = this.#queue;
    try {
      for (let node = queue.top; node; node = queue.top) this.#visit(node);
    } finally {
      while (queue.top) dispose(this.#leave());
    }
  }

  /** Removes the first node from the queue, and returns the gradients that have arrived there. */
  #leave(): Arrival["grads"] {
    const node = this.#queue.pop()!;
    const { grads, outer } = node.arrival!;
    node.arrival = outer;
    return grads;
  }

  /** Whether a leaf does nothing but add up gradients, so that it need not wait until all have arrived. */
  #isPlain(node: AccumulateGrad): boolean {
    const { accumulate, needed, captures } = this.#options;
    return accumulate && !node.leaf.hooks?.length && !captures?.has(node) && (needed === null || needed.has(node));
  }

  #sum(before: Tensor | Blank | null | undefined, grad: Tensor | Blank): Tensor | Blank {
    if (!isTensor(before)) return grad;
    if (!isTensor(grad)) return before;
    const free = !this.#options.createGraph && !before.storage.isShared && isContiguous(before.shape, before.strides);
    const sum = free ? applyInPlace("add", [before, grad], before) : add(before, grad);
    if (!free) before.dispose();
    grad.dispose();
    return sum;
  }

  #visit(node: Node): void {
    const { grads: arrived } = node.arrival!;
    for (let slot = 0; slot < arrived.length; slot++) arrived[slot] = this.#complete(node, slot, arrived[slot]);
    const grads = this.#leave() as (Tensor | null)[];
    const { accumulate, needed, createGraph } = this.#options;
    if (node instanceof AccumulateGrad) {
      if (accumulate && (needed === null || needed.has(node))) node.accumulate(grads[0]!, createGraph);
      else dispose(grads);
    } else if (node.edges.some((edge) => edge !== null && this.#wanted(edge))) this.#pass(node, grads);
    else dispose(grads);
  }

  #pass(node: Node, grads: (Tensor | null)[]): void {
    const { edges } = node;
    const { device } = grads.find((grad) => grad !== null)!;
    const results = tidy(() => this.#differentiate(node, grads));
    dispose(grads);
    if (!this.#options.retainGraph) node.release();
    for (let i = 0; i < results.length; i++) {
      const edge = edges[i];
      const result = results[i];
      if (!edge || result === null || result === undefined) continue;
      this.send(edge.node, edge.slot, isTensor(result) ? result : { edge, device });
    }
  }

  /**
   * Computes the gradients of a node's inputs. The pass owns them. A gradient that is passed on unchanged is removed
   * from `grads`, so that it has one owner only.
   */
  #differentiate(node: Node, grads: (Tensor | null)[]): Gradient[] {
    const results = differentiate(node, grads, this.#wanted);
    for (let i = 0; i < results.length; i++) {
      const edge = node.edges[i];
      const result = results[i];
      if (!edge) results[i] = null;
      if (!edge || !isTensor(result)) continue;
      const fitted = fitTo(result, edge);
      refuseNaN(node, i, fitted);
      results[i] = fitted === result ? take(result, i, results, grads) : fitted;
    }
    return results;
  }

  /** Hands a gradient that is complete to the hooks, to `.grad` of tensors that retain it, and to captures. */
  #complete(node: Node, slot: number, arrived: Tensor | Blank | null | undefined): Tensor | null {
    if (!arrived) return null;
    let grad = isTensor(arrived)
      ? arrived
      : zeros(arrived.edge.shape, { dtype: arrived.edge.dtype, device: arrived.device });
    const hooks = node instanceof AccumulateGrad ? node.leaf.hooks : node.hooks?.[slot];
    const captures = this.#options.captures?.get(node);
    if (hooks || captures) grad = dense(grad);
    if (hooks) for (const hook of [...hooks]) grad = changed(hook, grad);
    const retaining = node.retaining?.[slot];
    if (retaining) retain(retaining, grad);
    if (captures) for (const capture of captures) if (capture.slot === slot) capture.take(alias(grad));
    return grad;
  }
}

/**
 * A result as a handle of its own: neither two edges, nor an edge and the list of incoming gradients, may own the same
 * tensor, since each owner disposes it.
 */
function take(result: Tensor, index: number, results: readonly Gradient[], grads: (Tensor | null)[]): Tensor {
  if (results.indexOf(result, index + 1) >= 0) return alias(result);
  const at = grads.indexOf(result);
  if (at >= 0) grads[at] = null;
  return result;
}

/**
 * For readers that may write into the gradient: copies it if it is expanded, so that every element has its own place.
 */
function dense(grad: Tensor): Tensor {
  const isRepeated = grad.shape.some((size, dim) => size > 1 && grad.strides[dim] === 0);
  if (!isRepeated || grad.numel() === 0) return grad;
  const copy = grad.contiguous();
  grad.dispose();
  return copy;
}

/** The gradient after a hook. The hook gets a handle of its own, which it may keep. */
function changed(hook: GradHook, grad: Tensor): Tensor {
  const replacement = hook(alias(grad));
  if (!isTensor(replacement)) return grad;
  if (!sameShape(replacement.shape, grad.shape) || replacement.dtype !== grad.dtype) {
    fail(
      "registerHook",
      `a hook replaced a gradient of ${grad.dtype} ${showShape(grad.shape)} by one of ${replacement.dtype} ${showShape(replacement.shape)}`,
    );
  }
  grad.dispose();
  return alias(replacement);
}

function retain(tensor: Tensor, grad: Tensor): void {
  tensor.grad = tensor.grad === null ? grad.clone() : tensor.grad.add(grad);
}

function dispose(grads: Arrival["grads"]): void {
  for (let i = 0; i < grads.length; i++) {
    const grad = grads[i];
    if (isTensor(grad)) grad.dispose();
  }
}
