/** Linear systems, inverses, determinants. */
import { fail, showShape } from "../../errors.ts";
import { broadcastShapes, sameShape, sizeOf } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { eye } from "../creation.ts";
import { composite } from "../signature.ts";
import { type Block, blockOf, identity, type Products, productsOn } from "./block.ts";
import { batchOf, changeOf, checkMatrices, matricesOf } from "./expand.ts";
import { eliminate, solveLower, solveUpper } from "./triangles.ts";

/** Turns B into X with A X = B, and uses A up. */
type Solver = (a: Block, b: Block, products: Products) => void;

const solveAny: Solver = (a, b, products) => {
  eliminate(a, b, products);
  solveLower(a, b, true, products);
  solveUpper(a, b, false, products);
};

const solveUnder: Solver = (a, b, products) => solveLower(a, b, false, products);
const solveAbove: Solver = (a, b, products) => solveUpper(a, b, false, products);

/** Constant solutions for sides that are used up, each with so many columns: of singular triangles too, unless `strict`. */
function solutionOf(
  name: string,
  A: Tensor,
  sides: readonly Block[],
  columns: number,
  solver: Solver,
  strict: boolean = true,
): Tensor {
  const products = productsOn(A.backend);
  const parts = matricesOf(A, name).map((a, i) => {
    const b = sides[i]!;
    solver(a, b, products);
    if (strict && a.data.some((pivot, at) => pivot === 0 && at % (a.row + 1) === 0))
      fail(name, "a matrix is singular", name === "inv" ? "Use linalg.pinv, or linalg.lstsq" : "");
    return b.data;
  });
  return batchOf(parts, A, [A.shape.at(-1)!, columns]);
}

/** Constant inverses. */
function inverseValue(name: string, A: Tensor, solver: Solver = solveAny): Tensor {
  const n = A.shape.at(-1)!;
  const ones = Array.from({ length: sizeOf(A.shape.slice(0, -2)) }, () => identity(n, n));
  return solutionOf(name, A, ones, n, solver);
}

/**
 * The inverse of square matrices.
 * @throws TensorError for a singular matrix
 * @see https://pytorch.org/docs/stable/generated/torch.linalg.inv.html
 */
export const inv = composite(
  "inv(A)",
  (A: Tensor): Tensor => {
    checkMatrices("inv", A, true);
    const value = inverseValue("inv", A);
    const change = changeOf(A);
    if (!change) return value;
    // (A₀ + D)⁻¹ = X − X D X + X D X D X − …
    const first = value.matmul(change).matmul(value);
    return value.sub(first).add(first.matmul(change).matmul(value));
  },
  "LinalgInvExBackward0",
);

/**
 * X with A X = B (or X A = B if `left` is false); B may hold vectors.
 * @throws TensorError for a singular matrix
 * @see https://pytorch.org/docs/stable/generated/torch.linalg.solve.html
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

function solveLeft(A: Tensor, B: Tensor, solver: Solver = solveAny): Tensor {
  const n = A.shape.at(-1)!;
  if (B.shape.at(-2) !== n)
    fail("solve", `needs [n, n] and [n, k], got ${showShape(A.shape)} and ${showShape(B.shape)}`);
  const batch = broadcastShapes("solve", A.shape.slice(0, -2), B.shape.slice(0, -2));
  const [a, b] = [A, B].map((x) => x.expand([...batch, ...x.shape.slice(-2)])) as [Tensor, Tensor];
  const value = solutionOf("solve", a, matricesOf(b, "solve"), b.shape.at(-1)!, solver, solver === solveAny);
  if (!changeOf(A) && !changeOf(B)) return value;
  const inverse = inverseValue("solve", a, solver);
  // Each step of X ← X + A₀⁻¹ (B − A X) makes one more derivative right.
  const once = value.add(inverse.matmul(b.sub(a.matmul(value))));
  return once.add(inverse.matmul(b.sub(a.matmul(once))));
}

/** {@link solve} with a triangular matrix, whose other half does not count. @see https://pytorch.org/docs/stable/generated/torch.linalg.solve_triangular.html */
export const solveTriangular = composite(
  "solveTriangular(A, B, upper, left?, unitriangular?)",
  (A: Tensor, B: Tensor, upper: boolean, left: boolean = true, unitriangular: boolean = false): Tensor => {
    checkMatrices("solveTriangular", A, true);
    const offset = unitriangular ? 1 : 0;
    const half = upper ? A.triu(offset) : A.tril(-offset);
    const whole = unitriangular ? half.add(eye(A.shape.at(-1)!, { dtype: A.dtype, device: A.device })) : half;
    const solver = upper === left ? solveAbove : solveUnder;
    return left ? solveLeft(whole, B, solver) : solveLeft(whole.mT, B.mT, solver).mT;
  },
);

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
  const { sign, logabsdet: value } = determinants("slogdet", A);
  const change = changeOf(A);
  let logabsdet = value;
  if (change) {
    // log det(A₀ + D) = log det A₀ + tr E − tr E² / 2 + …, with E = A₀⁻¹ D
    const e = inverseValue("slogdet", A).matmul(change);
    logabsdet = value.add(traces(e)).sub(traces(e.matmul(e)).div(2));
  }
  return Object.assign([sign, logabsdet] as [Tensor, Tensor], { sign, logabsdet });
});

function traces(x: Tensor): Tensor {
  return x.diagonal(0, -2, -1).sum(-1);
}

/** The determinant. @see https://pytorch.org/docs/stable/generated/torch.linalg.det.html */
export const det = composite("det(A)", (A: Tensor): Tensor => {
  checkMatrices("det", A, true);
  const { sign, logabsdet } = determinants("det", A);
  const value = sign.mul(logabsdet.exp());
  const change = changeOf(A);
  if (!change) return value;
  if (sign.eq(0).any().item()) return value.add(traces(adjugates(A).matmul(change)));
  const e = inverseValue("det", A).matmul(change);
  const first = traces(e);
  return value.mul(
    first.add(1).add(
      first
        .square()
        .sub(traces(e.matmul(e)))
        .div(2),
    ),
  );
});

/** Transposed cofactors: the derivative of a determinant, also where it is zero. */
function adjugates(A: Tensor): Tensor {
  const n = A.shape.at(-1)!;
  const products = productsOn(A.backend);
  const parts = matricesOf(A, "det").map(({ data }) =>
    Float64Array.from({ length: n * n }, (_, at) => cofactor(data, n, at % n, Math.floor(at / n), products)),
  );
  return batchOf(parts, A, [n, n]);
}

function cofactor(matrix: Float64Array, n: number, row: number, column: number, products: Products): number {
  const minor = matrix.filter((_, at) => Math.floor(at / n) !== row && at % n !== column);
  const sign = eliminate(blockOf(minor, n - 1, n - 1), null, products);
  let product: number = (row + column) % 2 === 0 ? sign : -sign;
  for (let i = 0; i < n - 1; i++) product *= minor[i * n]!;
  return product;
}

/** The logarithm of the determinant; NaN where it is negative. @see https://pytorch.org/docs/stable/generated/torch.logdet.html */
export const logdet = composite("logdet(A)", (A: Tensor): Tensor => {
  const { sign, logabsdet } = slogdet(A);
  return logabsdet.maskedFill(sign.lt(0), Number.NaN);
});
