/**
 * Deferred padding with zeros. The gradient of slicing is a part surrounded by zeros, and the gradients of several
 * slices of one tensor are added up. Such sums only touch the parts: parts that do not overlap are collected and each
 * is written once, where it belongs. Since the zeros are never really added, a -0 beside them stays -0.
 */
import { type Backend, type KernelCall, type Shape, sizeOf, type View } from "@dl/tensor";
import { CpuStorage, type Pending } from "../storage.ts";
import { fill } from "./copy.ts";
import { isWhole, mayKeep, snapshot, writeTo } from "./deferred.ts";
import { part } from "./movement.ts";

interface Part {
  readonly view: View;
  readonly start: Shape;
}

/** A pending tensor made of parts that do not overlap, with zeros everywhere else. */
class Parts implements Pending {
  readonly sources: CpuStorage[];
  readonly parts: readonly Part[];
  readonly shape: Shape;

  constructor(parts: readonly Part[], shape: Shape) {
    this.sources = parts.map(({ view }) => view.storage as CpuStorage);
    this.parts = parts;
    this.shape = shape;
  }

  compute(storage: CpuStorage, address: number): void {
    const { parts, shape } = this;
    const out = { storage, address, shape, dtype: storage.dtype };
    const filled = parts.reduce((sum, { view }) => sum + sizeOf(view.shape), 0);
    if (filled < sizeOf(shape)) fill(out, 0);
    for (const { view, start } of parts) writeTo(view, part(out, view.shape, start));
  }
}

function overlap(a: Part, b: Part): boolean {
  return a.start.every((start, dim) => {
    return start < b.start[dim]! + b.view.shape[dim]! && b.start[dim]! < start + a.view.shape[dim]!;
  });
}

/** Defers a call that pads with zeros; `undefined` for any other call. */
export function deferParts(
  backend: Backend,
  { op, inputs, attrs, outputs }: KernelCall,
  length: number,
): CpuStorage | undefined {
  const view = inputs[0] as View;
  if (op !== "pad" || attrs.value !== 0 || !mayKeep(view, length)) return undefined;
  const start = attrs.padding.map(([before]) => before);
  const { shape, dtype } = outputs[0]!;
  return new CpuStorage(backend, dtype, length, new Parts([{ view: snapshot(view) as View, start }], shape));
}

function partsOf(view: View): readonly Part[] | undefined {
  const { pending } = view.storage as CpuStorage;
  return pending instanceof Parts && isWhole(view, pending.shape) ? pending.parts : undefined;
}

/**
 * For `target.add_(y)` with a pending, padded `y`: joins the parts of both if `target` is pending in the same way and
 * they do not overlap, otherwise adds each part to its slice of `target`. Returns whether it did.
 */
export function addParts({ op, inputs: [x, y] }: KernelCall, target: View): boolean {
  if (op !== "add" || typeof x !== "object" || typeof y !== "object" || x.storage !== target.storage) return false;
  const added = partsOf(y);
  if (!added?.every(({ view }) => view.storage !== target.storage)) return false;
  const storage = target.storage as CpuStorage;
  storage.settleReaders();
  // Settling the target's readers may have computed `y`, which then has no parts any more.
  if (partsOf(y) !== added) return false;
  const own = partsOf(target);
  if (own && !own.some((a) => added.some((b) => overlap(a, b))))
    storage.waitFor(new Parts([...own, ...added], target.shape));
  else for (const each of added) addSlice(target, each);
  return true;
}

function addSlice({ storage, strides, offset, dtype }: View, { view, start }: Part): void {
  const { shape } = view;
  const first = start.reduce((sum, at, dim) => sum + at * strides[dim]!, offset);
  const slice = { storage, shape, strides, offset: first, dtype };
  storage.backend.runInto({ op: "add", inputs: [slice, view], attrs: {}, outputs: [{ shape, dtype }] }, slice);
}
