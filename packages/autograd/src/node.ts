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

/** A gradient of zeros that nothing has been added to yet. */
export interface Blank {
  readonly edge: Pick<Edge, "shape" | "dtype">;
  readonly device: string;
}

/** What a pass has brought to a node that it has not visited yet. */
export interface Arrival {
  readonly pass: object;
  /** That of the pass inside which this one was started, by a hook for instance. */
  readonly outer: Arrival | null;
  /** By output. */
  readonly grads: (Tensor | Blank | null | undefined)[];
}

/** Which inputs a backward pass asks for. */
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
  /** By output. */
  hooks: GradHook[][] | null = null;
  /** Results that want their gradient in `.grad`, by output. */
  retaining: (Tensor | undefined)[] | null = null;
  /** Where the call was made, in anomaly mode. */
  trace: string | undefined;
  #users = 0;

  /** Gradients of the inputs, for the edges that are wanted; `null` in `grads` where an output's never came. */
  abstract backward(grads: readonly (Tensor | null)[], wanted: Wanted): Gradient[];

  /** Gives back the values saved for backward. */
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

  /** The edges whose nodes this one keeps. */
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

  /** Nothing can ask for these gradients any more: frees what was saved, here and behind. Iterative: graphs are deep. */
  #abandon(): void {
    const stack: Node[] = [this];
    for (let node = stack.pop(); node; node = stack.pop()) {
      node.release();
      for (const edge of node.held) if (edge && --edge.node.#users === 0) stack.push(edge.node);
    }
  }
}
