/** Writing by index, out of place: copies of a tensor with elements replaced or combined. */
import { fail, showShape } from "../errors.ts";
import type { Operand } from "../recorder.ts";
import { broadcastShapes, normalizeDim, sizeOf } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { nonzero, normalized, place } from "./advanced.ts";
import { apply } from "./apply.ts";
import { to } from "./convert.ts";
import { checkIndex, scatterInto } from "./scattering.ts";
import { composite } from "./signature.ts";
import type { ScatterReduce } from "./table.ts";

/**
 * A copy with `value` in whole slices of `dim`.
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.index_fill.html
 * @example
 * zeros(3).indexFill(0, tensor([0, 2]), 7); // tensor([7., 0., 7.])
 */
export const indexFill = composite(
  "indexFill(input, dim, index, value)",
  (input: Tensor, dim: number, index: Tensor, value: Tensor | number): Tensor => {
    if (value instanceof Tensor && value.ndim > 0)
      fail("indexFill", `needs a 0-d value, got ${showShape(value.shape)}`);
    const content = value instanceof Tensor ? to(value, input.dtype) : input.newFull([], value);
    if (input.ndim === 0) return input.indexCopy(dim, index, content);
    const at = normalizeDim("indexFill", dim, input.ndim);
    const places = normalized("indexFill", index, at, input.shape[at]!);
    return input.indexCopy(at, places, content.expand(input.shape.with(at, index.numel())));
  },
  "IndexFillBackward0",
);

/**
 * A copy with `values` at the positions that index tensors (or masks) pick, added to what is there if `accumulate`.
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.index_put.html
 */
export const indexPut = composite(
  "indexPut(input, indices, values, accumulate?)",
  (input: Tensor, indices: readonly (Tensor | null)[], values: Tensor, accumulate: boolean = false): Tensor => {
    const picks = indices.flatMap((item) => (item?.dtype === "bool" ? (nonzero(item).unbind(1) as Tensor[]) : [item]));
    if (picks.length > input.ndim) fail("indexPut", `${picks.length} indices for ${showShape(input.shape)}`);
    return place(input, picks, to(values, input.dtype), accumulate);
  },
);

/** A tensor like `input` with one value everywhere. @see https://pytorch.org/docs/stable/generated/torch.full_like.html */
export const fill = composite("fill(input, value)", (input: Tensor, value: Operand | boolean): Tensor => {
  if (!(value instanceof Tensor)) return input.newFull(input.shape, value);
  if (value.ndim > 0) fail("fill", `needs a 0-d value, got ${showShape(value.shape)}`);
  return to(value, input.dtype).expand(input.shape).clone();
});

const flatPositions = (name: string, input: Tensor, index: Tensor): Tensor =>
  normalized(name, checkIndex(name, index).reshape(-1), 0, input.numel());

/**
 * Elements of the flattened tensor.
 * @throws TensorError for an index that is out of range, or neither int64 nor int32
 * @see https://pytorch.org/docs/stable/generated/torch.take.html
 * @example
 * tensor([[1, 2], [3, 4]]).take(tensor([0, 3])); // tensor([1, 4])
 */
export const take = composite(
  "take(input, index)",
  (input: Tensor, index: Tensor): Tensor =>
    input
      .reshape(-1)
      .gather(0, flatPositions("take", input, index))
      .view(index.shape),
  "TakeBackward0",
);

/** A copy with `source` at positions of the flattened tensor. @see https://pytorch.org/docs/stable/generated/torch.Tensor.put_.html */
export const put = composite(
  "put(input, index, source, accumulate?)",
  (input: Tensor, index: Tensor, source: Tensor, accumulate: boolean = false): Tensor => {
    const flat = input.reshape(-1);
    const [at, values] = [flatPositions("put", input, index), source.reshape(-1)];
    return (accumulate ? flat.indexAdd(0, at, values) : flat.indexCopy(0, at, values)).view(input.shape);
  },
);

/** Elements along `dim`; the shapes broadcast elsewhere. Without `dim`, of the flattened tensor. @see https://pytorch.org/docs/stable/generated/torch.take_along_dim.html */
export const takeAlongDim = composite(
  "takeAlongDim(input, indices, dim?)",
  (input: Tensor, indices: Tensor, dim?: number | null): Tensor => {
    if (dim == null) return input.reshape(-1).gather(0, indices.reshape(-1));
    const at = normalizeDim("takeAlongDim", dim, input.ndim);
    if (input.ndim !== indices.ndim)
      fail("takeAlongDim", `ranks differ: ${showShape(input.shape)} and ${showShape(indices.shape)}`);
    const common = broadcastShapes("takeAlongDim", input.shape.with(at, 1), indices.shape.with(at, 1));
    return input
      .expand(common.with(at, input.shape[at]!))
      .gather(at, indices.expand(common.with(at, indices.shape[at]!)));
  },
);

const kernels: Readonly<Record<string, ScatterReduce>> = {
  sum: "add",
  prod: "prod",
  amax: "amax",
  amin: "amin",
  mean: "add",
};

/**
 * Like scatter, combining what meets in one place: "sum", "prod", "mean", "amax" or "amin".
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.scatter_reduce_.html
 * @example
 * zeros(2).scatterReduce(0, tensor([0, 0, 1]), floatTensor([1, 5, 2]), "amax"); // tensor([5., 2.])
 */
export const scatterReduce = composite(
  "scatterReduce(input, dim, index, src, reduce, includeSelf?)",
  (input: Tensor, dim: number, index: Tensor, src: Tensor, reduce: string, includeSelf: boolean = true): Tensor => {
    const kernel =
      kernels[reduce] ?? fail("scatterReduce", `unknown reduce "${reduce}"`, `Use ${Object.keys(kernels).join(", ")}`);
    const out = scatterInto(input, dim, index, src, kernel, includeSelf);
    if (reduce !== "mean") return out;
    const ones = scatterInto(counts(input, includeSelf), dim, index, counts(src, true), "add", true).clamp(1);
    return out.div(ones, { roundingMode: out.isFloatingPoint() ? null : "floor" });
  },
);

function counts(like: Tensor, one: boolean): Tensor {
  return like.newFull(like.shape, one ? 1 : 0);
}

/** {@link scatterReduce} of whole slices at the positions of a 1-d index. @see https://pytorch.org/docs/stable/generated/torch.Tensor.index_reduce_.html */
export const indexReduce = composite(
  "indexReduce(input, dim, index, source, reduce, includeSelf?)",
  (input: Tensor, dim: number, index: Tensor, source: Tensor, reduce: string, includeSelf: boolean = true): Tensor => {
    if (input.ndim === 0) return scatterReduce(input, 0, index.reshape([]), source.reshape([]), reduce, includeSelf);
    const at = normalizeDim("indexReduce", dim, input.ndim);
    const spread = index.view(input.shape.map((_, d) => (d === at ? index.numel() : 1))).expand(source.shape);
    return scatterReduce(input, at, to(spread, "int64"), source, reduce, includeSelf);
  },
);

/**
 * The elements where the mask holds, as a vector. Reads the mask.
 * @see https://pytorch.org/docs/stable/generated/torch.masked_select.html
 * @example
 * const x = tensor([1, 2, 3]);
 * x.maskedSelect(x.gt(1)); // tensor([2, 3])
 */
export const maskedSelect = composite(
  "maskedSelect(input, mask)",
  (input: Tensor, mask: Tensor): Tensor => {
    needMask("maskedSelect", mask);
    const shape = broadcastShapes("maskedSelect", input.shape, mask.shape);
    return elementsWhere(input.expand(shape).reshape(-1), mask.expand(shape).reshape(-1));
  },
  "MaskedSelectBackward0",
);

/** A copy with the first elements of `source` where the mask holds. Reads the mask. @see https://pytorch.org/docs/stable/generated/torch.Tensor.masked_scatter.html */
export const maskedScatter = composite(
  "maskedScatter(input, mask, source)",
  (input: Tensor, mask: Tensor, source: Tensor): Tensor => {
    needMask("maskedScatter", mask);
    if (source.dtype !== input.dtype) fail("maskedScatter", `dtypes ${input.dtype} and ${source.dtype} differ`);
    const shape = broadcastShapes("maskedScatter", input.shape, mask.shape);
    const at = chosen(mask, shape);
    if (at.numel() > source.numel())
      fail("maskedScatter", `${at.numel()} places for ${source.numel()} source elements`);
    const flat = input.expand(shape).reshape(-1);
    return flat.indexCopy(0, at, source.reshape(-1).narrow(0, 0, at.numel())).view(shape);
  },
  "MaskedScatterBackward0",
);

function needMask(name: string, mask: Tensor): void {
  if (mask.dtype !== "bool") fail(name, `the mask must be bool, got ${mask.dtype}`, 'Cast it with .to("bool")');
}

/** The elements of a vector where another holds. */
function elementsWhere(x: Tensor, mask: Tensor): Tensor {
  if (x.numel() === 0 || !x.backend.supports("maskedSelect")) return x.indexSelect(0, nonzero(mask).view(-1));
  return apply("maskedSelect", [x, mask], { count: mask.sum().item() });
}

function chosen(mask: Tensor, shape: readonly number[]): Tensor {
  return nonzero(mask.expand(shape).reshape(sizeOf(shape))).view(-1);
}
