/**
 * The order of dimensions in which results lie in memory. As in PyTorch, the result of an element-wise operation has
 * the memory layout of its first operand: the result of transposed tensors is transposed, too, and memory is walked in
 * order.
 * @see https://pytorch.org/docs/stable/tensor_attributes.html#torch.memory_format
 */
import type { KernelInput, View } from "../backend.ts";
import { type Shape, sizeOf, stridesOf } from "../shape.ts";

/** A permutation of the dimensions: the outermost in memory comes first. */
export type Order = readonly number[];

/**
 * The memory order of some views of one shape, that of `target` if it is given; `undefined` if it is the order of the
 * dimensions, as it is for row-major tensors.
 */
export function orderOf(views: readonly KernelInput[], target?: View): Order | undefined {
  if (target !== undefined && !isInOrder(target)) return sorted(views, target);
  for (let i = 0; i < views.length; i++) {
    const view = views[i]!;
    if (typeof view !== "number" && view.shape.length > 1 && !isInOrder(view)) return sorted(views, target);
  }
  return undefined;
}

/** Whether strides never increase from one dimension to the next. Sizes of 1 and strides of 0 do not count. */
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

/**
 * Sorts the dimensions by insertion, as PyTorch does, since dimensions that no view can tell apart must keep their place.
 * Unlike in {@link isInOrder}, sizes of 1 count.
 */
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

/**
 * Positive if dimension `a` lies outside `b` in the first view that can tell them apart, negative if inside, else 0.
 */
function compare(views: readonly View[], a: number, b: number): number {
  for (const { shape, strides } of views) {
    const [x, y] = [Math.abs(strides[a]!), Math.abs(strides[b]!)];
    if (x === 0 || y === 0) continue;
    if (x !== y) return x - y;
    if (shape[a]! < shape[b]!) return -1;
  }
  return 0;
}

/** The view with its dimensions in another order. */
export function reordered<V extends KernelInput>(view: V, order: Order): V | View {
  if (typeof view === "number") return view;
  const { storage, dtype, shape, strides, offset } = view;
  const pick = (sizes: Shape): number[] => order.map((dim) => sizes[dim]!);
  return { storage, dtype, offset, shape: pick(shape), strides: pick(strides) };
}

/** The strides of a dense tensor that lies in memory in an order. */
export function stridesIn(shape: Shape, order: Order): number[] {
  const strides = new Array<number>(shape.length);
  const packed = stridesOf(order.map((dim) => shape[dim]!));
  for (const [at, dim] of order.entries()) strides[dim] = packed[at]!;
  return strides;
}
