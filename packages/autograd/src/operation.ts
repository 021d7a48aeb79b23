/** The node of a call of an op from the op table. It saves only the values that its derivative formulas will read. */
import { type Attrs, isGradEnabled, type Op, type Operand, type Storage, type Tensor } from "@dl/tensor";
import { trace } from "./anomaly.ts";
import { type Formula, type Gradient, OUT, POSITIONS, type Rule, type Values, zero } from "./derivatives/rule.ts";
import { alias, edgeTo } from "./leaf.ts";
import { type Edge, Node, type Wanted } from "./node.ts";
import { failPassed, type Saved, save } from "./saved.ts";

/** The values that formulas may read, in the order of their bits in `reads`. */
const names = ["a", "b", "c", "out", "positions"] as const;

const nothing = {} as Values;

type Kept = Saved | number | null;

/**
 * Links a gradient to the graph with a second derivative of 0, as it is for piecewise linear functions (see
 * `Linearity`).
 */
class Flat extends Node {
  override readonly name: string;
  override readonly edges: readonly (Edge | null)[];

  constructor({ label, name, edges }: Node) {
    super();
    this.name = (label ?? name).replace("Backward", "BackwardBackward");
    this.edges = edges;
    for (const edge of edges) edge?.node.hold();
    this.number();
  }

  override backward(): Gradient[] {
    return this.edges.map(() => zero);
  }
}

export class Operation<K extends Op> extends Node {
  override readonly edges: (Edge | null)[];
  readonly op: K;
  readonly attrs: Attrs<K>;
  readonly #rule: Rule<K>;
  readonly #note: unknown;
  #kept: Kept[] | null = null;
  #passed = false;

  /**
   * @param written the storage that an in-place call has written; inputs there were read one version earlier
   * @param replaced a tensor that an in-place call has overwritten without reading it; its gradient is zero
   */
  constructor(
    op: K,
    rule: Rule<K>,
    inputs: readonly Operand[],
    attrs: Attrs<K>,
    outputs: readonly Tensor[],
    written?: Storage,
    replaced?: Tensor,
  ) {
    super();
    this.op = op;
    this.attrs = attrs;
    this.#rule = rule;
    this.#note = rule.note?.(inputs, attrs);
    this.edges = new Array(inputs.length);
    for (let i = 0; i < inputs.length; i++) {
      const input = inputs[i]!;
      this.edges[i] = typeof input === "number" ? null : edgeTo(input);
    }
    const reads = readsOf(rule, inputs, attrs);
    if (reads !== 0) this.#kept = this.#keep(reads, inputs, outputs, written);
    if (replaced) this.edges.push(edgeTo(replaced));
    this.number();
    this.trace = trace();
  }

  override get name(): string {
    const { name } = this.#rule;
    if (typeof name === "string") return name;
    const shape = this.edges.find((edge) => edge !== null)?.shape ?? [];
    return name?.(this.attrs, shape) ?? `${this.op[0]!.toUpperCase()}${this.op.slice(1)}Backward0`;
  }

  override backward([grad]: readonly (Tensor | null)[], wanted: Wanted): Gradient[] {
    const { edges, attrs } = this;
    const rule = this.#rule;
    const note = this.#note as never;
    const formulas = edges.map((edge, index) => (edge && wanted(edge) ? formulaOf(rule, index) : null));
    const values = this.#open(formulas);
    const isFlat = isGradEnabled() && (this.linearity ?? rule.linearity) === "piecewise";
    return formulas.map((formula, index) => {
      if (formula === null) return null;
      if (formula === undefined) return zero;
      const found = formula.vjp(grad!, values, { attrs, note, index, shape: edges[index]!.shape });
      return isFlat ? this.#flat(found) : found;
    });
  }

  #flat(found: Gradient): Gradient {
    if (found === null || found === zero || found.requiresGrad) return found;
    const linked = alias(found);
    linked.node = new Flat(this);
    return linked;
  }

  override release(): void {
    if (this.#kept === null) return;
    for (const value of this.#kept) if (value !== null && typeof value === "object") value.release();
    this.#kept = null;
    this.#passed = true;
  }

  #keep(reads: number, inputs: readonly Operand[], outputs: readonly Tensor[], written: Storage | undefined): Kept[] {
    return names.map((_, i) => {
      if ((reads & (1 << i)) === 0) return null;
      const bit = 1 << i;
      const value = bit < OUT ? inputs[i] : outputs[bit === POSITIONS ? 1 : 0]!;
      if (value === undefined) return null;
      if (typeof value === "number") return value;
      const { storage } = value;
      return save(value, bit < OUT && storage === written ? storage.version - 1 : storage.version, bit === OUT);
    });
  }

  /** Makes new handles of the saved values that some formulas read. */
  #open(formulas: readonly (Formula<K> | null | undefined)[]): Values {
    let reads = 0;
    for (let i = 0; i < formulas.length; i++) reads |= readsBy(formulas[i], this.attrs);
    if (reads === 0) return nothing;
    if (this.#passed) failPassed(this.name);
    const values: Partial<Record<(typeof names)[number], Tensor | number>> = {};
    for (let i = 0; i < names.length; i++) {
      const kept = reads & (1 << i) ? this.#kept![i]! : null;
      if (kept !== null) values[names[i]!] = typeof kept === "number" ? kept : kept.open(this.op, this);
    }
    return values as Values;
  }
}

/** The formula for an input; `undefined` for a tensor that was overwritten (`replaced`). */
function formulaOf<K extends Op>(rule: Rule<K>, index: number): Formula<K> | undefined {
  return rule.variadic ? rule.wrt[0] : rule.wrt[index];
}

function readsBy<K extends Op>(formula: Formula<K> | null | undefined, attrs: Attrs<K>): number {
  const reads = formula?.reads ?? 0;
  return typeof reads === "number" ? reads : reads(attrs);
}

/** The values, as bits, that the backward pass through a call will read. */
export function readsOf<K extends Op>(rule: Rule<K>, inputs: readonly Operand[], attrs: Attrs<K>): number {
  let reads = 0;
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i]!;
    if (typeof input !== "number" && input.requiresGrad) reads |= readsBy(formulaOf(rule, i), attrs);
  }
  return reads;
}
