/** Cholesky and QR. */
import { fail } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import { composite } from "../signature.ts";
import { blockOf, productsOn } from "./block.ts";
import { batchOf, changeOf, checkMatrices, followed, matricesOf } from "./expand.ts";
import { basis, Reflections, triangulate } from "./reflections.ts";
import { solveTriangular } from "./solving.ts";
import { cholesky as factor } from "./triangles.ts";

/** The lower triangle, its diagonal halved. */
function lowerHalf(x: Tensor): Tensor {
  return x.tril(-1).add(x.tril().triu().div(2));
}

/**
 * L, lower triangular, with L Lᵀ = A (or its transpose if `upper`).
 * @throws TensorError unless the matrices are positive definite
 * @see https://pytorch.org/docs/stable/generated/torch.linalg.cholesky.html
 */
export const cholesky = composite(
  "cholesky(A, upper?)",
  (A: Tensor, upper: boolean = false): Tensor => {
    checkMatrices("cholesky", A, true);
    const n = A.shape.at(-1)!;
    const products = productsOn(A.backend);
    const parts = matricesOf(upper ? A : A.mT, "cholesky").map((matrix) => {
      if (!factor(matrix, products)) fail("cholesky", "a matrix is not positive definite");
      return matrix.data;
    });
    const value = batchOf(parts, A, [n, n]).triu().mT;
    const change = changeOf(A);
    const lower = change ? value.matmul(correction(value, change)) : value;
    return upper ? lower.mT : lower;
  },
  "LinalgCholeskyExBackward0",
);

/** chol(I + S) = I + ΦS − Φ(ΦS ΦSᵀ) + …, with S the change seen through L, and Φ the lower half. */
function correction(value: Tensor, change: Tensor): Tensor {
  const symmetric = change.add(change.mT).div(2);
  const s = solveTriangular(value, solveTriangular(value, symmetric, false).mT, false);
  const first = lowerHalf(s);
  const identity = value
    .matmul(value.mT)
    .mul(0)
    .add(value.newOnes(value.shape.at(-1)!).diag());
  return identity.add(first).sub(lowerHalf(first.matmul(first.mT)));
}

/** Orthonormal columns and a triangle. */
export type QR = [Q: Tensor, R: Tensor] & { readonly Q: Tensor; readonly R: Tensor };

/**
 * A = Q R with orthonormal Q and upper triangular R: "reduced" to the smaller size, or "complete".
 * @see https://pytorch.org/docs/stable/generated/torch.linalg.qr.html
 */
export const qr = composite(
  "qr(A, mode?)",
  (A: Tensor, mode: "reduced" | "complete" | "r" = "reduced"): QR => {
    checkMatrices("qr", A, false);
    const [rows, columns] = A.shape.slice(-2) as [number, number];
    const size = mode === "complete" ? rows : Math.min(rows, columns);
    const products = productsOn(A.backend);
    const made = new Reflections(Math.min(rows, columns), rows);
    const parts = matricesOf(A.mT, "qr").map((matrix) => {
      const q = blockOf(new Float64Array(size * rows), size, rows);
      triangulate(matrix, made, products);
      basis(q, made, products, true);
      return [q.data, matrix.data];
    });
    const whole = batchOf(
      parts.map(([q]) => q!),
      A,
      [size, rows],
    ).mT;
    const triangle = batchOf(
      parts.map(([, r]) => r!),
      A,
      [columns, rows],
    ).mT.narrow(-2, 0, size);
    const change = changeOf(A);
    const [Q, R] = change
      ? followed<[Tensor, Tensor]>([whole, triangle], ([q, r]) => step(q, r, change))
      : [whole.clone(), triangle.clone()];
    const shown = mode === "r" ? Q.newEmpty(0) : Q;
    return Object.assign([shown, R] as [Tensor, Tensor], { Q: shown, R });
  },
  "LinalgQrBackward0",
);

/** The differential: with M = Qᵀ D R⁻¹, Q turns by its antisymmetric part and R takes the rest. */
function step(q: Tensor, r: Tensor, change: Tensor): [Tensor, Tensor] {
  const [size, columns] = r.shape.slice(-2) as [number, number];
  if (q.shape.at(-2) !== size && columns > size) fail("qr", "the complete Q has no derivative", 'Use "reduced"');
  const square = r.narrow(-1, 0, Math.min(size, columns));
  const moved = solveTriangular(square.mT, change.narrow(-1, 0, Math.min(size, columns)).mT, false).mT;
  const m = q.mT.matmul(moved);
  const turn = m.tril(-1).sub(m.tril(-1).mT);
  return [q.matmul(turn).add(moved.sub(q.matmul(m))), q.mT.matmul(change).sub(turn.matmul(r))];
}
