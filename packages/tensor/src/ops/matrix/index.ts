/** `linalg`: norms, systems, factorizations. Factors are computed in float64 on the host, one matrix after the other. */
export { cholesky, type QR, qr } from "./factoring.ts";
export { type MatrixOrder, matrixNorm, norm, vectorNorm } from "./measuring.ts";
export { cross, matrixPower, multiDot, vecdot } from "./multiplying.ts";
export {
  cond,
  type LeastSquares,
  lstsq,
  matmul,
  matrixExp,
  tensorinv,
  tensorsolve,
  vander,
} from "./solutions.ts";
export { det, inv, type SignLogDet, slogdet, solve, solveTriangular } from "./solving.ts";
export { type Eigen, eigh, eigvalsh, matrixRank, pinv, type SVD, svd, svdvals } from "./values.ts";
export { diagonal } from "./views.ts";
