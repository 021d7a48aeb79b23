/** Other views of the same memory: strides only. What cannot be a view is copied (reshape, contiguous) or refused (view). */
import { fail, showShape } from "../errors.ts";
import {
  checkShape,
  expandStrides,
  inferSize,
  isContiguous,
  normalizeDim,
  reshapeStrides,
  type Shape,
  sizeOf,
} from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { apply, applyView } from "./apply.ts";
import { labelled } from "./labels.ts";
import { composite, op, type Sizes, sizes } from "./signature.ts";
import { strided, window } from "./windows.ts";

/**
 * The same elements under another shape, one size of which may be -1; always shares memory.
 * @throws TensorError when the element counts differ or the strides allow no view
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.view.html
 * @example
 * arange(6).view(2, 3); // tensor([[0, 1, 2], [3, 4, 5]])
 * arange(6).view(3, -1).shape; // [3, 2]
 */
export function view(input: Tensor, ...shape: Sizes<"size">): Tensor {
  const wanted = inferSize("view", sizes(shape, "view", "size"), input.numel(), input.shape);
  const strides = reshapeStrides(input.shape, input.strides, wanted);
  if (!strides) {
    fail(
      "view",
      `shape ${showShape(wanted)} does not fit the strides ${showShape(input.strides)} of ${showShape(input.shape)}`,
      "Use .reshape(…), which copies where it must",
    );
  }
  return labelled(applyView("reshape", input, { shape: wanted }, wanted, strides), "ViewBackward0");
}

/**
 * Like {@link view}, but copies where no view is possible.
 * @see https://pytorch.org/docs/stable/generated/torch.reshape.html
 * @example
 * arange(6).reshape(2, -1); // tensor([[0, 1, 2], [3, 4, 5]])
 */
export function reshape(input: Tensor, ...shape: Sizes<"shape">): Tensor {
  const wanted = inferSize("reshape", sizes(shape, "reshape", "shape"), input.numel(), input.shape);
  const strides = reshapeStrides(input.shape, input.strides, wanted);
  if (!strides) return view(contiguous(input), wanted);
  return labelled(applyView("reshape", input, { shape: wanted }, wanted, strides), "ViewBackward0");
}

/**
 * Itself where it already lies row-major, else a row-major copy.
 * @example
 * zeros(2, 3).t().contiguous().stride(); // [2, 1]
 */
export function contiguous(input: Tensor): Tensor {
  return isContiguous(input.shape, input.strides) ? input : apply("copy", [input]);
}

/**
 * A copy, through which gradients flow. It lies in memory as `input` does, without gaps.
 * @see https://pytorch.org/docs/stable/generated/torch.clone.html
 * @example
 * const x = tensor([1, 2]);
 * const copy = x.clone();
 * x.zero_();
 * copy; // tensor([1, 2])
 */
export function clone(input: Tensor): Tensor {
  return apply("copy", [input], { keepsOrder: true });
}

/**
 * The dimensions in another order.
 * @see https://pytorch.org/docs/stable/generated/torch.permute.html
 * @example
 * zeros(2, 3, 4).permute(2, 0, 1).shape; // [4, 2, 3]
 */
export function permute(input: Tensor, ...order: Sizes<"dims">): Tensor {
  const wanted = sizes(order, "permute", "dims");
  const dims = wanted.map((dim) => normalizeDim("permute", dim, input.ndim));
  if (dims.length !== input.ndim || new Set(dims).size !== dims.length) {
    fail("permute", `needs each of ${input.ndim} dimensions once, got [${wanted.join(", ")}]`);
  }
  const pick = (from: Shape): number[] => dims.map((dim) => from[dim]!);
  return labelled(applyView("permute", input, { dims }, pick(input.shape), pick(input.strides)), "PermuteBackward0");
}

/**
 * Two dimensions swapped.
 * @see https://pytorch.org/docs/stable/generated/torch.transpose.html
 * @example
 * zeros(2, 3, 4).transpose(0, 1).shape; // [3, 2, 4]
 */
export const transpose = op(
  "transpose(input, dim0, dim1)",
  (input: Tensor, dim0: number, dim1: number): Tensor => {
    const [a, b] = [normalizeDim("transpose", dim0, input.ndim), normalizeDim("transpose", dim1, input.ndim)];
    const order = input.shape.map((_, dim) => (dim === a ? b : dim === b ? a : dim));
    return permute(input, order);
  },
  "TransposeBackward0",
);

/**
 * The transpose of a matrix; tensors of fewer dimensions as they are.
 * @example
 * tensor([[1, 2], [3, 4]]).t(); // tensor([[1, 3], [2, 4]])
 */
export function t(input: Tensor): Tensor {
  if (input.ndim > 2) fail("t", `needs at most 2 dimensions, got ${showShape(input.shape)}`, "Use .transpose(a, b)");
  const order = input.shape.map((_, dim) => input.ndim - 1 - dim);
  return labelled(permute(input, order), "TBackward0");
}

/**
 * Repeats dimensions of size 1 without copying; -1 keeps a size.
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.expand.html
 * @example
 * tensor([[1], [2]]).expand(2, 3); // tensor([[1, 1, 1], [2, 2, 2]])
 */
export function expand(input: Tensor, ...shape: Sizes<"size">): Tensor {
  const wanted = sizes(shape, "expand", "size");
  const lead = wanted.length - input.ndim;
  const target = wanted.map((size, dim) => (size === -1 && dim >= lead ? input.shape[dim - lead]! : size));
  checkShape("expand", target);
  const fits = lead >= 0 && input.shape.every((size, dim) => size === 1 || size === target[dim + lead]);
  if (!fits) fail("expand", `${showShape(input.shape)} cannot become ${showShape(wanted)}`, "Only sizes of 1 repeat");
  return applyView("expand", input, { shape: target }, target, expandStrides(input.shape, input.strides, target));
}

/**
 * `length` elements of one dimension from `start`.
 * @see https://pytorch.org/docs/stable/generated/torch.narrow.html
 * @example
 * arange(5).narrow(0, 1, 3); // tensor([1, 2, 3])
 */
export const narrow = op(
  "narrow(input, dim, start, length)",
  (input: Tensor, dim: number, start: number | Tensor, length: number): Tensor => {
    const at = normalizeDim("narrow", dim, input.ndim);
    const size = input.shape[at] ?? fail("narrow", "a 0-d tensor has no dimension to narrow");
    const first = typeof start === "number" ? start : start.item();
    const from = first < 0 ? first + size : first;
    if (from < 0 || length < 0 || from + length > size) {
      fail("narrow", `start ${first} and length ${length} leave dimension ${at} of size ${size}`);
    }
    return window(input, at, from, length, 1);
  },
);

/** {@link narrow} as a copy. @see https://pytorch.org/docs/stable/generated/torch.narrow_copy.html */
export const narrowCopy = composite(
  "narrowCopy(input, dim, start, length)",
  (input: Tensor, dim: number, start: number | Tensor, length: number): Tensor =>
    clone(narrow(input, dim, start, length)),
);

/**
 * One position of a dimension, which disappears.
 * @see https://pytorch.org/docs/stable/generated/torch.select.html
 * @example
 * tensor([[1, 2], [3, 4]]).select(1, 0); // tensor([1, 3])
 */
export const select = composite(
  "select(input, dim, index)",
  (input: Tensor, dim: number, index: number): Tensor => {
    const at = normalizeDim("select", dim, input.ndim);
    const size = input.shape[at] ?? fail("select", "a 0-d tensor cannot be indexed", "Read it with .item()");
    if (!Number.isInteger(index) || index < -size || index >= size) {
      fail("select", `index ${index} is out of range for dimension ${at} of size ${size}`);
    }
    return drop(window(input, at, index < 0 ? index + size : index, 1, 1), [at]);
  },
  "SelectBackward0",
);

function drop(input: Tensor, dims: readonly number[]): Tensor {
  const rest = (from: Shape): number[] => from.filter((_, dim) => !dims.includes(dim));
  const shape = rest(input.shape);
  return applyView("reshape", input, { shape }, shape, rest(input.strides));
}

/**
 * Without the dimensions of size 1, or without those named that have it.
 * @see https://pytorch.org/docs/stable/generated/torch.squeeze.html
 * @example
 * zeros(1, 3, 1).squeeze().shape; // [3]
 * zeros(1, 3, 1).squeeze(0).shape; // [3, 1]
 */
export const squeeze = op("squeeze(input, dim?)", (input: Tensor, dim?: number | readonly number[] | null): Tensor => {
  const list = typeof dim === "number" ? [dim] : dim;
  const named = list?.map((d) => normalizeDim("squeeze", d, input.ndim));
  const dims = input.shape.flatMap((size, d) => (size === 1 && (!named || named.includes(d)) ? [d] : []));
  return labelled(drop(input, dims), named ? "SqueezeBackward1" : "SqueezeBackward0");
});

/**
 * A new dimension of size 1 at `dim`.
 * @see https://pytorch.org/docs/stable/generated/torch.unsqueeze.html
 * @example
 * zeros(3).unsqueeze(0).shape; // [1, 3]
 */
export const unsqueeze = op(
  "unsqueeze(input, dim)",
  (input: Tensor, dim: number): Tensor => {
    const at = normalizeDim("unsqueeze", dim, input.ndim + 1);
    const shape = input.shape.toSpliced(at, 0, 1);
    const stride = at < input.ndim ? input.strides[at]! * input.shape[at]! : 1;
    return applyView("reshape", input, { shape }, shape, input.strides.toSpliced(at, 0, stride));
  },
  "UnsqueezeBackward0",
);

/**
 * The elements in reverse order along `dims`; a copy, as in PyTorch.
 * @see https://pytorch.org/docs/stable/generated/torch.flip.html
 * @example
 * tensor([1, 2, 3]).flip(0); // tensor([3, 2, 1])
 */
export function flip(input: Tensor, ...order: Sizes<"dims">): Tensor {
  const dims = sizes(order, "flip", "dims").map((dim) => normalizeDim("flip", dim, input.ndim));
  const start = input.shape.map((size, dim) => (dims.includes(dim) ? Math.max(size - 1, 0) : 0));
  const step = input.shape.map((_, dim) => (dims.includes(dim) ? -1 : 1));
  return labelled(clone(strided(input, start, input.shape, step)), "FlipBackward0");
}

/**
 * A view with any shape and strides (in elements) over the storage.
 * @throws TensorError when it would reach outside the storage
 * @see https://pytorch.org/docs/stable/generated/torch.as_strided.html
 * @example
 * arange(6).asStrided([2, 2], [3, 1]); // tensor([[0, 1], [3, 4]])
 */
export const asStrided = op(
  "asStrided(input, size, stride, storageOffset?)",
  (input: Tensor, size: Shape, stride: readonly number[], storageOffset?: number | null): Tensor => {
    checkShape("asStrided", size);
    const offset = storageOffset ?? input.offset;
    const last = size.reduce((sum, extent, dim) => sum + (extent - 1) * stride[dim]!, offset);
    if (size.length !== stride.length || stride.some((s) => s < 0) || offset < 0) {
      fail("asStrided", `needs a stride ≥ 0 for each size, got ${showShape(size)} and ${showShape(stride)}`);
    }
    if (sizeOf(size) > 0 && last >= input.storage.length) {
      fail("asStrided", `reaches element ${last} of a storage of ${input.storage.length}`);
    }
    return applyView("asStrided", input, { shape: size, strides: stride, offset }, size, stride, offset);
  },
  "AsStridedBackward0",
);

/**
 * The same memory without history.
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.detach.html
 * @example
 * ones(2, { requiresGrad: true }).detach().requiresGrad; // false
 */
export function detach(input: Tensor): Tensor {
  return new Tensor(input.storage, input.shape, input.strides, input.offset, input.dtype);
}
