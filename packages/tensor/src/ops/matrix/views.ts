/** Parts of matrices. */
import type { Tensor } from "../../tensor.ts";
import * as diagonals from "../diagonals.ts";
import { op } from "../signature.ts";

/** {@link diagonals.diagonal} of the last two dimensions. @see https://pytorch.org/docs/stable/generated/torch.linalg.diagonal.html */
export const diagonal = op(
  "diagonal(A, offset?, dim1?, dim2?)",
  (A: Tensor, offset: number = 0, dim1: number = -2, dim2: number = -1): Tensor =>
    diagonals.diagonal(A, offset, dim1, dim2),
);
