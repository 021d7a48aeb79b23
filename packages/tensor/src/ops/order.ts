/**
 * The order in which results lie in memory. As in PyTorch, those of element-wise operations lie as their first operand
 * does: what transposed tensors give is transposed too, and memory is walked as it lies.
 * @see https://pytorch.org/docs/stable/tensor_attributes.html#torch.memory_format
 */
import type { KernelInput, View } from "../backend.ts";
import { type Shape, sizeOf, stridesOf } from "../shape.ts";

/** Dimensions, the outermost in memory first. */
export type Order = readonly number[];

/** The order in which views of one shape lie, `target` before the others; undefined where it is that of the dimensions. */
export function orderOf(views: readonly KernelInput[], target?: View): Order | undefined {
  if (target !== undefined && !isInOrder(target)) return sorted(views, target);
  for (let i = 0; i < views.length; i++) {
    const view = views[i]!;
    if (typeof view !== "number" && view.shape.length > 1 && !isInOrder(view)) return sorted(views, target);
  }
  return undefined;
}

/** Whether no stride is longer than one before it, sizes of 1 and repeated elements aside. */
function isInOrder({ shape, strides }: View): boolean {
  let before = Number.POSITIVE_INFINITY;
  for (let dim = 0; dim < shape.length; dim++) {
    const stride = Math.abs(strides[dim]!);
    if (stride === 0 || shape[dim] === 1) continue;
    if (stride > before) return sizeOf(shape) === 0;
    before = stride;
  }
  return true;
}

/** By insertion, since dimensions that no view tells apart stay where they are; sizes of 1 count, as they do in PyTorch. */
function sorted(inputs: readonly KernelInput[], target: View | undefined): Order | undefined {
  const views = [target ?? 0, ...inputs].filter((view) => typeof view !== "number");
  const order = views[0]!.shape.map((_, dim) => dim);
  for (let i = 1; i < order.length; i++) {
    for (let inner = i, outer = i - 1; outer >= 0; outer--) {
      const rank = compare(views, order[outer]!, order[inner]!);
      if (rank > 0) break;
      if (rank === 0) continue;
      [order[outer], order[inner]] = [order[inner]!, order[outer]!];
      inner = outer;
    }
  }
  return order.every((dim, at) => dim === at) ? undefined : order;
}

/** Positive where dimension `a` lies outside `b` in the first view that tells, negative where inside. */
function compare(views: readonly View[], a: number, b: number): number {
  for (const { shape, strides } of views) {
    const [x, y] = [Math.abs(strides[a]!), Math.abs(strides[b]!)];
    if (x === 0 || y === 0) continue;
    if (x !== y) return x - y;
    if (shape[a]! < shape[b]!) return -1;
  }
  return 0;
}

/** `view` with its dimensions in that order. */
export function reordered<V extends KernelInput>(view: V, order: Order): V | View {
  if (typeof view === "number") return view;
  const { storage, dtype, shape, strides, offset } = view;
  const pick = (sizes: Shape): number[] => order.map((dim) => sizes[dim]!);
  return { storage, dtype, offset, shape: pick(shape), strides: pick(strides) };
}

/** Strides of a dense tensor of that shape which lies in that order. */
export function stridesIn(shape: Shape, order: Order): number[] {
  const strides = new Array<number>(shape.length);
  const packed = stridesOf(order.map((dim) => shape[dim]!));
  for (const [at, dim] of order.entries()) strides[dim] = packed[at]!;
  return strides;
}
