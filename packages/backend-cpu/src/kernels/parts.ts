/**
 * Zeros around a part wait. What is added to them, or they to, meets the part alone: the gradient of a tensor's slices is the
 * sum of such, and each slice is written once, where it belongs. The zeros are not added: beside them -0 stays -0.
 */
import { type Backend, isContiguous, type KernelCall, type Shape, sameShape, sizeOf, type View } from "@dl/tensor";
import { CpuStorage, type Pending } from "../storage.ts";
import { fill } from "./copy.ts";
import { mayKeep, seen, writeTo } from "./deferred.ts";
import { part } from "./movement.ts";

interface Part {
  readonly view: View;
  readonly start: Shape;
}

/** Parts that do not meet, and zeros between. */
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

function meet(a: Part, b: Part): boolean {
  return a.start.every((start, dim) => {
    return start < b.start[dim]! + b.view.shape[dim]! && b.start[dim]! < start + a.view.shape[dim]!;
  });
}

/** The result of a call that pads with zeros. */
export function deferParts(
  backend: Backend,
  { op, inputs, attrs, outputs }: KernelCall,
  length: number,
): CpuStorage | undefined {
  const view = inputs[0] as View;
  if (op !== "pad" || attrs.value !== 0 || !mayKeep(view, length)) return undefined;
  const start = attrs.padding.map(([before]) => before);
  const { shape, dtype } = outputs[0]!;
  return new CpuStorage(backend, dtype, length, new Parts([{ view: seen(view) as View, start }], shape));
}

function partsOf({ storage, shape, strides, offset }: View): readonly Part[] | undefined {
  const { pending } = storage as CpuStorage;
  if (!(pending instanceof Parts) || offset !== 0) return undefined;
  return sameShape(shape, pending.shape) && isContiguous(shape, strides) ? pending.parts : undefined;
}

/** Adds parts that wait to a target, in place: to what it waits for, or to the slices that they meet. */
export function addParts({ op, inputs: [x, y] }: KernelCall, target: View): boolean {
  if (op !== "add" || typeof x !== "object" || typeof y !== "object" || x.storage !== target.storage) return false;
  const added = partsOf(y);
  if (!added?.every(({ view }) => view.storage !== target.storage)) return false;
  const storage = target.storage as CpuStorage;
  storage.settleReaders();
  // A reader may have needed what is added; its parts are gone then.
  if (partsOf(y) !== added) return false;
  const own = partsOf(target);
  if (own && !own.some((a) => added.some((b) => meet(a, b))))
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
