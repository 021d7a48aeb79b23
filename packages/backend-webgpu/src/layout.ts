/** Strides: merging dimensions, so that most views become one or two of them. */
import { isContiguous, sizeOf, stridesOf } from "@dl/tensor";
import type { Cell, CellView } from "./cell.ts";

export interface Dim {
  readonly size: number;
  readonly stride: number;
}

/** The fewest dimensions that walk the same elements in the same order. */
export function collapse(shape: readonly number[], strides: readonly number[]): Dim[] {
  const dims: { size: number; stride: number }[] = [];
  for (let d = 0; d < shape.length; d++) {
    const size = shape[d]!;
    const stride = strides[d]!;
    const last = dims[dims.length - 1];
    if (size === 1) continue;
    if (last && last.stride === stride * size) {
      last.size *= size;
      last.stride = stride;
    } else dims.push({ size, stride });
  }
  return dims;
}

/** Whether a view is its whole cell in order. */
export function isWhole({ cell, shape, strides, offset }: CellView): boolean {
  return offset === 0 && sizeOf(shape) === cell.length && isContiguous(shape, strides);
}

/** The whole cell as one dimension. */
export function whole(cell: Cell): CellView {
  return { cell, shape: [cell.length], strides: [1], offset: 0 };
}

/** A whole cell in a row-major shape. */
export function shaped(cell: Cell, shape: readonly number[]): CellView {
  return { cell, shape, strides: stridesOf(shape), offset: 0 };
}

/** How the lines along one dimension are walked: in which order of dimensions, how many, of which length. */
export function linesAlong(
  shape: readonly number[],
  dim: number,
): { readonly order: readonly number[]; readonly count: number; readonly length: number } {
  const length = shape[dim] ?? 1;
  return { order: lastly(shape.length, dim), count: length === 0 ? 0 : sizeOf(shape) / length, length };
}

/** Dimensions in their order, but `dim` last: lines along it lie in a row of the flat index. */
function lastly(rank: number, dim: number): number[] {
  const others = Array.from({ length: rank }, (_, d) => d).filter((d) => d !== dim);
  return rank === 0 ? [] : [...others, dim];
}

/** The same elements with dimensions in another order (or fewer: the rest must be walked by other means). */
export function pick(view: CellView, dims: readonly number[]): CellView {
  return { ...view, shape: dims.map((d) => view.shape[d]!), strides: dims.map((d) => view.strides[d]!) };
}
