/** PyTorch's functions on matrices that are older than `linalg`, with their own results. */
import { fail, showShape } from "../../errors.ts";
import { recorded } from "../../recorder.ts";
import type { Tensor } from "../../tensor.ts";
import { composite } from "../signature.ts";
import { checkMatrices, matricesOf } from "./batches.ts";
import { type Block, type Products, turned } from "./block.ts";
import { refuseZeros } from "./eliminations.ts";
import { qr as decompose, type QR } from "./factoring.ts";
import * as solutions from "./solutions.ts";
import { aligned, identities, solutionOf, solveTriangular } from "./solving.ts";
import { solveLower, solveUpper } from "./triangles.ts";
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
function lowerOf(factor: Tensor, upper: boolean): Tensor {
  const lower = upper ? factor.mT : factor;
  return lower.sub(lower.detach().triu(1));
}

/** From the gradient of A = L Lᵀ to that of L, or of its transpose. */
function factorSlope(g: Tensor, factor: Tensor, upper: boolean): Tensor {
  const slope = g.add(g.mT).matmul(lowerOf(factor, upper));
  return upper ? slope.mT : slope;
}

/** L⁻ᵀ L⁻¹ B for B. */
function substituteTwice(l: Block, b: Block, products: Products): void {
  solveLower(l, b, false, products);
  solveUpper(turned(l), b, false, products);
}

/** A⁻¹ from its Cholesky factor. @see https://pytorch.org/docs/stable/generated/torch.cholesky_inverse.html */
export const choleskyInverse = composite(
  "choleskyInverse(input, upper?)",
  (input: Tensor, upper: boolean = false): Tensor => {
    const name = "choleskyInverse";
    checkMatrices(name, input, true);
    const lower = upper ? input.mT : input;
    const inverse = solutionOf(name, lower, identities(input), input.shape.at(-1)!, (l, b, products) => {
      refuseZeros(name, l);
      substituteTwice(l, b, products);
    });
    return recorded("CholeskyInverse", [input], [inverse], [input, inverse], ([g], [l, x]) => [
      factorSlope(x.matmul(g).matmul(x).neg(), l, upper),
    ])[0];
  },
);

/** X with A X = B from A's Cholesky factor. @see https://pytorch.org/docs/stable/generated/torch.cholesky_solve.html */
export const choleskySolve = composite(
  "choleskySolve(input, input2, upper?)",
  (input: Tensor, input2: Tensor, upper: boolean = false): Tensor => {
    const name = "choleskySolve";
    checkMatrices(name, input2, true);
    const [factor, b] = aligned(name, input2, input);
    const lower = upper ? factor.mT : factor;
    const value = solutionOf(name, lower, matricesOf(b, name), b.shape.at(-1)!, substituteTwice);
    return recorded("CholeskySolve", [b, factor], [value], [factor, value], ([g], [l, x], [, wantsFactor]) => {
      const side = choleskySolve(g, l, upper);
      return [side, wantsFactor ? factorSlope(side.matmul(x.mT).neg(), l, upper) : null];
    })[0];
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
