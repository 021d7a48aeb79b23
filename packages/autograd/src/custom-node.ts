/** The node of a `customFunction`, and the context that its forward and backward share. */
import {
  type DType,
  fail,
  isGradEnabled,
  isTensor,
  noGrad,
  type Shape,
  showShape,
  type Tensor,
  zeros,
} from "@dl/tensor";
import { trace } from "./anomaly.ts";
import type { Gradient } from "./derivatives/rule.ts";
import { alias, edgeTo } from "./leaf.ts";
import { type Edge, Node, type Wanted } from "./node.ts";
import { failPassed, type Saved, save } from "./saved.ts";

type Grads = readonly (Tensor | null)[];

export interface Derivative {
  readonly name?: string;
  readonly backward: (context: Context, ...grads: Tensor[]) => Tensor | null | Grads;
  readonly onceDifferentiable?: boolean;
}

export class Context {
  needsInputGrad: readonly boolean[];
  savedTensors: readonly Tensor[] = [];
  materialize = true;
  readonly toSave: (Tensor | null)[] = [];
  readonly constants = new Set<Tensor>();

  constructor(needsInputGrad: readonly boolean[]) {
    this.needsInputGrad = needsInputGrad;
  }

  saveForBackward(...tensors: (Tensor | null)[]): void {
    this.toSave.splice(0, this.toSave.length, ...tensors);
  }

  markNonDifferentiable(...outputs: Tensor[]): void {
    for (const output of outputs) this.constants.add(output);
  }

  setMaterializeGrads(value: boolean): void {
    this.materialize = value;
  }
}

export class CustomNode extends Node {
  override readonly edges: readonly (Edge | null)[];
  readonly name: string;
  readonly #derivative: Derivative;
  readonly #context: Context;
  readonly #outputs: readonly { readonly shape: Shape; readonly dtype: DType; readonly device: string }[];
  #saved: readonly (Saved | null)[] | null;

  constructor(derivative: Derivative, context: Context, args: readonly unknown[], outputs: readonly Tensor[]) {
    super();
    this.name = `${derivative.name ?? "CustomFunction"}Backward`;
    this.#derivative = derivative;
    this.#context = context;
    this.#outputs = outputs.map(({ shape, dtype, device }) => ({ shape, dtype, device }));
    this.edges = args.map((arg) => (isTensor(arg) ? edgeTo(arg) : null));
    // Before saving, since a saved output remembers its index.
    for (const [slot, output] of outputs.entries()) output.outputIndex = slot;
    this.#saved = context.toSave.map((x) => x && save(x, x.storage.version, outputs.includes(x)));
    context.toSave.length = 0;
    this.number();
    this.trace = trace();
  }

  override backward(grads: Grads, wanted: Wanted): Gradient[] {
    const context = this.#context;
    context.needsInputGrad = this.edges.map((edge) => edge !== null && wanted(edge));
    const saved = this.#saved ?? failPassed(this.name);
    context.savedTensors = saved.map((value) => value?.open(this.name, this) ?? null) as Tensor[];
    const full = this.#outputs.map((meta, i) => grads[i] ?? (context.materialize ? zeros(meta.shape, meta) : null));
    const results = this.#differentiate(full);
    context.savedTensors = [];
    this.#check(results);
    // New handles, since the pass disposes its gradients, and these may be tensors that the user holds.
    return results.map((result) => result && alias(result));
  }

  override release(): void {
    for (const value of this.#saved ?? []) value?.release();
    if (this.#saved && this.#saved.length > 0) this.#saved = null;
  }

  #differentiate(grads: Grads): Grads {
    const { backward, onceDifferentiable } = this.#derivative;
    const call = (): Grads => {
      const given = backward(this.#context, ...(grads as Tensor[]));
      return (Array.isArray(given) ? given : [given]) as Grads;
    };
    if (!onceDifferentiable || !isGradEnabled()) return call();
    const results = noGrad(call as () => never) as Grads;
    const end = new End(this.name, [...this.edges.map(held), ...grads.map((grad) => grad && edgeTo(grad))]);
    return results.map((result) => {
      if (result === null) return null;
      const twin = alias(result);
      twin.node = end;
      return twin;
    });
  }

  #check(results: Grads): void {
    const { edges, name } = this;
    if (results.length !== edges.length) {
      const counts = `backward gave ${results.length} gradients for ${edges.length} arguments`;
      fail(name, counts, "Give null for those without");
    }
    for (const [i, result] of results.entries()) {
      const edge = edges[i];
      if (!edge || !result || reaches(edge.shape, result.shape)) continue;
      const shapes = `${showShape(result.shape)} for an argument of shape ${showShape(edge.shape)}`;
      fail(name, `backward gave a gradient of shape ${shapes}`, "They must be alike");
    }
  }
}

/** The history of gradients that must not be differentiated again: going through it is an error. */
class End extends Node {
  readonly name: string;
  override readonly edges: readonly (Edge | null)[];

  constructor(name: string, edges: readonly (Edge | null)[]) {
    super();
    this.name = name;
    this.edges = edges;
    this.number();
  }

  override backward(): Gradient[] {
    return fail(this.name, "its backward is marked as differentiable once", "Write it with tensor functions");
  }
}

/** The same edge for another node, which counts as one more user of the node it leads to. */
function held(edge: Edge | null): Edge | null {
  edge?.node.hold();
  return edge;
}

/** Whether a tensor of `shape` broadcasts to `target`: the gradient is then summed back. */
function reaches(shape: Shape, target: Shape): boolean {
  const lead = target.length - shape.length;
  return lead >= 0 && shape.every((size, dim) => size === 1 || size === target[lead + dim]);
}
