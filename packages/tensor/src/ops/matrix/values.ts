/** Eigenvalues, singular values, and what is made of them. Their derivatives are right where values differ. */
import { fail } from "../../errors.ts";
import { isWanted, recorded } from "../../recorder.ts";
import { Tensor } from "../../tensor.ts";
import { where } from "../arithmetic.ts";
import { cat } from "../joining.ts";
import { composite } from "../signature.ts";
import { batchOf, checkMatrices, matricesOf, shared } from "./batches.ts";
import { productsOn } from "./block.ts";
import { eighOf, svdOf } from "./spectrum.ts";

/** Ascending eigenvalues and eigenvectors as columns. */
export type Eigen = [eigenvalues: Tensor, eigenvectors: Tensor] & {
  readonly eigenvalues: Tensor;
  readonly eigenvectors: Tensor;
};

/** Of one triangle, mirrored. Both share the gradient, as in PyTorch. */
function symmetric(A: Tensor): Tensor {
  const lower = A.detach().tril();
  const value = lower.add(lower.tril(-1).mT);
  return isWanted(A) ? value.add(shared(A.sub(A.detach()))) : value;
}

/** The sum of gradients, of which some may not have come. */
function total(...parts: readonly (Tensor | null | undefined)[]): Tensor {
  return parts.filter((part) => part != null).reduce((sum, part) => sum.add(part));
}

/**
 * Eigenvalues of symmetric matrices, from one triangle, and orthonormal eigenvectors.
 * @see https://pytorch.org/docs/stable/generated/torch.linalg.eigh.html
 * @example
 * linalg.eigh(floatTensor([[2, 0], [0, 1]])).eigenvalues; // tensor([1., 2.])
 */
export const eigh = composite("eigh(A, UPLO?)", (A: Tensor, UPLO: "L" | "U" = "L"): Eigen => {
  const [values, vectors] = eigenOf("eigh", A, UPLO, true);
  recorded("LinalgEigh", [A], [values, vectors!], [values, vectors!], ([gW, gV], [w, v]) => [eigenSlope(w, v, gW, gV)]);
  return Object.assign([values, vectors!] as [Tensor, Tensor], { eigenvalues: values, eigenvectors: vectors! });
});

/** Seen through the eigenvectors, the diagonal moves the values and the rest turns the vectors. */
function eigenSlope(w: Tensor, v: Tensor, gW: Tensor | null, gV: Tensor | null): Tensor {
  const turn = gV && v.mT.matmul(gV).mul(reciprocalGaps(w));
  const moved = total(gW && v.mul(gW.unsqueeze(-2)), turn && v.matmul(turn));
  return shared(moved.matmul(v.mT));
}

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

/** 1 / (x_j − x_i), 0 where they are equal. */
function reciprocalGaps(x: Tensor): Tensor {
  return reciprocal(x.unsqueeze(-2).sub(x.unsqueeze(-1)));
}

/** 0 for 0. */
function reciprocal(x: Tensor): Tensor {
  const none = x.eq(0);
  return where(none, 0, where(none, 1, x).reciprocal());
}

/** {@link eigh} without the vectors. @see https://pytorch.org/docs/stable/generated/torch.linalg.eigvalsh.html */
export const eigvalsh = composite(
  "eigvalsh(A, UPLO?)",
  (A: Tensor, UPLO: "L" | "U" = "L"): Tensor =>
    isWanted(A) ? eigh(A, UPLO).eigenvalues : eigenOf("eigvalsh", A, UPLO, false)[0],
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
    let [left, right] = [u!, v!];
    if (isWanted(A)) {
      [left, right] = [u!.narrow(-1, 0, k), v!.narrow(-1, 0, k)];
      const factors = [left, s, right] as const;
      recorded("LinalgSvd", [A], factors, factors, (grads, kept) => [svdSlope(kept, grads)]);
    }
    const [U, Vh] = [completed(left, u!), completed(right, v!).mT];
    return Object.assign([U, s, Vh] as [Tensor, Tensor, Tensor], { U, S: s, Vh });
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

type Three<T> = readonly [T, T, T];

/** Turns within the bases of U and V, the values between them, and turns out of the bases. */
function svdSlope([u, s, v]: Three<Tensor>, [gU, gS, gV]: Three<Tensor | null>): Tensor {
  const [gaps, rows, columns] = [reciprocalGaps(s.square()), s.unsqueeze(-1), s.unsqueeze(-2)];
  const turn = (basis: Tensor, g: Tensor): Tensor => {
    const seen = basis.mT.matmul(g);
    return seen.sub(seen.mT).mul(gaps);
  };
  const outside = (basis: Tensor, g: Tensor): Tensor =>
    g.sub(basis.matmul(basis.mT.matmul(g))).mul(reciprocal(columns));
  const within = [gU && turn(u, gU).mul(columns), gV && turn(v, gV).mul(rows)].filter((x) => x != null);
  const left = total(
    gS && u.mul(gS.unsqueeze(-2)),
    within.length > 0 ? u.matmul(total(...within)) : null,
    gU && u.shape.at(-2)! > s.shape.at(-1)! ? outside(u, gU) : null,
  );
  return total(left.matmul(v.mT), gV && v.shape.at(-2)! > s.shape.at(-1)! ? u.matmul(outside(v, gV).mT) : null);
}

/**
 * Singular values, descending.
 * @see https://pytorch.org/docs/stable/generated/torch.linalg.svdvals.html
 * @example
 * linalg.svdvals(floatTensor([[3, 0], [0, 4]])); // tensor([4., 3.])
 */
export const svdvals = composite(
  "svdvals(A, driver?)",
  (A: Tensor, _driver?: string | null): Tensor => (isWanted(A) ? svd(A, false).S : singularOf("svdvals", A, "none").s),
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
 * @example
 * linalg.pinv(floatTensor([[2, 0], [0, 4]])); // tensor([[0.5000, 0.0000], [0.0000, 0.2500]])
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
  const matrix = hermitian ? symmetric(input) : input;
  const constant = matrix.detach();
  const { U, S, Vh } = svd(constant, false);
  const kept = S.gt(limitOf(constant, S, atol, rtol));
  const reciprocals = where(kept, where(kept, S, 1).reciprocal(), 0);
  const inverse = Vh.mT.mul(reciprocals.unsqueeze(-2)).matmul(U.mT);
  recorded("LinalgPinv", [matrix], [inverse], [matrix, inverse], ([g], [a, x]) => [pinvSlope(a, x, g)]);
  return { inverse, values: S, rank: kept.sum(-1) };
}

/** Golub and Pereyra, 1973, with products of the smaller size. */
function pinvSlope(a: Tensor, x: Tensor, g: Tensor): Tensor {
  if (a.shape.at(-2)! > a.shape.at(-1)!) return pinvSlope(a.mT, x.mT, g.mT).mT;
  const k = g.mT.matmul(x);
  const left = k.matmul(x.mT);
  const right = x.mT.matmul(x).matmul(g.mT.sub(k.matmul(a)));
  return left.sub(x.matmul(k).mT).sub(a.matmul(x).matmul(left)).add(right);
}
