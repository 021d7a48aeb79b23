/**
 * The node of an in-place write through a view. It becomes the new history of the base: outside the view the gradient
 * goes on to the old base; inside it goes through the write.
 */
import type { Op, Tensor } from "@dl/tensor";
import { fitTo } from "./broadcast.ts";
import { frame, laidOut, placed } from "./derivatives/movement.ts";
import { type Geometry, type Gradient, zero } from "./derivatives/rule.ts";
import { edgeTo } from "./leaf.ts";
import { type Edge, Node, type Wanted } from "./node.ts";
import type { Operation } from "./operation.ts";

export const geometryOf = ({ shape, strides, offset }: Tensor): Geometry => ({ shape, strides, offset });

export class CopySlices<K extends Op> extends Node {
  readonly name = "CopySlices";
  /** The edge to the old base, then those of the write. The write's edges to its own target are null: see `targets`. */
  override readonly edges: readonly (Edge | null)[];
  readonly #write: Operation<K>;
  readonly #targets: ReadonlySet<Edge>;
  readonly #base: Geometry;
  readonly #view: Geometry;

  /**
   * @param targets the edges of `write` to the view as it was before; their gradient becomes a part of the old base's
   */
  constructor(base: Tensor, view: Tensor, write: Operation<K>, targets: ReadonlySet<Edge>) {
    super();
    this.#base = geometryOf(base);
    this.#view = geometryOf(view);
    this.#write = write;
    this.#targets = targets;
    this.edges = [edgeTo(base), ...write.edges.map((edge) => (edge && targets.has(edge) ? null : edge))];
    this.number();
    this.trace = write.trace;
  }

  protected override get held(): readonly (Edge | null)[] {
    return [this.edges[0] ?? null, ...this.#write.edges];
  }

  override backward([grad]: readonly (Tensor | null)[], wanted: Wanted): Gradient[] {
    const [length, [base, view]] = frame(this.#base, this.#view) as [number, [Geometry, Geometry]];
    const ofBase = this.edges[0];
    const forBase = ofBase != null && wanted(ofBase);
    const flat = laidOut(grad!, length, base);
    const part = placed(flat, view);
    const wantedOfWrite: Wanted = (edge) => (this.#targets.has(edge) ? forBase : wanted(edge));
    const results = this.#write.backward([part.clone()], wantedOfWrite);
    if (forBase) this.#overwrite(part, results);
    return [forBase ? placed(flat, base) : null, ...results];
  }

  override release(): void {
    this.#write.release();
  }

  /** Replaces the view's part of the base's gradient by what the write passes on to its target, or by zeros. */
  #overwrite(part: Tensor, results: readonly Gradient[]): void {
    const through = this.#write.edges.flatMap((edge, i) => {
      const result = results[i];
      return edge && this.#targets.has(edge) && result && result !== zero ? [fitTo(result, edge)] : [];
    });
    if (through.length === 0) part.zero_();
    for (const [i, grad] of through.entries()) i === 0 ? part.copy_(grad) : part.add_(grad);
  }
}
