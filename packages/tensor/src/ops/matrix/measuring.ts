/** Norms of vectors and matrices. */
import type { DType } from "../../dtype.ts";
import { fail, showShape } from "../../errors.ts";
import { normalizeDim } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { vectorNormOf } from "../norms.ts";
import type { Dims } from "../reduce.ts";
import { composite } from "../signature.ts";
import { svdvals } from "./values.ts";

/** (Σ |x|^ord)^(1/ord) over `dim`, or of all elements. @see https://pytorch.org/docs/stable/generated/torch.linalg.vector_norm.html */
export const vectorNorm = composite(
  "vectorNorm(x, ord?, dim?, keepdim?, dtype?)",
  (x: Tensor, ord: number = 2, dim?: Dims, keepdim: boolean = false, dtype?: DType | null): Tensor =>
    vectorNormOf("vectorNorm", dtype ? x.to(dtype) : x, ord, dim, keepdim),
  "LinalgVectorNormBackward0",
);

/** A matrix norm's order. */
export type MatrixOrder = "fro" | "nuc" | number;

/**
 * Norms of matrices in two dimensions: "fro", "nuc" (the sum of singular values), ±1 and ±∞ (sums of columns, of rows),
 * ±2 (singular values).
 * @see https://pytorch.org/docs/stable/generated/torch.linalg.matrix_norm.html
 */
export const matrixNorm = composite(
  "matrixNorm(A, ord?, dim?, keepdim?, dtype?)",
  (
    A: Tensor,
    ord: MatrixOrder = "fro",
    dim: readonly number[] = [-2, -1],
    keepdim: boolean = false,
    dtype?: DType | null,
  ): Tensor => {
    if (A.ndim < 2 || dim.length !== 2)
      fail("matrixNorm", `needs two dimensions, got [${dim}] of ${showShape(A.shape)}`);
    const [rows, columns] = dim.map((d) => normalizeDim("matrixNorm", d, A.ndim)) as [number, number];
    if (rows === columns) fail("matrixNorm", `needs two different dimensions, got [${dim}]`);
    const x = (dtype ? A.to(dtype) : A).movedim([rows, columns], [-2, -1]);
    const value = orderOf(x, ord);
    return keepdim ? [rows, columns].sort((a, b) => a - b).reduce((out, d) => out.unsqueeze(d), value) : value;
  },
);

function orderOf(x: Tensor, ord: MatrixOrder): Tensor {
  if (ord === "fro") return vectorNormOf("matrixNorm", x, 2, [-2, -1], false);
  if (ord === "nuc") return svdvals(x).sum(-1);
  const size = typeof ord === "number" ? Math.abs(ord) : Number.NaN;
  if (size !== 1 && size !== 2 && size !== Number.POSITIVE_INFINITY) {
    fail("matrixNorm", `unknown order ${ord}`, 'Use "fro", "nuc", ±1, ±2 or ±Infinity');
  }
  const parts = size === 2 ? svdvals(x) : x.abs().sum(size === 1 ? -2 : -1);
  if (parts.shape.at(-1) === 0 && (ord as number) > 0) return parts.sum(-1);
  return (ord as number) > 0 ? parts.amax(-1) : parts.amin(-1);
}

/** {@link vectorNorm} or {@link matrixNorm}, by the dimensions; without an order the 2-norm of all elements. @see https://pytorch.org/docs/stable/generated/torch.linalg.norm.html */
export const norm = composite(
  "norm(A, ord?, dim?, keepdim?, dtype?)",
  (
    A: Tensor,
    ord: MatrixOrder | null = null,
    dim: Dims = null,
    keepdim: boolean = false,
    dtype?: DType | null,
  ): Tensor => {
    if (ord === null) return vectorNorm(A, 2, dim, keepdim, dtype);
    const pair =
      dim === null ? (A.ndim === 2 ? [0, 1] : null) : typeof dim === "number" || dim.length !== 2 ? null : dim;
    if (pair) return matrixNorm(A, ord, pair, keepdim, dtype);
    if (typeof ord === "string") fail("norm", `order "${ord}" is for matrices, got ${showShape(A.shape)}`);
    return vectorNorm(A, ord, dim, keepdim, dtype);
  },
);
