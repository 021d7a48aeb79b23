/** The node of a call that brings its own derivative along (`recordWith`), instead of having a row in the table. */
import type { Derivative, Tensor } from "@dl/tensor";
import { trace } from "./anomaly.ts";
import type { Gradient } from "./derivatives/rule.ts";
import { edgeTo } from "./leaf.ts";
import { type Edge, Node, type Wanted } from "./node.ts";
import { failPassed, type Saved, save } from "./saved.ts";

type Tensors = readonly Tensor[];

export class Given extends Node {
  override readonly name: string;
  override readonly edges: readonly (Edge | null)[];
  /** Dropped with the saved values, since the closure may hold memory, too. */
  #vjp: Derivative["vjp"] | null;
  #kept: readonly Saved[] | null;

  constructor({ name, vjp }: Derivative, inputs: Tensors, outputs: Tensors, kept: Tensors) {
    super();
    this.name = `${name}Backward0`;
    this.#vjp = vjp;
    this.edges = inputs.map(edgeTo);
    // Before saving, since a saved output remembers its index.
    for (const [slot, output] of outputs.entries()) output.outputIndex = slot;
    this.#kept = kept.map((x) => save(x, x.storage.version, outputs.includes(x)));
    this.number();
    this.trace = trace();
  }

  override backward(grads: readonly (Tensor | null)[], wanted: Wanted): Gradient[] {
    const kept = (this.#kept ?? failPassed(this.name)).map((value) => value.open(this.name, this));
    const needs = this.edges.map((edge) => edge !== null && wanted(edge));
    return [...this.#vjp!(grads, kept, needs)];
  }

  override release(): void {
    for (const value of this.#kept ?? []) value.release();
    this.#kept = null;
    this.#vjp = null;
  }
}
