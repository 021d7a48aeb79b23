import "./reference.ts";
import { eye, floatTensor, linalg, manualSeed, randn, type Tensor, tensor, zeros } from "@dl/tensor";
import { expect, test } from "vitest";

const { cholesky, det, eigh, inv, matrixNorm, matrixPower, matrixRank, pinv, qr, slogdet, solve, svd } = linalg;

function random(...shape: number[]): Tensor {
  return randn(shape, { dtype: "float64" });
}

function expectClose(got: Tensor, expected: Tensor): void {
  expect(got.shape).toEqual(expected.shape);
  expect(got.sub(expected).abs().amax().item()).toBeLessThan(1e-9);
}

test("factors multiply to the matrix, in batches", () => {
  manualSeed(3);
  for (const shape of [
    [4, 4],
    [2, 5, 3],
    [2, 3, 5],
  ]) {
    const a = random(...shape);
    const { Q, R } = qr(a);
    expectClose(Q.matmul(R), a);
    const { U, S, Vh } = svd(a, false);
    expectClose(U.mul(S.unsqueeze(-2)).matmul(Vh), a);
    expectClose(U.mT.matmul(U), eye(3 + Number(shape.length === 2), { dtype: "float64" }).expand(U.mT.matmul(U).shape));
    expectClose(a.matmul(pinv(a)).matmul(a), a);
  }
  const square = random(3, 4, 4);
  const positive = square.matmul(square.mT).add(eye(4, { dtype: "float64" }));
  const L = cholesky(positive);
  expectClose(L.matmul(L.mT), positive);
  const { eigenvalues, eigenvectors } = eigh(positive);
  expectClose(eigenvectors.mul(eigenvalues.unsqueeze(-2)).matmul(eigenvectors.mT), positive);
});

test("singular vectors are square unless asked to be few", () => {
  const a = random(2, 3, 5);
  const { U, S, Vh } = svd(a);
  expect([U.shape, S.shape, Vh.shape]).toEqual([
    [2, 3, 3],
    [2, 3],
    [2, 5, 5],
  ]);
  expectClose(Vh.matmul(Vh.mT), eye(5, { dtype: "float64" }).expand(2, 5, 5));
  expectClose(U.mul(S.unsqueeze(-2)).matmul(Vh.narrow(-2, 0, 3)), a);
  const { V } = a.svd();
  expect(V.shape).toEqual([2, 5, 3]);
});

test("least squares, exponentials, conditions, systems over tensors", () => {
  const [a, b] = [random(5, 3), random(5, 2)];
  const { solution, residuals, rank } = linalg.lstsq(a, b, null, "gelsd");
  expectClose(a.mT.matmul(a.matmul(solution).sub(b)), zeros(3, 2, { dtype: "float64" }));
  expectClose(residuals, a.matmul(solution).sub(b).square().sum(0));
  expect(rank.item()).toBe(3);
  const turn = tensor([
    [0, -3],
    [3, 0],
  ]).to("float64");
  expectClose(linalg.matrixExp(turn).select(0, 0), tensor([Math.cos(3), -Math.sin(3)], { dtype: "float64" }));
  expectClose(linalg.cond(eye(3, { dtype: "float64" }).mul(tensor([1, 2, 8]).to("float64"))), tensor(8).to("float64"));
  expect(linalg.vander(tensor([2, 3]), 3).toArray()).toEqual([
    [1, 2, 4],
    [1, 3, 9],
  ]);
  const block = random(2, 3, 6);
  expectClose(linalg.tensorinv(block).view(6, 6).matmul(block.view(6, 6)), eye(6, { dtype: "float64" }));
  const x = linalg.tensorsolve(block, random(2, 3).mul(0).add(1));
  expectClose(block.tensordot(x, 1), random(2, 3).mul(0).add(1));
});

test("a Cholesky factor solves and inverts; triangles solve both ways", () => {
  const square = random(4, 4);
  const a = square.matmul(square.mT).add(eye(4, { dtype: "float64" }));
  const [L, b] = [cholesky(a), random(4, 2)];
  expectClose(a.matmul(b.choleskySolve(L)), b);
  expectClose(L.choleskyInverse().matmul(a), eye(4, { dtype: "float64" }));
  expectClose(L.mT.matmul(b.triangularSolve(L, false, true).solution), b);
});

test("systems are solved for matrices and vectors", () => {
  const [a, b] = [random(2, 4, 4), random(2, 4, 3)];
  expectClose(a.matmul(solve(a, b)), b);
  expectClose(a.select(0, 0).mv(solve(a.select(0, 0), b.select(0, 0).select(1, 0))), b.select(0, 0).select(1, 0));
  expectClose(solve(a, b.mT, false).matmul(a), b.mT);
  expectClose(matrixPower(a, -2), inv(a).matmul(inv(a)));
});

test("determinants, ranks and norms", () => {
  const a = floatTensor([
    [2, 1],
    [4, 5],
  ]);
  expect(det(a).item()).toBeCloseTo(6, 5);
  const { sign, logabsdet } = slogdet(a.neg());
  expect([sign.item(), logabsdet.item()]).toEqual([1, expect.closeTo(Math.log(6), 5)]);
  expect(
    matrixRank(
      floatTensor([
        [1, 2],
        [2, 4],
      ]),
    ).item(),
  ).toBe(1);
  expect(matrixNorm(a, 1).item()).toBe(6);
  expect(
    matrixNorm(
      floatTensor([
        [3, 0],
        [0, 4],
      ]),
      "nuc",
    ).item(),
  ).toBeCloseTo(7, 5);
});

test("what cannot be factored says why", () => {
  expect(() =>
    inv(
      floatTensor([
        [1, 2],
        [2, 4],
      ]),
    ),
  ).toThrow("inv: a matrix is singular. Use linalg.pinv");
  expect(() => solve(zeros(2, 2), zeros(2, 1))).toThrow("solve: a matrix is singular");
  expect(() => zeros(2, 2).choleskyInverse()).toThrow("choleskyInverse: a matrix is singular");
  expect(() =>
    cholesky(
      floatTensor([
        [1, 2],
        [2, 1],
      ]),
    ),
  ).toThrow("cholesky: a matrix is not positive definite");
  expect(() => det(floatTensor([[1, 2]]))).toThrow("det: needs square matrices [..., n, n], got [1, 2]");
  expect(() => det(tensor([[1]]))).toThrow("det: needs a float dtype, got int64");
});
