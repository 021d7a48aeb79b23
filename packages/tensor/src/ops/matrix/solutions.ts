/** Least squares, conditions, exponentials, Vandermonde's matrices, systems over tensors. */

import { isFloat } from "../../dtype.ts";
import { fail, showShape } from "../../errors.ts";
import { sizeOf } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { cat } from "../joining.ts";
import { asVector } from "../scattering.ts";
import { composite } from "../signature.ts";
import { checkMatrices } from "./batches.ts";
import { type MatrixOrder, matrixNorm } from "./measuring.ts";
import { inv, solve } from "./solving.ts";
import { pseudoinverse, svdvals } from "./values.ts";

/** How much errors may grow in a system: ‖A‖ · ‖A⁻¹‖ in the norm `p`, singular values without it. @see https://pytorch.org/docs/stable/generated/torch.linalg.cond.html */
export const cond = composite("cond(A, p?)", (A: Tensor, p: MatrixOrder | null = null): Tensor => {
  const order = p ?? 2;
  checkMatrices("cond", A, Math.abs(order as number) !== 2);
  if (Math.abs(order as number) !== 2) return matrixNorm(A, order).mul(matrixNorm(inv(A), order));
  const s = svdvals(A);
  const [most, least] = [s.select(-1, 0), s.select(-1, s.shape.at(-1)! - 1)];
  return order === 2 ? most.div(least) : least.div(most);
});

/** How PyTorch finds least squares; here it only says what is given beside them. */
type Driver = "gels" | "gelsy" | "gelsd" | "gelss";

/** What {@link lstsq} gives. Empty are residuals for "gelsy", the rank for "gels", singular values for both. */
export type LeastSquares = readonly [Tensor, Tensor, Tensor, Tensor] & {
  readonly solution: Tensor;
  readonly residuals: Tensor;
  readonly rank: Tensor;
  readonly singularValues: Tensor;
};

/**
 * X of least ‖A X − B‖, the shortest of several; residuals where there are more rows than columns, the rank is full and
 * the driver is another than "gelsy", the usual one.
 * @see https://pytorch.org/docs/stable/generated/torch.linalg.lstsq.html
 */
export const lstsq = composite(
  "lstsq(A, B, rcond?, driver?)",
  (A: Tensor, B: Tensor, rcond: number | null = null, driver: Driver | null = "gelsy"): LeastSquares => {
    checkMatrices("lstsq", A, false);
    const vector = B.ndim === A.ndim - 1;
    const b = vector ? B.unsqueeze(-1) : B;
    const [rows, columns] = A.shape.slice(-2) as [number, number];
    if (b.ndim < 2 || b.shape.at(-2) !== rows) {
      fail("lstsq", `needs [..., n, m] and [..., n, k], got ${showShape(A.shape)} and ${showShape(B.shape)}`);
    }
    const { inverse, values, rank: found } = pseudoinverse(A, false, null, rcond);
    const x = inverse.matmul(b);
    const solution = vector ? x.squeeze(-1) : x;
    const full = driver !== "gelsy" && rows > columns && found.eq(columns).all().item();
    const residuals = full ? A.matmul(x).sub(b).square().sum(-2) : x.newEmpty(0);
    const rank = driver === "gels" ? found.newEmpty(0) : found;
    const singularValues = driver === "gelsd" || driver === "gelss" ? values : x.newEmpty(0);
    const parts = { solution, residuals, rank, singularValues };
    return Object.assign([solution, residuals, rank, singularValues] as const, parts);
  },
);

/** Terms of the exponential's series: exact to float64 for norms up to 1. */
const terms = 18;

/** e to square matrices: the series, where the matrix is halved until it is small and the result squared as often. @see https://pytorch.org/docs/stable/generated/torch.linalg.matrix_exp.html */
export const matrixExp = composite("matrixExp(A)", (A: Tensor): Tensor => {
  checkMatrices("matrixExp", A, true);
  const largest = A.numel() === 0 ? 0 : A.detach().abs().sum(-2).amax().item();
  const halvings = Math.max(0, Math.ceil(Math.log2(largest)));
  const x = A.mul(2 ** -halvings);
  const identity = x.newOnes(x.shape.at(-1)!).diag();
  let result = identity.expand(x.shape);
  for (let k = terms; k > 0; k--) result = identity.add(x.matmul(result).div(k));
  for (let i = 0; i < halvings; i++) result = result.matmul(result);
  return result;
});

/** Powers 0, 1, … N − 1 of each element along a new last dimension. @see https://pytorch.org/docs/stable/generated/torch.linalg.vander.html */
export const vander = composite("vander(x, N?)", (x: Tensor, N: number | null = null): Tensor => {
  const line = asVector(x);
  const count = N ?? line.shape.at(-1)!;
  if (count < 1) fail("vander", `needs at least one power, got ${count}`);
  const base = isFloat(x.dtype) ? line : line.to("int64");
  const factors = base.unsqueeze(-1).expand([...base.shape, count - 1]);
  return cat([base.newOnes([...base.shape, 1]), factors.cumprod(-1)], -1);
});

/**
 * The inverse of a tensor seen as a matrix of its first `ind` dimensions by the others.
 * @throws TensorError where that matrix is not square
 * @see https://pytorch.org/docs/stable/generated/torch.linalg.tensorinv.html
 */
export const tensorinv = composite("tensorinv(A, ind?)", (A: Tensor, ind: number = 2): Tensor => {
  if (!(ind > 0)) fail("tensorinv", `needs ind > 0, got ${ind}`);
  const [rows, columns] = [A.shape.slice(0, ind), A.shape.slice(ind)];
  if (sizeOf(rows) !== sizeOf(columns)) {
    fail("tensorinv", `${showShape(rows)} and ${showShape(columns)} have different element counts`);
  }
  return inv(A.reshape(sizeOf(rows), sizeOf(columns))).reshape([...columns, ...rows]);
});

/** X with tensordot(A, X) = B, A's `dims` first moved to its end. @see https://pytorch.org/docs/stable/generated/torch.linalg.tensorsolve.html */
export const tensorsolve = composite(
  "tensorsolve(A, B, dims?)",
  (A: Tensor, B: Tensor, dims: readonly number[] | null = null): Tensor => {
    const a = dims
      ? A.movedim(
          dims,
          dims.map((_, i) => A.ndim - dims.length + i),
        )
      : A;
    const shape = a.shape.slice(B.ndim);
    if (sizeOf(shape) !== B.numel()) {
      fail("tensorsolve", `${showShape(A.shape)} makes no square system with ${showShape(B.shape)}`);
    }
    return solve(a.reshape(B.numel(), B.numel()), B.reshape(-1)).view(shape);
  },
);

export { matmul } from "../linalg.ts";
