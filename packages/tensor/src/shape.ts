/** Arithmetic on shapes and strides. Pure; every check of a user's dimension or size lives here. */
import { fail, showShape } from "./errors.ts";

/** Sizes of the dimensions. */
export type Shape = readonly number[];

/** Elements in a tensor of this shape. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (let i = 0; i < shape.length; i++) size *= shape[i]!;
  return size;
}

/** Row-major strides, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  for (let dim = shape.length - 1, stride = 1; dim >= 0; dim--) {
    strides[dim] = stride;
    stride *= Math.max(shape[dim]!, 1);
  }
  return strides;
}

/** Whether two shapes have the same sizes. */
export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Whether strides are row-major; dimensions of size 1 do not count, empty tensors always are. */
export function isContiguous(shape: Shape, strides: Shape): boolean {
  for (let dim = shape.length - 1, stride = 1; dim >= 0; dim--) {
    const size = shape[dim]!;
    if (size === 0) return true;
    if (size !== 1 && strides[dim] !== stride) return sizeOf(shape) === 0;
    stride *= size;
  }
  return true;
}

/** NumPy broadcasting: align at the last dimension; sizes match or one of them is 1. */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  if (sameShape(a, b)) return a;
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let dim = 0; dim < rank; dim++) {
    const x = a[dim - rank + a.length] ?? 1;
    const y = b[dim - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      fail(
        op,
        `cannot broadcast ${showShape(a)} with ${showShape(b)}: dimension ${dim} has ${x} and ${y}`,
        "Sizes must be equal or 1",
      );
    }
    out[dim] = x === 1 ? y : x;
  }
  return out;
}

/** Strides that repeat a tensor of `shape` and `strides` over `target`: 0 along every repeated dimension. */
export function expandStrides(shape: Shape, strides: Shape, target: Shape): number[] {
  const lead = target.length - shape.length;
  return target.map((size, dim) => (dim < lead || (shape[dim - lead] === 1 && size !== 1) ? 0 : strides[dim - lead]!));
}

/** Maps `dim` in [-rank, rank) to [0, rank). A 0-d tensor takes 0 and -1, as in PyTorch. */
export function normalizeDim(op: string, dim: number, rank: number): number {
  const limit = Math.max(rank, 1);
  if (!Number.isInteger(dim) || dim < -limit || dim >= limit) {
    fail(op, `dimension ${dim} is out of range for a tensor of ${rank} dimensions`, `Use ${-limit} to ${limit - 1}`);
  }
  return dim < 0 ? dim + limit : dim;
}

/** Sorted, distinct, non-negative dimensions; `undefined`, `null` or (as in PyTorch) an empty list mean all. */
export function normalizeDims(op: string, dims: number | readonly number[] | null | undefined, rank: number): number[] {
  const list = typeof dims === "number" ? [dims] : (dims ?? []);
  if (list.length === 0) return Array.from({ length: rank }, (_, dim) => dim);
  const found = list.map((dim) => normalizeDim(op, dim, rank));
  if (new Set(found).size !== found.length) fail(op, `dimension appears twice in [${list.join(", ")}]`);
  return rank === 0 ? [] : found.sort((a, b) => a - b);
}

/** Views that repeat memory may have more elements than it has bytes, but folds of them count in 32 bits. */
const maxSize = 2 ** 32 - 1;

export function checkShape(op: string, shape: Shape): Shape {
  if (!Array.isArray(shape)) fail(op, `the shape is ${String(shape)}, needs a list of sizes`, "Write [2, 3]");
  for (const size of shape) {
    if (!Number.isInteger(size) || size < 0) {
      fail(op, `sizes must be whole numbers ≥ 0, got ${showShape(shape)}`);
    }
  }
  const size = sizeOf(shape);
  if (size > maxSize) {
    fail(op, `${showShape(shape)} has ${size} elements, kernels count to ${maxSize}`, "Split the work into parts");
  }
  return shape;
}

/** Replaces one -1 by what is left of `size` elements. */
export function inferSize(op: string, wanted: Shape, size: number, from: Shape): Shape {
  const at = wanted.indexOf(-1);
  const known = wanted.reduce((product, extent, dim) => (dim === at ? product : product * extent), 1);
  const impossible = (): never => {
    const sizes = at < 0 ? `is for ${known} elements` : `is for multiples of ${known} elements`;
    return fail(op, `shape ${showShape(wanted)} ${sizes}, shape ${showShape(from)} has ${size}`);
  };
  if (at < 0) {
    checkShape(op, wanted);
    return known === size ? wanted : impossible();
  }
  if (wanted.indexOf(-1, at + 1) >= 0) fail(op, `only one size can be inferred, got ${showShape(wanted)}`);
  if (known === 0 || size % known !== 0) return impossible();
  return checkShape(
    op,
    wanted.map((extent, dim) => (dim === at ? size / known : extent)),
  );
}

/** Strides for `wanted` over the same memory, or `null` where only a copy can do it. */
export function reshapeStrides(shape: Shape, strides: Shape, wanted: Shape): number[] | null {
  if (sizeOf(shape) === 0 || isContiguous(shape, strides)) return stridesOf(wanted);
  const out = new Array<number>(wanted.length);
  let to = wanted.length - 1;
  let chunk = 1;
  let filled = 1;
  let base = strides[shape.length - 1] ?? 1;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    chunk *= shape[dim]!;
    const joins = dim > 0 && (shape[dim - 1] === 1 || strides[dim - 1] === chunk * base);
    if (joins) continue;
    while (to >= 0 && (filled < chunk || wanted[to] === 1)) {
      out[to] = filled * base;
      filled *= wanted[to--]!;
    }
    if (filled !== chunk) return null;
    if (dim > 0) {
      base = strides[dim - 1]!;
      chunk = 1;
      filled = 1;
    }
  }
  return to < 0 ? out : null;
}
