/** Nodes of the recorded graph: each knows how to turn the gradient of its outputs into those of its inputs. */
import type { DType, GradHook, GradNode, Linearity, Shape, Tensor } from "@dl/tensor";
import type { Gradient } from "./derivatives/rule.ts";

/** Where the gradient of an input goes: output `slot` of `node`. It arrives in the input's shape and dtype. */
export interface Edge {
  readonly node: Node;
  readonly slot: number;
  readonly shape: Shape;
  readonly dtype: DType;
}

/** A gradient that is known to be zero, so that no tensor is made for it unless somebody looks at it. */
export interface Blank {
  readonly edge: Pick<Edge, "shape" | "dtype">;
  readonly device: string;
}

/** The gradients that a pass has brought to a node which it has not visited yet. */
export interface Arrival {
  readonly pass: object;
  /** The arrival of an outer pass, if this pass was started inside that one, by a hook for instance. */
  readonly outer: Arrival | null;
  /** The gradients by output. */
  readonly grads: (Tensor | Blank | null | undefined)[];
}

/** Whether a backward pass needs the gradient that an edge leads to. */
export type Wanted = (edge: Edge) => boolean;

let calls = 0;

export abstract class Node implements GradNode {
  abstract readonly name: string;
  /** One for each input; `null` for inputs that need no gradient. */
  abstract readonly edges: readonly (Edge | null)[];
  /**
   * The order of calls. Edges point to smaller numbers, so that backward may simply go from the largest down; leaves are
   * 0 and come last.
   */
  order = 0;
  arrival: Arrival | null = null;
  label?: string;
  linearity?: Linearity;
  /** Hooks by output. */
  hooks: GradHook[][] | null = null;
  /** Results for which `retainGrad` was called, by output. */
  retaining: (Tensor | undefined)[] | null = null;
  /** Where the call was made, in anomaly mode. */
  trace: string | undefined;
  #users = 0;

  /**
   * Computes the gradients of the inputs, for the wanted edges, from those of the outputs. An output without a gradient
   * has `null` in `grads`.
   */
  abstract backward(grads: readonly (Tensor | null)[], wanted: Wanted): Gradient[];

  /** Frees the values saved for backward. */
  release(): void {}

  get nextFunctions(): readonly (GradNode | null)[] {
    return this.edges.map((edge) => edge?.node ?? null);
  }

  toString(): string {
    return `<${this.label ?? this.name}>`;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  /** The edges whose nodes this node counts as a user of. */
  protected get held(): readonly (Edge | null)[] {
    return this.edges;
  }

  hold(): void {
    this.#users++;
  }

  drop(): void {
    if (--this.#users === 0) this.#abandon();
  }

  protected number(): void {
    this.order = ++calls;
  }

  /**
   * No tensor leads here any more, so nobody can ask for these gradients: frees the saved values, also of the nodes
   * that only this one led to. Iterative, because graphs are deep.
   */
  #abandon(): void {
    const stack: Node[] = [this];
    for (let node = stack.pop(); node; node = stack.pop()) {
      node.release();
      for (const edge of node.held) if (edge && --edge.node.#users === 0) stack.push(edge.node);
    }
  }
}
