/** Powers and chains of matrices, products of vectors along a dimension. */
import { fail } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import { eye } from "../creation.ts";
import * as products from "../products.ts";
import { composite } from "../signature.ts";
import { checkMatrices } from "./batches.ts";
import { inv } from "./solving.ts";

/** Aⁿ, of the inverse for negative n. @see https://pytorch.org/docs/stable/generated/torch.linalg.matrix_power.html */
export const matrixPower = composite("matrixPower(A, n)", (A: Tensor, n: number): Tensor => {
  checkMatrices("matrixPower", A, true);
  if (!Number.isInteger(n)) fail("matrixPower", `needs a whole number, got ${n}`);
  if (n === 0) return A.mul(0).add(eye(A.shape.at(-1)!, { dtype: A.dtype, device: A.device }));
  let square = n < 0 ? inv(A) : A;
  let result: Tensor | null = null;
  for (let rest = Math.abs(n); rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = result ? result.matmul(square) : square;
    if (rest > 1) square = square.matmul(square);
  }
  return result === A ? A.clone() : result!;
});

/** The product of several matrices; the first and the last may be vectors. @see https://pytorch.org/docs/stable/generated/torch.linalg.multi_dot.html */
export const multiDot = composite("multiDot(tensors)", (tensors: readonly Tensor[]): Tensor => {
  if (tensors.length < 2) fail("multiDot", `needs at least two tensors, got ${tensors.length}`);
  return tensors.reduce((left, right) => left.matmul(right));
});

/** The vector product along a dimension of size 3. @see https://pytorch.org/docs/stable/generated/torch.linalg.cross.html */
export const cross = composite(
  "cross(input, other, dim?)",
  (input: Tensor, other: Tensor, dim: number = -1): Tensor => products.cross(input, other, dim),
);

/** Σ x · y along a dimension. @see https://pytorch.org/docs/stable/generated/torch.linalg.vecdot.html */
export const vecdot = composite(
  "vecdot(x, y, dim?)",
  (x: Tensor, y: Tensor, dim: number = -1): Tensor => x.mul(y).sum(dim),
);
