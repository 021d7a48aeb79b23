/** In-place writes through views: the base gets a new history, made of its old one and of what was written into a part. */
import type { Op, Tensor } from "@dl/tensor";
import { sumTo } from "./broadcast.ts";
import { frame, laidOut, placed } from "./derivatives/movement.ts";
import { type Geometry, type Gradient, zero } from "./derivatives/rule.ts";
import { edgeTo } from "./leaf.ts";
import { type Edge, Node, type Wanted } from "./node.ts";
import type { Operation } from "./operation.ts";

const geometryOf = ({ shape, strides, offset }: Tensor): Geometry => ({ shape, strides, offset });

export class CopySlices extends Node {
  readonly name = "CopySlices";
  /** The base's own, then those of the write but for its target. */
  override readonly edges: readonly (Edge | null)[];
  readonly #write: Operation<Op>;
  readonly #targets: ReadonlySet<number>;
  readonly #base: Geometry;
  readonly #view: Geometry;

  /** @param targets which inputs of `write` are the view as it was before: their gradient is the base's affair */
  constructor(base: Tensor, view: Tensor, write: Operation<Op>, targets: ReadonlySet<number>) {
    super();
    this.#base = geometryOf(base);
    this.#view = geometryOf(view);
    this.#write = write;
    this.#targets = targets;
    this.edges = [edgeTo(base), ...write.edges.map((edge, i) => (targets.has(i) ? null : edge))];
    for (const i of targets) write.edges[i]?.node.drop();
    this.number();
    this.trace = write.trace;
  }

  override backward([grad]: readonly (Tensor | null)[], wanted: Wanted): Gradient[] {
    const [length, [base, view]] = frame(this.#base, this.#view) as [number, [Geometry, Geometry]];
    const flat = laidOut(grad!, length, base);
    const part = placed(flat, view);
    const forBase = this.edges[0] !== null && wanted(this.edges[0]!);
    const wantedOfWrite: Wanted = (edge) => (this.#isTarget(edge) ? forBase : wanted(edge));
    const results = this.#write.backward([part.clone()], wantedOfWrite);
    if (forBase) this.#overwrite(part, results);
    const others = results.map((result, i) => (this.#targets.has(i) ? null : result));
    return [forBase ? placed(flat, base) : null, ...others];
  }

  override release(): void {
    this.#write.release();
  }

  #isTarget(edge: Edge): boolean {
    return this.#targets.has(this.#write.edges.indexOf(edge));
  }

  /** The view's share of the base's gradient is what the write lets through. */
  #overwrite(part: Tensor, results: readonly Gradient[]): void {
    part.zero_();
    for (const i of this.#targets) {
      const result = results[i];
      if (result && result !== zero)
        part.add_(result.ndim > part.ndim || result.numel() > part.numel() ? sumTo(result, part.shape) : result);
    }
  }
}

/** The history of a view whose base has a new one. */
export function viewAttrs(view: Tensor): Geometry {
  return geometryOf(view);
}
