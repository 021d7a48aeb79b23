/** Diagonals and triangles of matrices, read, written and built. */
import { fail, showShape } from "../errors.ts";
import { normalizeDim, type Shape, sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { applyInPlace, applyView } from "./apply.ts";
import { where } from "./arithmetic.ts";
import { arange, zeros } from "./creation.ts";
import { composite, op } from "./signature.ts";
import { isTarget } from "./writing.ts";

function twoDims(name: string, dim1: number, dim2: number, rank: number): [number, number] {
  const dims: [number, number] = [normalizeDim(name, dim1, rank), normalizeDim(name, dim2, rank)];
  if (dims[0] === dims[1]) fail(name, `needs two different dimensions, got ${dim1} and ${dim2}`);
  return dims;
}

/**
 * A view of the elements with equal positions in two dimensions, `offset` to the right; it becomes the last dimension.
 * @see https://pytorch.org/docs/stable/generated/torch.diagonal.html
 * @example
 * tensor([[1, 2], [3, 4]]).diagonal(); // tensor([1, 4])
 */
export const diagonal = op(
  "diagonal(input, offset?, dim1?, dim2?)",
  (input: Tensor, offset: number = 0, dim1: number = 0, dim2: number = 1): Tensor => {
    const [a, b] = twoDims("diagonal", dim1, dim2, input.ndim);
    const { shape, strides } = input;
    const size = Math.max(0, Math.min(shape[a]! + Math.min(offset, 0), shape[b]! - Math.max(offset, 0)));
    const skip = size === 0 ? 0 : offset >= 0 ? offset * strides[b]! : -offset * strides[a]!;
    const moved = (from: Shape, last: number): Shape => {
      const list = from.filter((_, dim) => dim !== a && dim !== b);
      list.push(last);
      return list;
    };
    const target = {
      shape: moved(shape, size),
      strides: moved(strides, strides[a]! + strides[b]!),
      offset: input.offset + skip,
    };
    return applyView("asStrided", input, target, target.shape, target.strides, target.offset);
  },
);

/** The last dimension as the diagonal of new matrices. @see https://pytorch.org/docs/stable/generated/torch.diag_embed.html */
export const diagEmbed = composite(
  "diagEmbed(input, offset?, dim1?, dim2?)",
  (input: Tensor, offset: number = 0, dim1: number = -2, dim2: number = -1): Tensor => {
    const [a, b] = twoDims("diagEmbed", dim1, dim2, input.ndim + 1);
    const n = input.shape.at(-1) ?? fail("diagEmbed", "needs at least 1 dimension, got a 0-d tensor");
    const size = n + Math.abs(offset);
    const out = zeros([...input.shape.slice(0, -1), size, size], { dtype: input.dtype, device: input.device });
    diagonal(out, offset, -2, -1).copy_(input);
    return out.movedim([-2, -1], [a, b]);
  },
);

/**
 * The diagonal of a matrix as a copy, or a matrix with a vector on its diagonal.
 * @see https://pytorch.org/docs/stable/generated/torch.diag.html
 * @example
 * tensor([1, 2]).diag(); // tensor([[1, 0], [0, 2]])
 * tensor([[1, 2], [3, 4]]).diag(); // tensor([1, 4])
 */
export const diag = composite(
  "diag(input, diagonal?)",
  (input: Tensor, offset: number = 0): Tensor => {
    if (input.ndim === 1) return diagEmbed(input, offset);
    if (input.ndim !== 2) fail("diag", `needs a vector or a matrix, got ${showShape(input.shape)}`);
    return diagonal(input, offset).clone();
  },
  "DiagBackward0",
);

/** All elements as the diagonal of a matrix. @see https://pytorch.org/docs/stable/generated/torch.diagflat.html */
export const diagflat = composite(
  "diagflat(input, offset?)",
  (input: Tensor, offset: number = 0): Tensor => diagEmbed(input.reshape(-1), offset),
);

/**
 * The sum of a matrix's diagonal.
 * @see https://pytorch.org/docs/stable/generated/torch.trace.html
 * @example
 * tensor([[1, 2], [3, 4]]).trace(); // tensor(5)
 */
export const trace = composite(
  "trace(input)",
  (input: Tensor): Tensor => {
    if (input.ndim !== 2) fail("trace", `needs a matrix, got ${showShape(input.shape)}`);
    return diagonal(input).sum();
  },
  "TraceBackward0",
);

/** Which elements of a triangle stay. */
function kept(name: "tril" | "triu", { shape, device }: Tensor, offset: number): Tensor {
  const [rows, columns] = shape.slice(-2) as [number, number];
  const options = { dtype: "int32", device } as const;
  const first = Math.max(-rows, Math.min(columns, offset));
  const [column, end] = [arange(columns, options), arange(first, first + rows, options).unsqueeze(1)];
  return name === "tril" ? column.le(end) : column.ge(end);
}

function triangle(name: "tril" | "triu", input: Tensor, offset: number): Tensor {
  if (input.ndim < 2) fail(name, `needs at least 2 dimensions, got ${showShape(input.shape)}`);
  // The number 0 is no bool.
  if (!isTarget(input) || input.dtype === "bool") return where(kept(name, input, offset), input, 0).to(input.dtype);
  // In place, rows that stay as they are need not be touched.
  const [rows, columns] = input.shape.slice(-2) as [number, number];
  const row = (at: number): number => Math.max(0, Math.min(rows, at));
  const [first, end] = name === "tril" ? [0, row(columns - 1 - offset)] : [row(1 - offset), rows];
  const part = input.narrow(-2, first, end - first);
  applyInPlace("where", [kept(name, part, offset + first), part, 0], part);
  return input;
}

/**
 * Zero above the diagonal that lies `diagonal` to the right.
 * @see https://pytorch.org/docs/stable/generated/torch.tril.html
 * @example
 * ones(3, 3).tril(); // tensor([[1., 0., 0.], [1., 1., 0.], [1., 1., 1.]])
 */
export const tril = composite(
  "tril(input, diagonal?)",
  (input: Tensor, offset: number = 0): Tensor => triangle("tril", input, offset),
  "TrilBackward0",
);

/**
 * Zero below the diagonal that lies `diagonal` to the right.
 * @see https://pytorch.org/docs/stable/generated/torch.triu.html
 * @example
 * ones(3, 3).triu(1); // tensor([[0., 1., 1.], [0., 0., 1.], [0., 0., 0.]])
 */
export const triu = composite(
  "triu(input, diagonal?)",
  (input: Tensor, offset: number = 0): Tensor => triangle("triu", input, offset),
  "TriuBackward0",
);

/** A copy with `src` on the diagonal. @see https://pytorch.org/docs/stable/generated/torch.diagonal_scatter.html */
export const diagonalScatter = composite(
  "diagonalScatter(input, src, offset?, dim1?, dim2?)",
  (input: Tensor, src: Tensor, offset: number = 0, dim1: number = 0, dim2: number = 1): Tensor =>
    written("diagonalScatter", input, src, (x) => diagonal(x, offset, dim1, dim2)),
);

/** A copy with `src` at one position of a dimension. @see https://pytorch.org/docs/stable/generated/torch.select_scatter.html */
export const selectScatter = composite(
  "selectScatter(input, src, dim, index)",
  (input: Tensor, src: Tensor, dim: number, index: number): Tensor =>
    written("selectScatter", input, src, (x) => x.select(dim, index)),
);

/** A copy with `src` in a slice of a dimension. @see https://pytorch.org/docs/stable/generated/torch.slice_scatter.html */
export const sliceScatter = composite(
  "sliceScatter(input, src, dim?, start?, end?, step?)",
  (
    input: Tensor,
    src: Tensor,
    dim: number = 0,
    start: number | null = null,
    end: number | null = null,
    step: number = 1,
  ): Tensor => {
    const at = normalizeDim("sliceScatter", dim, input.ndim);
    const before = input.shape.slice(0, at).map(() => []);
    return written("sliceScatter", input, src, (x) => x.at(...before, [start, end, step]));
  },
);

/** A copy with `src` in the places that {@link asStrided} sees. @see https://pytorch.org/docs/stable/generated/torch.as_strided_scatter.html */
export const asStridedScatter = composite(
  "asStridedScatter(input, src, size, stride, storageOffset?)",
  (input: Tensor, src: Tensor, size: Shape, stride: Shape, storageOffset: number | null = null): Tensor =>
    written("asStridedScatter", input, src, (x) => x.asStrided(size, stride, storageOffset)),
);

/** A copy of `input` whose view by `look` holds `src`. */
function written(name: string, input: Tensor, src: Tensor, look: (x: Tensor) => Tensor): Tensor {
  const out = input.clone();
  const place = look(out);
  if (!sameShape(place.shape, src.shape)) {
    fail(name, `the place has shape ${showShape(place.shape)}, the source ${showShape(src.shape)}`);
  }
  place.copy_(src);
  return out;
}
