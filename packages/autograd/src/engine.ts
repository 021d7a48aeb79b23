/**
 * The backward pass: from the latest call to the earliest, each node once all its gradients have arrived. Gradients on
 * the way belong to the pass, which frees each as soon as it has been used.
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
import { explained, refuseNaN } from "./anomaly.ts";
import { fitTo } from "./broadcast.ts";
import type { Gradient } from "./derivatives/rule.ts";
import { Heap } from "./heap.ts";
import { AccumulateGrad, alias, replaceGrad } from "./leaf.ts";
import type { Edge, Node, Wanted } from "./node.ts";

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
  /** The nodes on the way to what is asked for; `null`: everything. */
  readonly needed: ReadonlySet<Node> | null;
  readonly captures: ReadonlyMap<Node, readonly Capture[]> | null;
}

/** A gradient of zeros that nothing has been added to yet. */
interface Blank {
  readonly edge: Pick<Edge, "shape" | "dtype">;
  readonly device: string;
}

type Slot = Tensor | Blank | undefined;

export class Pass {
  readonly #options: PassOptions;
  readonly #queue = new Heap<Node>();
  readonly #arrived = new Map<Node, Slot[]>();
  readonly #wanted: Wanted;

  constructor(options: PassOptions) {
    this.#options = options;
    const { needed } = options;
    this.#wanted = needed === null ? () => true : ({ node }) => needed.has(node);
  }

  /** Hands in a gradient, which the pass then owns. */
  send({ node, slot }: Pick<Edge, "node" | "slot">, grad: Tensor | Blank): void {
    if (node instanceof AccumulateGrad && isTensor(grad) && this.#isPlain(node)) {
      node.accumulate(grad, this.#options.createGraph);
      return;
    }
    let slots = this.#arrived.get(node);
    if (slots === undefined) {
      slots = [];
      this.#arrived.set(node, slots);
      this.#queue.push(node);
    }
    slots[slot] = this.#sum(slots[slot], grad);
  }

  run(): void {
    try {
      for (let node = this.#queue.pop(); node; node = this.#queue.pop()) this.#visit(node);
    } finally {
      for (const slots of this.#arrived.values()) dispose(slots);
    }
  }

  /** A leaf that only adds up: it need not wait for the rest. */
  #isPlain(node: AccumulateGrad): boolean {
    const { accumulate, needed, captures } = this.#options;
    return accumulate && !node.leaf.hooks?.length && !captures?.has(node) && (needed === null || needed.has(node));
  }

  #sum(before: Slot, grad: Tensor | Blank): Tensor | Blank {
    if (!isTensor(before)) return grad;
    if (!isTensor(grad)) return before;
    const free = !this.#options.createGraph && !before.storage.isShared && isContiguous(before.shape, before.strides);
    const sum = free ? applyInPlace("add", [before, grad], before) : add(before, grad);
    if (!free) before.dispose();
    grad.dispose();
    return sum;
  }

  #visit(node: Node): void {
    const slots = this.#arrived.get(node)!;
    for (let slot = 0; slot < slots.length; slot++) slots[slot] = this.#complete(node, slot, slots[slot]);
    const grads = Array.from(slots, (grad) => (grad as Tensor | undefined) ?? null);
    this.#arrived.delete(node);
    if (node instanceof AccumulateGrad) {
      const { accumulate, needed, createGraph } = this.#options;
      if (accumulate && (needed?.has(node) ?? true)) node.accumulate(grads[0]!, createGraph);
      else dispose(grads);
      return;
    }
    if (node.edges.some((edge) => edge && this.#wanted(edge))) this.#pass(node, grads);
    else dispose(grads);
  }

  #pass(node: Node, grads: readonly (Tensor | null)[]): void {
    const { device } = grads.find((grad) => grad !== null)!;
    const results = tidy(() => this.#differentiate(node, grads));
    dispose(grads);
    if (!this.#options.retainGraph) node.release();
    for (let i = 0; i < results.length; i++) {
      const [edge, result] = [node.edges[i], results[i]];
      if (!edge || result === null || result === undefined) continue;
      this.send(edge, isTensor(result) ? result : { edge, device });
    }
  }

  #differentiate(node: Node, grads: readonly (Tensor | null)[]): Gradient[] {
    const results = explained(node, () => node.backward(grads, this.#wanted));
    return results.map((result, i) => {
      const edge = node.edges[i];
      if (!edge) return null;
      if (!isTensor(result)) return result;
      const fitted = fitTo(result, edge);
      refuseNaN(node, i, fitted);
      // Two edges, or an edge and this pass, must not own one handle.
      const taken = fitted === result && (grads.includes(result) || results.indexOf(result) !== i);
      return taken ? alias(fitted) : fitted;
    });
  }

  /** A gradient to which nothing will be added: hooks see it, and whoever asked for it gets it. */
  #complete(node: Node, slot: number, arrived: Slot): Tensor | undefined {
    if (arrived === undefined) return undefined;
    let grad = isTensor(arrived)
      ? arrived
      : zeros(arrived.edge.shape, { dtype: arrived.edge.dtype, device: arrived.device });
    const hooks = node instanceof AccumulateGrad ? node.leaf.hooks : node.hooks?.[slot];
    for (const hook of [...(hooks ?? [])]) grad = changed(hook, grad);
    const retaining = node.retaining?.[slot];
    if (retaining) retain(retaining, grad);
    for (const capture of this.#options.captures?.get(node) ?? []) if (capture.slot === slot) capture.take(alias(grad));
    return grad;
  }
}

/** The hook gets a handle of its own, since it may keep it. */
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
  replaceGrad(tensor, tensor.grad === null ? grad.clone() : tensor.grad.add(grad));
}

function dispose(grads: readonly (Slot | null)[]): void {
  for (const grad of grads) if (isTensor(grad)) grad.dispose();
}
