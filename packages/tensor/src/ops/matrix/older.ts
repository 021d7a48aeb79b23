/** PyTorch's functions on matrices that are older than `linalg`, with their own results. */
import { fail, showShape } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import { composite } from "../signature.ts";
import { qr as decompose, type QR } from "./factoring.ts";
import * as solutions from "./solutions.ts";
import { inv, solve, solveTriangular } from "./solving.ts";
import * as values from "./values.ts";

/** A = U diag(S) Vᵀ: V itself, where `linalg.svd` gives its transpose. */
type OldSVD = [U: Tensor, S: Tensor, V: Tensor] & { readonly U: Tensor; readonly S: Tensor; readonly V: Tensor };

/** Singular values and vectors; `some` false makes U and V square, `computeUv` false makes them zero. @see https://pytorch.org/docs/stable/generated/torch.svd.html */
export const svd = composite(
  "svd(input, some?, computeUv?)",
  (input: Tensor, some: boolean = true, computeUv: boolean = true): OldSVD => {
    const { U: left, S, Vh } = values.svd(input, !some || !computeUv);
    const [U, V] = computeUv ? [left, Vh.mT] : [left.detach().mul(0), Vh.mT.detach().mul(0)];
    return Object.assign([U, S, V] as [Tensor, Tensor, Tensor], { U, S, V });
  },
);

/** Orthonormal columns and a triangle; square Q where `some` is false. @see https://pytorch.org/docs/stable/generated/torch.qr.html */
export const qr = composite(
  "qr(input, some?)",
  (input: Tensor, some: boolean = true): QR => decompose(input, some ? "reduced" : "complete"),
);

/** The lower factor. The other triangle does not count, but gets the derivative that PyTorch gives it. */
function factorOf(input: Tensor, upper: boolean): Tensor {
  const lower = upper ? input.mT : input;
  return lower.sub(lower.detach().triu(1));
}

/** A⁻¹ from its Cholesky factor. @see https://pytorch.org/docs/stable/generated/torch.cholesky_inverse.html */
export const choleskyInverse = composite(
  "choleskyInverse(input, upper?)",
  (input: Tensor, upper: boolean = false): Tensor => {
    const root = inv(factorOf(input, upper));
    return root.mT.matmul(root);
  },
);

/** X with A X = B from A's Cholesky factor. @see https://pytorch.org/docs/stable/generated/torch.cholesky_solve.html */
export const choleskySolve = composite(
  "choleskySolve(input, input2, upper?)",
  (input: Tensor, input2: Tensor, upper: boolean = false): Tensor => {
    if (input.ndim < 2) fail("choleskySolve", `needs matrices, got ${showShape(input.shape)}`);
    const lower = factorOf(input2, upper);
    return solve(lower.mT, solve(lower, input));
  },
);

/** A solution and the matrix it was for. */
type Solution = [solution: Tensor, clonedCoefficient: Tensor] & {
  readonly solution: Tensor;
  readonly clonedCoefficient: Tensor;
};

/** X with A X = b for a triangular A, or its transpose. @see https://pytorch.org/docs/stable/generated/torch.triangular_solve.html */
export const triangularSolve = composite(
  "triangularSolve(b, A, upper?, transpose?, unitriangular?)",
  (
    b: Tensor,
    A: Tensor,
    upper: boolean = true,
    transpose: boolean = false,
    unitriangular: boolean = false,
  ): Solution => {
    const solution = transpose
      ? solveTriangular(A.mT, b, !upper, true, unitriangular)
      : solveTriangular(A, b, upper, true, unitriangular);
    const clonedCoefficient = A.clone();
    return Object.assign([solution, clonedCoefficient] as [Tensor, Tensor], { solution, clonedCoefficient });
  },
);

/** Powers of a vector's elements, falling unless `increasing`. @see https://pytorch.org/docs/stable/generated/torch.vander.html */
export const vander = composite(
  "vander(x, N?, increasing?)",
  (x: Tensor, N: number | null = null, increasing: boolean = false): Tensor => {
    if (x.ndim !== 1) fail("vander", `needs a vector, got ${showShape(x.shape)}`);
    const rising = solutions.vander(x, N);
    return increasing ? rising : rising.flip(-1);
  },
);

export { matrixExp } from "./solutions.ts";
