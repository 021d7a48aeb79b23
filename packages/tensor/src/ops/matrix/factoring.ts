/** Cholesky and QR. */
import { fail } from "../../errors.ts";
import { recorded } from "../../recorder.ts";
import type { Tensor } from "../../tensor.ts";
import { cat } from "../joining.ts";
import { composite } from "../signature.ts";
import { batchOf, checkMatrices, matricesOf, shared } from "./batches.ts";
import { blockOf, productsOn } from "./block.ts";
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
 * @example
 * linalg.cholesky(floatTensor([[4, 2], [2, 5]])); // tensor([[2., 0.], [1., 2.]])
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
    const lower = batchOf(parts, A, [n, n]).triu().mT;
    recorded("LinalgCholeskyEx", [A], [lower], [lower], ([g], [l]) => {
      // L⁻ᵀ Φ(Lᵀ G) L⁻¹, with Φ the lower half
      const inside = solveTriangular(l, lowerHalf(l.mT.matmul(g)), false, false);
      return [shared(solveTriangular(l.mT, inside, true))];
    });
    return upper ? lower.mT : lower;
  },
  "LinalgCholeskyExBackward0",
);

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
    const [Q, R] = [whole.clone(), triangle.clone()];
    recorded("LinalgQr", [A], [Q, R], [Q, R], ([gQ, gR], [q, r]) => [slopeOf(q, r, gQ, gR)]);
    const shown = mode === "r" ? Q.newEmpty(0) : Q;
    return Object.assign([shown, R] as [Tensor, Tensor], { Q: shown, R });
  },
  "LinalgQrBackward0",
);

/** Q is square where R is wide: what is beyond R's triangle is Qᵀ A there. */
function slopeOf(q: Tensor, r: Tensor, gQ: Tensor | null, gR: Tensor | null): Tensor {
  const [size, columns] = r.shape.slice(-2) as [number, number];
  if (size > columns) fail("qr", "the complete Q has no derivative", 'Use "reduced"');
  if (size === columns) return squareSlope(q, r, gQ, gR);
  const parts = [size, columns - size];
  const [square, rest] = r.split(parts, -1) as [Tensor, Tensor];
  const [gSquare, gRest] = (gR ?? r.mul(0)).split(parts, -1) as [Tensor, Tensor];
  const beyond = q.matmul(rest).matmul(gRest.mT);
  return cat([squareSlope(q, square, gQ ? gQ.add(beyond) : beyond, gSquare), q.matmul(gRest)], -1);
}

/** (Q S + G_Q) R⁻ᵀ, with S symmetric and above its diagonal G_R Rᵀ − Qᵀ G_Q. */
function squareSlope(q: Tensor, r: Tensor, gQ: Tensor | null, gR: Tensor | null): Tensor {
  const turn = gQ?.mT.matmul(q).mT;
  const seen = gR ? gR.matmul(r.mT) : turn!.neg();
  const half = gR && turn ? seen.sub(turn) : seen;
  const moved = q.matmul(half.triu().add(half.triu(1).mT));
  return solveTriangular(r.mT, gQ ? moved.add(gQ) : moved, false, false);
}
