/** In-place writes through views: the base gets a new history, made of its old one and of what was written into a part. */
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
  /** The base's own, then those of the write but for its target. */
  override readonly edges: readonly (Edge | null)[];
  readonly #write: Operation<K>;
  readonly #targets: ReadonlySet<Edge>;
  readonly #base: Geometry;
  readonly #view: Geometry;

  /** @param targets edges of `write` to the view as it was before: their gradient is the base's affair */
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

  /** The view's share of the base's gradient is what the write lets through. */
  #overwrite(part: Tensor, results: readonly Gradient[]): void {
    const through = this.#write.edges.flatMap((edge, i) => {
      const result = results[i];
      return edge && this.#targets.has(edge) && result && result !== zero ? [fitTo(result, edge)] : [];
    });
    if (through.length === 0) part.zero_();
    for (const [i, grad] of through.entries()) i === 0 ? part.copy_(grad) : part.add_(grad);
  }
}
