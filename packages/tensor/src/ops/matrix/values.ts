/** Eigenvalues, singular values, and what is made of them. Their derivatives are right where values differ. */
import { fail } from "../../errors.ts";
import { Tensor } from "../../tensor.ts";
import { where } from "../arithmetic.ts";
import { cat } from "../joining.ts";
import { composite } from "../signature.ts";
import { productsOn } from "./block.ts";
import { batchOf, changeOf, checkMatrices, followed, matricesOf } from "./expand.ts";
import { eighOf, svdOf } from "./spectrum.ts";

/** Ascending eigenvalues and eigenvectors as columns. */
export type Eigen = [eigenvalues: Tensor, eigenvectors: Tensor] & {
  readonly eigenvalues: Tensor;
  readonly eigenvectors: Tensor;
};

/** Of one triangle, mirrored. */
function symmetric(A: Tensor, UPLO: "L" | "U"): Tensor {
  const lower = UPLO === "L" ? A.detach().tril() : A.detach().triu().mT;
  return lower.add(lower.tril(-1).mT);
}

/** The change of a symmetric matrix, shared by both triangles as PyTorch does. */
function symmetricChange(A: Tensor): Tensor | null {
  const change = changeOf(A);
  return change ? change.add(change.mT).div(2) : null;
}

/** Eigenvalues of symmetric matrices, from one triangle, and orthonormal eigenvectors. @see https://pytorch.org/docs/stable/generated/torch.linalg.eigh.html */
export const eigh = composite("eigh(A, UPLO?)", (A: Tensor, UPLO: "L" | "U" = "L"): Eigen => {
  const [values, vectors] = eigenOf("eigh", A, UPLO, true);
  const change = symmetricChange(A);
  const [eigenvalues, eigenvectors] = change
    ? followed<[Tensor, Tensor]>([values, vectors!], ([w, v]) => turned(w, v, change))
    : [values, vectors!];
  return Object.assign([eigenvalues, eigenvectors] as [Tensor, Tensor], { eigenvalues, eigenvectors });
});

function failToConverge(name: string): never {
  fail(name, "a matrix has elements that are not finite, or its values do not converge");
}

/** Constants from the host. */
function eigenOf(name: string, A: Tensor, UPLO: "L" | "U", vectors: boolean): [values: Tensor, vectors: Tensor | null] {
  checkMatrices(name, A, true);
  const n = A.shape.at(-1)!;
  const find = eighOf(n, vectors, productsOn(A.backend));
  const x = A.detach();
  const parts = matricesOf(UPLO === "L" ? x.mT : x, name).map((a) => find(a) ?? failToConverge(name));
  const values = parts.map((part) => part.values);
  const rows = (): Tensor =>
    batchOf(
      parts.map((part) => part.vectors!),
      A,
      [n, n],
    );
  return [batchOf(values, A, [n]), vectors ? rows().mT : null];
}

/** Seen through the eigenvectors, the diagonal moves the values and the rest turns the vectors. */
function turned(values: Tensor, vectors: Tensor, change: Tensor): [Tensor, Tensor] {
  const seen = vectors.mT.matmul(change).matmul(vectors);
  return [seen.diagonal(0, -2, -1), vectors.matmul(seen.mul(reciprocalGaps(values, values)))];
}

/** 1 / (b_j − a_i), 0 where they are equal. */
function reciprocalGaps(a: Tensor, b: Tensor): Tensor {
  const gaps = b.unsqueeze(-2).sub(a.unsqueeze(-1));
  const none = gaps.eq(0);
  return where(none, 0, where(none, 1, gaps).reciprocal());
}

/** {@link eigh} without the vectors. @see https://pytorch.org/docs/stable/generated/torch.linalg.eigvalsh.html */
export const eigvalsh = composite(
  "eigvalsh(A, UPLO?)",
  (A: Tensor, UPLO: "L" | "U" = "L"): Tensor =>
    changeOf(A) ? eigh(A, UPLO).eigenvalues : eigenOf("eigvalsh", A, UPLO, false)[0],
);

/** Left vectors, values, right vectors (transposed). */
export type SVD = [U: Tensor, S: Tensor, Vh: Tensor] & { readonly U: Tensor; readonly S: Tensor; readonly Vh: Tensor };

/**
 * A = U diag(S) Vh with descending S. U and Vh are square, or with `fullMatrices` false only as long as S; what is
 * beyond that has no derivative. The driver changes nothing.
 * @see https://pytorch.org/docs/stable/generated/torch.linalg.svd.html
 */
export const svd = composite(
  "svd(A, fullMatrices?, driver?)",
  (A: Tensor, fullMatrices: boolean = true, _driver?: string | null): SVD => {
    const { u, s, v } = singularOf("svd", A, fullMatrices ? "all" : "few");
    const k = s.shape.at(-1)!;
    const change = changeOf(A);
    const few = (x: Tensor): Tensor => x!.narrow(-1, 0, k);
    const [left, S, right] = change
      ? followed([few(u!), s, few(v!)] as [Tensor, Tensor, Tensor], (factors) => moved(...factors, change))
      : [u!, s, v!];
    const [U, Vh] = [completed(left, u!), completed(right, v!).mT];
    return Object.assign([U, S, Vh] as [Tensor, Tensor, Tensor], { U, S, Vh });
  },
);

/** The first columns of `whole` may have been replaced. */
function completed(first: Tensor, whole: Tensor): Tensor {
  const [count, all] = [first.shape.at(-1)!, whole.shape.at(-1)!];
  return count === all ? first : cat([first, whole.narrow(-1, count, all - count)], -1);
}

interface Factors {
  readonly u: Tensor | null;
  readonly s: Tensor;
  readonly v: Tensor | null;
}

/** Constants from the host: values, and all vectors, as many as values, or none. */
function singularOf(name: string, A: Tensor, vectors: "all" | "few" | "none"): Factors {
  checkMatrices(name, A, false);
  const [rows, columns] = A.shape.slice(-2) as [number, number];
  const [long, short] = [Math.max(rows, columns), Math.min(rows, columns)];
  const count = vectors === "all" ? long : short;
  const find = svdOf(long, short, vectors === "none" ? null : count, productsOn(A.backend));
  const x = A.detach();
  const parts = matricesOf(rows < columns ? x.mT : x, name).map((a) => find(a) ?? failToConverge(name));
  const values = parts.map((part) => part.values);
  const s = batchOf(values, A, [short]);
  if (vectors === "none") return { u: null, s, v: null };
  const lefts = parts.map((part) => part.left!);
  const rights = parts.map((part) => part.right!);
  const [tall, square] = [batchOf(lefts, A, [count, long]).mT, batchOf(rights, A, [short, short]).mT];
  return rows < columns ? { u: square, s, v: tall } : { u: tall, s, v: square };
}

function moved(u: Tensor, s: Tensor, v: Tensor, change: Tensor): [Tensor, Tensor, Tensor] {
  const seen = u.mT.matmul(change).matmul(v);
  const gaps = reciprocalGaps(s.square(), s.square());
  const [rows, columns] = [s.unsqueeze(-1), s.unsqueeze(-2)];
  const left = gaps.mul(seen.mul(columns).add(seen.mT.mul(rows)));
  const right = gaps.mul(seen.mul(rows).add(seen.mT.mul(columns)));
  const inverse = where(s.eq(0), 0, where(s.eq(0), 1, s).reciprocal()).unsqueeze(-2);
  const outside = (basis: Tensor, x: Tensor): Tensor => x.sub(basis.matmul(basis.mT.matmul(x))).mul(inverse);
  const U = u.matmul(left).add(outside(u, change.matmul(v)));
  const V = v.matmul(right).add(outside(v, change.mT.matmul(u)));
  return [U, seen.diagonal(0, -2, -1), V];
}

/** Singular values, descending. @see https://pytorch.org/docs/stable/generated/torch.linalg.svdvals.html */
export const svdvals = composite(
  "svdvals(A, driver?)",
  (A: Tensor, _driver?: string | null): Tensor => (changeOf(A) ? svd(A, false).S : singularOf("svdvals", A, "none").s),
);

const epsilons: Readonly<Record<string, number>> = {
  float32: 2 ** -23,
  float64: 2 ** -52,
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
};

type Limit = number | Tensor | null;

/** Below which singular values count as zero: max(atol, rtol · the largest). */
function limitOf(A: Tensor, s: Tensor, atol: Limit, rtol: Limit): Tensor {
  const size = Math.max(...A.shape.slice(-2));
  const relative = rtol ?? (atol === null ? size * epsilons[A.dtype]! : 0);
  const top = s.shape.at(-1) === 0 ? s.sum(-1) : s.amax(-1);
  const absolute = atol ?? 0;
  const scaled = top.mul(relative instanceof Tensor ? relative.to(s.dtype) : relative);
  return scaled.maximum(absolute instanceof Tensor ? absolute.to(s.dtype) : s.newFull([], absolute)).unsqueeze(-1);
}

/** How many singular values are not zero, within tolerances. @see https://pytorch.org/docs/stable/generated/torch.linalg.matrix_rank.html */
export const matrixRank = composite(
  "matrixRank(A, tol?, hermitian?, atol?, rtol?)",
  (A: Tensor, tol: Limit = null, hermitian: boolean = false, atol: Limit = null, rtol: Limit = null): Tensor => {
    const x = A.detach();
    const s = hermitian ? eigvalsh(x).abs() : svdvals(x);
    return s.gt(limitOf(x, s, atol ?? tol, rtol)).sum(-1);
  },
);

/**
 * The pseudoinverse (Moore and Penrose); singular values within the tolerances count as zero.
 * @see https://pytorch.org/docs/stable/generated/torch.linalg.pinv.html
 */
export const pinv = composite(
  "pinv(A, rcond?, hermitian?, atol?, rtol?)",
  (input: Tensor, rcond: Limit = null, hermitian: boolean = false, atol: Limit = null, rtol: Limit = null): Tensor => {
    checkMatrices("pinv", input, hermitian);
    return pseudoinverse(input, hermitian, atol, rtol ?? rcond).inverse;
  },
);

interface Pseudoinverse {
  readonly inverse: Tensor;
  /** Constants. */
  readonly values: Tensor;
  readonly rank: Tensor;
}

/** With what is known on the way. */
export function pseudoinverse(input: Tensor, hermitian: boolean, atol: Limit, rtol: Limit): Pseudoinverse {
  const constant = hermitian ? symmetric(input, "L") : input.detach();
  const { U, S, Vh } = svd(constant, false);
  const kept = S.gt(limitOf(constant, S, atol, rtol));
  const reciprocals = where(kept, where(kept, S, 1).reciprocal(), 0);
  const x = Vh.mT.mul(reciprocals.unsqueeze(-2)).matmul(U.mT);
  const change = hermitian ? symmetricChange(input) : changeOf(input);
  const inverse = change
    ? followed<[Tensor, Tensor]>([constant, x], ([a, y]) => [change, pinvChange(a, y, change)])[1]
    : x;
  return { inverse, values: S, rank: kept.sum(-1) };
}

/** Golub and Pereyra, 1973. */
function pinvChange(a: Tensor, x: Tensor, d: Tensor): Tensor {
  const first = x.matmul(d).matmul(x).neg();
  const left = x.matmul(x.mT).matmul(d.mT);
  const right = d.mT.matmul(x.mT).matmul(x);
  return first.add(left.sub(left.matmul(a).matmul(x))).add(right.sub(x.matmul(a).matmul(right)));
}
