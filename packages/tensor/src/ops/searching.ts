/** Answers that depend on the order or equality of elements. They are found on the host, so these ops read their input. */

import { dtypes } from "../dtype.ts";
import { fail, showShape } from "../errors.ts";
import { normalizeDim, sizeOf } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { nonzero as positionsOf } from "./advanced.ts";
import { fromArray, ones, tensor } from "./creation.ts";
import { sort } from "./gathering.ts";
import { cat } from "./joining.ts";
import { peek } from "./reading.ts";
import { composite, op } from "./signature.ts";

type Value = number | bigint;

/** Elements to compare: numbers, or bigints where numbers would not be exact. */
function valuesOf(input: Tensor, name: string): ArrayLike<Value> {
  const { bytes, kind } = dtypes[input.dtype];
  if (input.dtype === "int64") {
    const numbers = peek(input.to("float64"), name) as Float64Array;
    return numbers.every((x) => Math.abs(x) <= Number.MAX_SAFE_INTEGER) ? numbers : peek(input, name);
  }
  return peek(kind === "float" && bytes === 2 ? input.to("float32") : input, name);
}

function wholeNumbers(
  values: ArrayLike<number>,
  shape: readonly number[],
  like: Tensor,
  dtype: "int64" | "int32" = "int64",
): Tensor {
  return fromArray(Int32Array.from(values), shape, { dtype, device: like.device });
}

/** Positions of the non-zero elements, [count, ndim]. @see https://pytorch.org/docs/stable/generated/torch.argwhere.html */
export const argwhere = op("argwhere(input)", (input: Tensor): Tensor => positionsOf(input));

/** A matrix of positions, or a vector for each dimension. */
interface Nonzero {
  (input: Tensor): Tensor;
  (input: Tensor, asTuple: true | { readonly asTuple: true }): Tensor[];
}

/**
 * int64 positions of the non-zero elements, [count, ndim]; or, `asTuple`, a vector for each dimension, to index with.
 * Reads the tensor: at once, where the host can.
 * @see https://pytorch.org/docs/stable/generated/torch.nonzero.html
 */
export const nonzero: Nonzero = op("nonzero(input, asTuple?)", (input: Tensor, asTuple: boolean = false) =>
  asTuple ? positionsOf(input.ndim === 0 ? input.view(1) : input).unbind(1) : positionsOf(input),
) as never;

/** NaN is larger than everything. */
function before(a: Value, b: Value): boolean {
  return a < b || (Number.isNaN(b) && !Number.isNaN(a));
}

/**
 * Where elements would go in sorted rows so that they stay sorted: before equal ones, or behind if `right`.
 * @see https://pytorch.org/docs/stable/generated/torch.searchsorted.html
 */
export const searchsorted = composite(
  "searchsorted(input, values, outInt32?, right?, side?, sorter?)",
  (
    input: Tensor,
    values: Tensor | number,
    outInt32: boolean = false,
    right: boolean = false,
    side: "left" | "right" | null = null,
    sorter: Tensor | null = null,
  ): Tensor => {
    const wanted = values instanceof Tensor ? values : tensor(values, { dtype: input.dtype, device: input.device });
    checkRows(input, wanted);
    const rows = sorter ? input.gather(-1, sorter) : input;
    const [sorted, list] = [valuesOf(rows, "searchsorted"), valuesOf(wanted, "searchsorted")];
    const size = input.shape.at(-1)!;
    const lane = input.ndim === 1 ? list.length : (wanted.shape.at(-1) ?? 1);
    const behind = side ? side === "right" : right;
    const found = new Int32Array(list.length);
    for (let i = 0; i < list.length; i++) {
      const start = input.ndim === 1 ? 0 : Math.floor(i / lane) * size;
      found[i] = bisect(sorted, start, size, list[i]!, behind);
    }
    return wholeNumbers(found, wanted.shape, input, outInt32 ? "int32" : "int64");
  },
);

function checkRows(sorted: Tensor, wanted: Tensor): void {
  const fits = sorted.ndim === 1 || String(sorted.shape.slice(0, -1)) === String(wanted.shape.slice(0, -1));
  if (sorted.ndim === 0 || !fits) {
    fail("searchsorted", `rows of ${showShape(sorted.shape)} do not match values of ${showShape(wanted.shape)}`);
  }
}

/** How many of the sorted elements come before a value, or not behind it. */
function bisect(sorted: ArrayLike<Value>, start: number, size: number, value: Value, behind: boolean): number {
  let [low, high] = [0, size];
  while (low < high) {
    const middle = (low + high) >> 1;
    const x = sorted[start + middle]!;
    if (behind ? !before(value, x) : before(x, value)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The interval between `boundaries` that each element lies in. @see https://pytorch.org/docs/stable/generated/torch.bucketize.html */
export const bucketize = op(
  "bucketize(input, boundaries, outInt32?, right?)",
  (input: Tensor, boundaries: Tensor, outInt32: boolean = false, right: boolean = false): Tensor => {
    if (boundaries.ndim !== 1) fail("bucketize", `boundaries must be a vector, got ${showShape(boundaries.shape)}`);
    return searchsorted(boundaries, input, outInt32, right);
  },
);

/** The tensor alone, or with the parts asked for. */
export type Unique = Tensor | [output: Tensor, ...rest: Tensor[]];

/** Slices of a dimension (or single elements) with an order between them. */
interface Slices {
  readonly x: Tensor;
  readonly dim: number;
  readonly count: number;
  readonly compare: (a: number, b: number) => number;
  readonly inverseShape: readonly number[];
}

function slicesOf(name: string, input: Tensor, dim: number | null): Slices {
  const x = dim === null ? input.reshape(-1) : input;
  const at = dim === null ? 0 : normalizeDim(name, dim, input.ndim);
  const count = x.shape[at]!;
  const values = valuesOf(x.transpose(at, 0), name);
  const size = sizeOf(x.shape.toSpliced(at, 1));
  const compare = (a: number, b: number): number => {
    for (let i = 0; i < size; i++) {
      const [p, q] = [values[a * size + i]!, values[b * size + i]!];
      if (before(p, q)) return -1;
      if (before(q, p) || Number.isNaN(p)) return 1;
    }
    return 0;
  };
  return { x, dim: at, count, compare, inverseShape: dim === null ? input.shape : [count] };
}

/** Equal neighbours in `order` become one; a slice's number, and each one's size. */
function collect(slices: Slices, order: readonly number[], withInverse: boolean, withCounts: boolean): Unique {
  const firsts: number[] = [];
  const sizes: number[] = [];
  const inverse = new Array<number>(slices.count);
  order.forEach((slice, i) => {
    if (i === 0 || slices.compare(order[i - 1]!, slice) !== 0) {
      firsts.push(slice);
      sizes.push(0);
    }
    sizes[sizes.length - 1]!++;
    inverse[slice] = firsts.length - 1;
  });
  const { x } = slices;
  const output = x.indexSelect(slices.dim, wholeNumbers(firsts, [firsts.length], x));
  const rest = [
    ...(withInverse ? [wholeNumbers(inverse, slices.inverseShape, x)] : []),
    ...(withCounts ? [wholeNumbers(sizes, [sizes.length], x)] : []),
  ];
  return rest.length > 0 ? [output, ...rest] : output;
}

/**
 * The distinct elements (or slices of `dim`), sorted; on demand the number of each element's, and how often each occurs.
 * @see https://pytorch.org/docs/stable/generated/torch.unique.html
 */
export const unique = composite(
  "unique(input, sorted?, returnInverse?, returnCounts?, dim?)",
  (
    input: Tensor,
    _sorted: boolean = true,
    returnInverse: boolean = false,
    returnCounts: boolean = false,
    dim: number | null = null,
  ): Unique => {
    if (dim === null) return uniqueElements(input, returnInverse, returnCounts);
    const slices = slicesOf("unique", input, dim);
    const order = Array.from({ length: slices.count }, (_, i) => i).sort(slices.compare);
    return collect(slices, order, returnInverse, returnCounts);
  },
);

/** Elements sorted, of equal neighbours the first; how many firsts there are up to an element is its number. */
function uniqueElements(input: Tensor, withInverse: boolean, withCounts: boolean): Unique {
  const x = input.reshape(-1);
  const { values, indices } = sort(x.detach());
  const isFirst = ones([x.numel()], { dtype: "bool", device: x.device });
  if (x.numel() > 1)
    isFirst
      .narrow(0, 1, x.numel() - 1)
      .copy_(values.narrow(0, 1, x.numel() - 1).ne(values.narrow(0, 0, x.numel() - 1)));
  const firsts = positionsOf(isFirst).view(-1);
  const output = x.indexSelect(0, indices.indexSelect(0, firsts));
  const rest = [
    ...(withInverse ? [indices.scatter(0, indices, isFirst.cumsum(0).sub(1)).view(input.shape)] : []),
    ...(withCounts ? [cat([firsts, wholeNumbers([x.numel()], [1], x)]).diff()] : []),
  ];
  return rest.length > 0 ? [output, ...rest] : output;
}

/** Runs of equal elements as one each. @see https://pytorch.org/docs/stable/generated/torch.unique_consecutive.html */
export const uniqueConsecutive = composite(
  "uniqueConsecutive(input, returnInverse?, returnCounts?, dim?)",
  (input: Tensor, returnInverse: boolean = false, returnCounts: boolean = false, dim: number | null = null): Unique => {
    const slices = slicesOf("uniqueConsecutive", input, dim);
    const order = Array.from({ length: slices.count }, (_, i) => i);
    return collect(slices, order, returnInverse, returnCounts);
  },
);
