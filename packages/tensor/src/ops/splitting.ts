/** Tensors cut into views, in NumPy's ways. */
import { fail, showShape, showValue } from "../errors.ts";
import { normalizeDim } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { split } from "./joining.ts";
import { op } from "./signature.ts";

/** A number of parts, or the positions of the cuts. */
export type Sections = number | readonly number[] | Tensor;

/** Views of the sizes listed. @see https://pytorch.org/docs/stable/generated/torch.Tensor.split_with_sizes.html */
export const splitWithSizes = op(
  "splitWithSizes(input, splitSizes, dim?)",
  (input: Tensor, splitSizes: readonly number[], dim: number = 0): Tensor[] => split(input, splitSizes, dim),
);

/**
 * Views between the cuts, or a number of parts, the first of which are one larger where the size does not divide.
 * @see https://pytorch.org/docs/stable/generated/torch.tensor_split.html
 * @example
 * arange(5).tensorSplit(2); // [tensor([0, 1, 2]), tensor([3, 4])]
 */
export const tensorSplit = op(
  "tensorSplit(input, indicesOrSections, dim?)",
  (input: Tensor, indicesOrSections: Sections, dim: number = 0): Tensor[] => {
    if (input.ndim === 0) fail("tensorSplit", "a 0-d tensor cannot be split");
    return cutAt("tensorSplit", input, indicesOrSections, normalizeDim("tensorSplit", dim, input.ndim));
  },
);

function cutAt(name: string, input: Tensor, where: Sections, dim: number): Tensor[] {
  const size = input.shape[dim]!;
  const cuts = where instanceof Tensor ? (where.toArray() as number | number[]) : (where as number | number[]);
  const at = typeof cuts === "number" ? evenCuts(name, size, cuts) : cuts;
  if (!Array.isArray(at)) fail(name, `needs a number of parts or positions, got ${showValue(where)}`);
  const clip = (i: number): number => Math.min(Math.max(i < 0 ? i + size : i, 0), size);
  const edges = [0, ...at.map(clip), size];
  return edges.slice(1).map((end, i) => input.narrow(dim, edges[i]!, Math.max(end - edges[i]!, 0)));
}

function evenCuts(name: string, size: number, parts: number): number[] {
  if (!(parts > 0)) fail(name, `needs at least one part, got ${parts}`);
  const [least, larger] = [Math.floor(size / parts), size % parts];
  return Array.from({ length: parts - 1 }, (_, i) => (i + 1) * least + Math.min(i + 1, larger));
}

/** Splits that refuse parts of different sizes. */
function numpySplit(name: string, least: number, dimOf: (rank: number) => number): Split {
  return op(`${name}(input, indicesOrSections)`, (input: Tensor, indicesOrSections: Sections): Tensor[] => {
    if (input.ndim < least) fail(name, `needs at least ${least} dimensions, got ${showShape(input.shape)}`);
    const dim = dimOf(input.ndim);
    const parts = indicesOrSections;
    if (typeof parts === "number" && (parts <= 0 || input.shape[dim]! % parts !== 0)) {
      fail(name, `dimension ${dim} of size ${input.shape[dim]} does not divide into ${parts}`);
    }
    return cutAt(name, input, parts, dim);
  }) as never;
}

type Split = (input: Tensor, indicesOrSections: Sections) => Tensor[];

/** Along the second dimension, vectors along their only one. @see https://pytorch.org/docs/stable/generated/torch.hsplit.html */
export const hsplit: Split = numpySplit("hsplit", 1, (rank) => (rank === 1 ? 0 : 1));
/** Along the first dimension. @see https://pytorch.org/docs/stable/generated/torch.vsplit.html */
export const vsplit: Split = numpySplit("vsplit", 2, () => 0);
/** Along the third dimension. @see https://pytorch.org/docs/stable/generated/torch.dsplit.html */
export const dsplit: Split = numpySplit("dsplit", 3, () => 2);
