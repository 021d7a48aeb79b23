/** Answers that depend on the order or equality of elements. They are found on the host, so these ops read their input. */

import { dtypes, isFloat } from "../dtype.ts";
import { checkName, fail, showShape } from "../errors.ts";
import { normalizeDim, sizeOf } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { nonzero as positionsOf } from "./advanced.ts";
import { applyAll } from "./apply.ts";
import { where } from "./arithmetic.ts";
import { fromArray, tensor, zeros } from "./creation.ts";
import { sort } from "./gathering.ts";
import { peek } from "./reading.ts";
import { asVector, tally } from "./scattering.ts";
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

/**
 * Positions of the non-zero elements, [count, ndim].
 * @see https://pytorch.org/docs/stable/generated/torch.argwhere.html
 * @example
 * tensor([[0, 1], [1, 0]]).argwhere(); // tensor([[0, 1], [1, 0]])
 */
export const argwhere = op("argwhere(input)", (input: Tensor): Tensor => positionsOf(input));

/** A matrix of positions, or a vector for each dimension. */
export interface Nonzero {
  (input: Tensor, asTuple?: false | { readonly asTuple?: false | undefined }): Tensor;
  (input: Tensor, asTuple: true | { readonly asTuple: true }): Tensor[];
}

/**
 * int64 positions of the non-zero elements, [count, ndim]; or, `asTuple`, a vector for each dimension, to index with.
 * Reads the tensor: at once, where the host can.
 * @see https://pytorch.org/docs/stable/generated/torch.nonzero.html
 */
export const nonzero: Nonzero = op("nonzero(input, asTuple?)", (input: Tensor, asTuple: boolean = false) =>
  asTuple ? positionsOf(asVector(input)).unbind(1) : positionsOf(input),
) as never;

/** NaN is larger than everything. */
function before(a: Value, b: Value): boolean {
  return a < b || (Number.isNaN(b) && !Number.isNaN(a));
}

/**
 * Where elements would go in sorted rows so that they stay sorted: before equal ones, or behind if `right`.
 * @see https://pytorch.org/docs/stable/generated/torch.searchsorted.html
 * @example
 * searchsorted(tensor([1, 3, 5]), tensor([0, 3, 9])); // tensor([0, 1, 3])
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
    if (side !== null) checkName("searchsorted", "side", side, ["left", "right"]);
    const wanted = values instanceof Tensor ? values : tensor(values, { dtype: input.dtype, device: input.device });
    checkRows(input, wanted);
    const rows = (sorter ? input.gather(-1, sorter) : input).detach();
    const list = input.ndim === 1 ? wanted.reshape(-1) : wanted;
    const found = bisect(rows, list.detach(), side ? side === "right" : right);
    return found.view(wanted.shape).to(outInt32 ? "int32" : "int64");
  },
);

function checkRows(sorted: Tensor, wanted: Tensor): void {
  const fits = sorted.ndim === 1 || String(sorted.shape.slice(0, -1)) === String(wanted.shape.slice(0, -1));
  if (sorted.ndim === 0 || !fits) {
    fail("searchsorted", `rows of ${showShape(sorted.shape)} do not match values of ${showShape(wanted.shape)}`);
  }
}

/** How many of the sorted elements come before a value, or not behind it: of all values at once. NaN is the largest. */
function bisect(sorted: Tensor, values: Tensor, behind: boolean): Tensor {
  let found: Tensor = zeros(values.shape, { dtype: "int64", device: sorted.device });
  let half = 1;
  for (let left = sorted.shape.at(-1)!; left > 0; left -= half) {
    half = Math.max(left >> 1, 1);
    // Of a vector any part is at hand, of rows it would be copied.
    const x =
      sorted.ndim === 1
        ? sorted.narrow(0, half - 1, sorted.shape[0]! - half + 1).gather(0, found)
        : sorted.gather(-1, found.add(half - 1));
    const isBefore = behind ? values.ge(x).logicalOr(values.isnan()) : x.ge(values).logicalOr(x.isnan()).logicalNot();
    found = where(isBefore, found.add(half), found);
  }
  return found;
}

/**
 * The interval between `boundaries` that each element lies in.
 * @see https://pytorch.org/docs/stable/generated/torch.bucketize.html
 * @example
 * bucketize(tensor([0, 3, 9]), tensor([1, 3, 5]), { right: true }); // tensor([0, 2, 3])
 */
export const bucketize = op(
  "bucketize(input, boundaries, outInt32?, right?)",
  (input: Tensor, boundaries: Tensor, outInt32: boolean = false, right: boolean = false): Tensor => {
    if (boundaries.ndim !== 1) fail("bucketize", `boundaries must be a vector, got ${showShape(boundaries.shape)}`);
    return searchsorted(boundaries, input, outInt32, right);
  },
);

/** Elements for each number of the range, from which counting pays. */
const SPARSE = 64;

/** The tensor alone, or with the parts asked for. */
export type Unique = Tensor | [output: Tensor, ...rest: Tensor[]];

/** The same where it is known what is asked for: the number of each element's, how often each occurs. */
export type UniqueParts<I extends boolean, C extends boolean> = I extends true
  ? C extends true
    ? [output: Tensor, inverse: Tensor, counts: Tensor]
    : [output: Tensor, inverse: Tensor]
  : C extends true
    ? [output: Tensor, counts: Tensor]
    : Tensor;

export interface UniqueOptions<I extends boolean, C extends boolean> {
  readonly returnInverse?: I | undefined;
  readonly returnCounts?: C | undefined;
  readonly dim?: number | null | undefined;
}

export interface UniqueFunction {
  <I extends boolean = false, C extends boolean = false>(
    input: Tensor,
    options?: UniqueOptions<I, C> & { readonly sorted?: boolean | undefined },
  ): UniqueParts<I, C>;
  <I extends boolean = false, C extends boolean = false>(
    input: Tensor,
    sorted: boolean | undefined,
    returnInverse?: I,
    returnCounts?: C,
    dim?: number | null,
  ): UniqueParts<I, C>;
}

export interface UniqueConsecutiveFunction {
  <I extends boolean = false, C extends boolean = false>(
    input: Tensor,
    options?: UniqueOptions<I, C>,
  ): UniqueParts<I, C>;
  <I extends boolean = false, C extends boolean = false>(
    input: Tensor,
    returnInverse: I | undefined,
    returnCounts?: C,
    dim?: number | null,
  ): UniqueParts<I, C>;
}

/** Slices of a dimension with an order between them. */
interface Slices {
  readonly x: Tensor;
  readonly dim: number;
  readonly count: number;
  readonly compare: (a: number, b: number) => number;
}

function slicesOf(name: string, x: Tensor, dim: number): Slices {
  const at = normalizeDim(name, dim, x.ndim);
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
  return { x, dim: at, count, compare };
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
  return withParts(
    output,
    withInverse && wholeNumbers(inverse, [slices.count], x),
    withCounts && wholeNumbers(sizes, [sizes.length], x),
  );
}

/**
 * The distinct elements (or slices of `dim`), sorted; on demand the number of each element's, and how often each occurs.
 * @see https://pytorch.org/docs/stable/generated/torch.unique.html
 * @example
 * tensor([3, 1, 3]).unique(); // tensor([1, 3])
 */
export const unique: UniqueFunction = composite(
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
) as never;

function uniqueElements(input: Tensor, withInverse: boolean, withCounts: boolean): Unique {
  const x = input.reshape(-1);
  const range = isFloat(x.dtype) || x.numel() === 0 ? undefined : [x.amin(), x.amax()].map((end) => Number(end.item()));
  if (range?.every(Number.isSafeInteger) && (range[1]! - range[0]!) * SPARSE < x.numel()) {
    return uniqueCounted(x.to("int64").sub(range[0]!), range, input, withInverse, withCounts);
  }
  const { values, indices } = sort(x);
  return collectRuns(values, indices, input, withInverse, withCounts);
}

/** Whole numbers in a narrow range are counted instead of sorted. */
function uniqueCounted(
  places: Tensor,
  [low, high]: readonly number[],
  input: Tensor,
  withInverse: boolean,
  withCounts: boolean,
): Unique {
  const counts = tally(places, high! - low! + 1);
  const found = positionsOf(counts).view(-1);
  const output = found.add(low!).to(input.dtype);
  const inverse = withInverse && counts.ne(0).cumsum(0).sub(1).indexSelect(0, places).view(input.shape);
  return withParts(output, inverse, withCounts && counts.indexSelect(0, found));
}

/** Of equal neighbours the first; `indices` says where they lay before they were sorted. */
function collectRuns(x: Tensor, indices: Tensor | null, { shape }: Tensor, inverse: boolean, counts: boolean): Unique {
  if (x.numel() === 0 || !x.backend.supports("runs")) {
    const order = indices ? Array.from(indices.toArray() as number[]) : [...Array(x.numel()).keys()];
    return collect(slicesOf("unique", x, 0), order, inverse, counts);
  }
  const [values, ...parts] = applyAll("runs", [x], { inverse, bounds: counts });
  const found = parts.pop()!.item();
  const output = values!.narrow(0, 0, found);
  const numbers = inverse && parts[0]!;
  return withParts(
    // What is small does not keep the memory of all.
    8 * found < x.numel() ? output.clone() : output,
    numbers && (indices ? indices.scatter(0, indices, numbers) : numbers).view(shape),
    counts &&
      parts
        .at(-1)!
        .narrow(0, 0, found + 1)
        .diff(),
  );
}

function withParts(output: Tensor, inverse: Tensor | false, counts: Tensor | false): Unique {
  return inverse || counts ? [output, ...(inverse ? [inverse] : []), ...(counts ? [counts] : [])] : output;
}

/** Runs of equal elements as one each. @see https://pytorch.org/docs/stable/generated/torch.unique_consecutive.html */
export const uniqueConsecutive: UniqueConsecutiveFunction = composite(
  "uniqueConsecutive(input, returnInverse?, returnCounts?, dim?)",
  (input: Tensor, returnInverse: boolean = false, returnCounts: boolean = false, dim: number | null = null): Unique => {
    if (dim === null) return collectRuns(input.reshape(-1), null, input, returnInverse, returnCounts);
    const slices = slicesOf("uniqueConsecutive", input, dim);
    const order = Array.from({ length: slices.count }, (_, i) => i);
    return collect(slices, order, returnInverse, returnCounts);
  },
) as never;
