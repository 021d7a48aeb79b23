/** Linear systems, inverses, determinants. */
import { fail, showShape } from "../../errors.ts";
import { isGradEnabled, isWanted, recorded } from "../../recorder.ts";
import { tidy } from "../../scope.ts";
import { broadcastShapes, sameShape, sizeOf } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { where } from "../arithmetic.ts";
import { eye, tensor } from "../creation.ts";
import { stack } from "../joining.ts";
import { composite } from "../signature.ts";
import { batchOf, checkMatrices, matricesOf } from "./batches.ts";
import { type Block, identity, type Products, productsOn } from "./block.ts";
import { type Eliminations, eliminationsOf, solutionsBy } from "./eliminations.ts";
import { eliminate, solveLower, solveUpper } from "./triangles.ts";
import { svd } from "./values.ts";

/** Turns B into X with A X = B. */
type Solver = (a: Block, b: Block, products: Products) => void;

/** With triangles, whose other halves do not count. */
const substitute =
  (upper: boolean, unit: boolean): Solver =>
  (a, b, products) =>
    (upper ? solveUpper : solveLower)(a, b, unit, products);

/** Constant solutions for sides that are used up, each with so many columns, of triangles. */
export function solutionOf(name: string, A: Tensor, sides: readonly Block[], columns: number, solver: Solver): Tensor {
  const products = productsOn(A.backend);
  const parts = matricesOf(A, name).map((a, i) => {
    solver(a, sides[i]!, products);
    return sides[i]!.data;
  });
  return batchOf(parts, A, [A.shape.at(-1)!, columns]);
}

/** Ones on the diagonals of as many matrices as A has. */
export function identities(A: Tensor): Block[] {
  const n = A.shape.at(-1)!;
  return Array.from({ length: sizeOf(A.shape.slice(0, -2)) }, () => identity(n, n));
}

/**
 * The inverse of square matrices.
 * @throws TensorError for a singular matrix
 * @see https://pytorch.org/docs/stable/generated/torch.linalg.inv.html
 * @example
 * linalg.inv(floatTensor([[2, 0], [0, 4]])); // tensor([[0.5000, 0.0000], [0.0000, 0.2500]])
 */
export const inv = composite("inv(A)", (A: Tensor): Tensor => {
  checkMatrices("inv", A, true);
  const inverse = solutionsBy(eliminationsOf("inv", A), A, identities(A), A.shape.at(-1)!);
  return recorded("LinalgInvEx", [A], [inverse], [inverse], ([g], [x]) => [x.mT.matmul(g).matmul(x.mT).neg()])[0];
});

/**
 * X with A X = B (or X A = B if `left` is false); B may hold vectors.
 * @throws TensorError for a singular matrix
 * @see https://pytorch.org/docs/stable/generated/torch.linalg.solve.html
 * @example
 * linalg.solve(floatTensor([[2, 0], [0, 4]]), floatTensor([2, 8])); // tensor([1., 2.])
 */
export const solve = composite(
  "solve(A, B, left?)",
  (A: Tensor, B: Tensor, left: boolean = true): Tensor => {
    checkMatrices("solve", A, true);
    const vector = B.ndim === 1 || (B.ndim === A.ndim - 1 && sameShape(B.shape, A.shape.slice(0, -1)));
    if (vector) return solveLeft(A, B.unsqueeze(-1)).squeeze(-1);
    return left ? solveLeft(A, B) : solveLeft(A.mT, B.mT).mT;
  },
  "LinalgSolveExBackward0",
);

/** Matrices and sides of one batch. */
export function aligned(name: string, A: Tensor, B: Tensor): [A: Tensor, B: Tensor] {
  if (B.shape.at(-2) !== A.shape.at(-1))
    fail(name, `needs [n, n] and [n, k], got ${showShape(A.shape)} and ${showShape(B.shape)}`);
  const batch = broadcastShapes(name, A.shape.slice(0, -2), B.shape.slice(0, -2));
  return [A, B].map((x) => x.expand([...batch, ...x.shape.slice(-2)])) as [Tensor, Tensor];
}

/** The gradient's system has the transpose, and so the same factors. */
function solveLeft(A: Tensor, B: Tensor, factors?: Eliminations): Tensor {
  const [a, b] = aligned("solve", A, B);
  const found = factors ?? eliminationsOf("solve", a);
  const value = solutionsBy(found, a, matricesOf(b, "solve"), b.shape.at(-1)!);
  return recorded("LinalgSolveEx", [a, b], [value], [a, value], ([g], [m, x], [wantsA]) => {
    const side = solveLeft(m.mT, g, { ...found, isTurned: !found.isTurned });
    return [wantsA ? side.matmul(x.mT).neg() : null, side];
  })[0];
}

/** {@link solve} with a triangular matrix, whose other half does not count. @see https://pytorch.org/docs/stable/generated/torch.linalg.solve_triangular.html */
export const solveTriangular = composite(
  "solveTriangular(A, B, upper, left?, unitriangular?)",
  (A: Tensor, B: Tensor, upper: boolean, left: boolean = true, unitriangular: boolean = false): Tensor => {
    checkMatrices("solveTriangular", A, true);
    return left ? substituted(A, B, upper, unitriangular) : substituted(A.mT, B.mT, !upper, unitriangular).mT;
  },
  "LinalgSolveTriangularBackward0",
);

function substituted(A: Tensor, B: Tensor, upper: boolean, unit: boolean): Tensor {
  const name = "solveTriangular";
  const [a, b] = aligned(name, A, B);
  const value = solutionOf(name, a, matricesOf(b, name), b.shape.at(-1)!, substitute(upper, unit));
  const offset = unit ? 1 : 0;
  return recorded("LinalgSolveTriangular", [a, b], [value], [a, value], ([g], [m, x], [wantsA]) => {
    const side = substituted(m.mT, g, !upper, unit);
    const whole = wantsA ? side.matmul(x.mT).neg() : null;
    return [whole && (upper ? whole.triu(offset) : whole.tril(-offset)), side];
  })[0];
}

interface Determinants {
  readonly sign: Tensor;
  readonly logabsdet: Tensor;
}

function determinants(name: string, A: Tensor): Determinants {
  const products = productsOn(A.backend);
  const parts = matricesOf(A, name).map((a) => {
    let sign: number = eliminate(a, null, products);
    let sum = 0;
    for (let i = 0; i < a.data.length; i += a.row + 1) {
      sign *= Math.sign(a.data[i]!);
      sum += Math.log(Math.abs(a.data[i]!));
    }
    return [sign, sum];
  });
  const part = (i: number): Tensor =>
    batchOf(
      parts.map((pair) => [pair[i]!]),
      A,
      [],
    );
  return { sign: part(0), logabsdet: part(1) };
}

/** A sign and the logarithm of an absolute value. */
export type SignLogDet = [sign: Tensor, logabsdet: Tensor] & { readonly sign: Tensor; readonly logabsdet: Tensor };

/** The determinant's sign and the logarithm of its size. @see https://pytorch.org/docs/stable/generated/torch.linalg.slogdet.html */
export const slogdet = composite("slogdet(A)", (A: Tensor): SignLogDet => {
  checkMatrices("slogdet", A, true);
  const { sign, logabsdet } = determinants("slogdet", A);
  recorded("LinalgSlogdet", [A], [logabsdet], [A], ([g], [a]) => [spread(g).mul(inv(a).mT)]);
  return Object.assign([sign, logabsdet] as [Tensor, Tensor], { sign, logabsdet });
});

/** One number for all elements of a matrix. */
function spread(x: Tensor): Tensor {
  return x.unsqueeze(-1).unsqueeze(-1);
}

/**
 * The determinant.
 * @see https://pytorch.org/docs/stable/generated/torch.linalg.det.html
 * @example
 * linalg.det(floatTensor([[1, 2], [3, 4]])); // tensor(-2.)
 */
export const det = composite("det(A)", (A: Tensor): Tensor => {
  checkMatrices("det", A, true);
  const { sign, logabsdet } = determinants("det", A);
  const value = sign.mul(logabsdet.exp());
  const isSingular = isWanted(A) && Boolean(sign.eq(0).any().item());
  return recorded("LinalgDet", [A], [value], [A, value], ([g], [a, y]) => [
    isSingular ? spread(g).mul(isGradEnabled() ? cofactors(a) : cofactorsOnce(a)) : spread(g.mul(y)).mul(inv(a).mT),
  ])[0];
});

/** {@link cofactors} from singular values, in far fewer steps, but with no derivative where two of them are 0. */
function cofactorsOnce(A: Tensor): Tensor {
  const { U, S, Vh } = svd(A, false);
  const own = eye(A.shape.at(-1)!, { dtype: "bool", device: A.device });
  const others = where(own, 1, S.unsqueeze(-2))
    .prod(-1)
    .mul(det(U).mul(det(Vh)).unsqueeze(-1));
  return U.mul(others.unsqueeze(-2)).matmul(Vh);
}

/** A determinant's derivative, also where it is zero: for each element the signed determinant of the other rows and columns. */
function cofactors(A: Tensor): Tensor {
  const n = A.shape.at(-1)!;
  const others = Array.from({ length: n }, (_, i) => Array.from({ length: n - 1 }, (_, k) => k + Number(k >= i)));
  const [lines, ...each] = [others.flat(), ...others].map((list) => tensor(list, { dtype: "int64", device: A.device }));
  const rows = each.map((rest, i) => {
    const row = tidy(() =>
      det(
        A.indexSelect(-2, rest)
          .indexSelect(-1, lines!)
          .unflatten(-1, [n, n - 1])
          .movedim(-2, -3),
      ),
    );
    const signs = tensor(
      others.map((_, j) => (-1) ** (i + j)),
      { dtype: A.dtype, device: A.device },
    );
    return row.mul(signs);
  });
  return stack(rows, -2);
}

/** The logarithm of the determinant; NaN where it is negative. @see https://pytorch.org/docs/stable/generated/torch.logdet.html */
export const logdet = composite("logdet(A)", (A: Tensor): Tensor => {
  const { sign, logabsdet } = slogdet(A);
  return logabsdet.maskedFill(sign.lt(0), Number.NaN);
});
