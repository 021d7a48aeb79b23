/** Factorizations of every size and kind, with products on the device and, where its memory is its own, on the host. */
import "@dl/backend-cpu";
import { eye, linalg, manualSeed, ones, randn, registerBackend, type Tensor, tensor, zeros } from "@dl/tensor";
import { ReferenceBackend } from "@dl/tensor/testing";
import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";

const far = new ReferenceBackend("far");
Object.defineProperty(far, "hostMemory", { value: undefined });
registerBackend(far);

const options = { dtype: "float64" } as const;

function random(...shape: number[]): Tensor {
  return randn(shape, options);
}

function one(n: number): Tensor {
  return eye(n, options);
}

function largest(x: Tensor): number {
  return x.numel() === 0 ? 0 : Number(x.abs().amax().item());
}

/** Within a few roundings for each row of what is about as large as `scale`. */
function expectClose(got: Tensor, expected: Tensor, scale: number = largest(expected)): void {
  expect(got.shape).toEqual(expected.shape);
  const size = Math.max(1, ...got.shape);
  expect(largest(got.to("cpu").sub(expected))).toBeLessThanOrEqual(8 * size * Number.EPSILON * scale);
}

function expectOrthonormal(columns: Tensor): void {
  expectClose(columns.mT.matmul(columns), one(columns.shape[1]!), 1);
}

function expectDescending(values: Tensor): void {
  const list = values.toArray() as number[];
  expect(list).toEqual([...list].sort((a, b) => b - a));
}

/** Rows, columns → a matrix with something special. */
const kinds: Readonly<Record<string, (m: number, n: number) => Tensor>> = {
  usual: random,
  zero: (m, n) => zeros(m, n, options),
  ones: (m, n) => ones(m, n, options),
  "of low rank": (m, n) => random(m, 2).matmul(random(2, n)),
  "with equal values": (m, n) =>
    linalg
      .qr(random(Math.max(m, n), Math.max(m, n)))
      .Q.narrow(0, 0, m)
      .narrow(1, 0, n)
      .mul(3),
  "graded downwards": (m, n) => random(m, n).mul(grades(n)),
  "graded upwards": (m, n) => random(m, n).mul(grades(n).flip(0)),
  huge: (m, n) => random(m, n).mul(1e200),
  tiny: (m, n) => random(m, n).mul(1e-300),
};

function grades(n: number): Tensor {
  return tensor(
    Array.from({ length: n }, (_, i) => 10 ** -(i / 2)),
    options,
  );
}

function checkQR(a: Tensor): void {
  for (const mode of ["reduced", "complete"] as const) {
    const { Q, R } = linalg.qr(a, mode);
    expectClose(Q.matmul(R), a, largest(linalg.svdvals(a)));
    expectOrthonormal(Q);
    expect(largest(R.tril(-1))).toBe(0);
  }
}

function checkSVD(a: Tensor): void {
  for (const full of [true, false]) {
    const { U, S, Vh } = linalg.svd(a, full);
    const k = S.shape[0]!;
    expectClose(
      U.narrow(1, 0, k)
        .mul(S)
        .matmul(Vh.narrow(0, 0, k)),
      a,
    );
    expectOrthonormal(U);
    expectOrthonormal(Vh.mT);
    expectDescending(S);
    expectClose(linalg.svdvals(a), S);
  }
}

function checkEigen(a: Tensor): void {
  const b = a.add(a.mT).div(2);
  const { eigenvalues, eigenvectors } = linalg.eigh(b);
  expectClose(eigenvectors.mul(eigenvalues).matmul(eigenvectors.mT), b, largest(eigenvalues));
  expectOrthonormal(eigenvectors);
  expectDescending(eigenvalues.neg());
  expectClose(linalg.eigvalsh(b.triu(), "U"), eigenvalues);
  expectClose(eigenvalues.abs().sort(0, true).values, linalg.svdvals(b), largest(eigenvalues));
}

function checkSystems(a: Tensor, b: Tensor): void {
  const n = a.shape[0]!;
  const x = linalg.inv(a);
  const scale = largest(a) * largest(x) * n;
  expectClose(a.matmul(x), one(n), scale);
  expectClose(a.matmul(linalg.solve(a, b)), b, scale * largest(b));
  const { sign, logabsdet } = linalg.slogdet(a);
  const values = linalg.svdvals(a);
  const condition = Number(values.amax().div(values.amin()).item());
  expectClose(logabsdet, values.log().sum(), n * condition);
  const turn = linalg.qr(a).Q;
  expectClose(linalg.det(turn), sign.mul(linalg.slogdet(turn.mT.matmul(a)).sign), n);
}

function checkCholesky(a: Tensor, b: Tensor): void {
  const n = a.shape[0]!;
  const positive = a.matmul(a.mT).add(one(n).mul(n));
  const L = linalg.cholesky(positive);
  expectClose(L.matmul(L.mT), positive);
  expect(largest(L.triu(1))).toBe(0);
  expectClose(linalg.cholesky(positive, true), L.mT);
  const scale = largest(L) * largest(b) * n;
  expectClose(L.matmul(linalg.solveTriangular(L, b, false)), b, scale);
  expectClose(L.mT.matmul(linalg.solveTriangular(L.mT, b, true)), b, scale);
  expectClose(linalg.solveTriangular(L, b.mT, false, false).matmul(L), b.mT, scale);
  const unit = L.tril(-1).div(n).add(one(n));
  expectClose(unit.matmul(linalg.solveTriangular(L.div(n), b, false, true, true)), b, scale);
}

beforeEach(() => {
  manualSeed(5);
});

test.each(Object.keys(kinds))("matrices %s have orthogonal factors", (kind) => {
  const sides = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }));
  fc.assert(
    fc.property(sides, ([m, n]) => {
      const a = kinds[kind]!(m, n);
      checkQR(a);
      checkSVD(a);
      if (m === n) checkEigen(a);
      else checkEigen(kinds[kind]!(n, n));
    }),
    { numRuns: 12, examples: [[[1, 1]], [[1, 40]], [[40, 1]], [[150, 131]], [[52, 140]]] },
  );
});

test("systems, determinants and triangles of every size", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 80 }), fc.integer({ min: 1, max: 40 }), (n, columns) => {
      const [a, b] = [random(n, n), random(n, columns)];
      checkSystems(a, b);
      checkCholesky(a, b);
    }),
    { numRuns: 25, examples: [[200, 70]] },
  );
});

test("a device with memory of its own has the same factors", () => {
  const a = random(70, 70);
  const there = a.to({ device: "far" });
  expectClose(linalg.svdvals(there), linalg.svdvals(a));
  const { eigenvalues } = linalg.eigh(there.add(there.mT));
  expectClose(eigenvalues, linalg.eigh(a.add(a.mT)).eigenvalues);
  expectClose(linalg.inv(there), linalg.inv(a), 1e3 * largest(linalg.inv(a)));
  const { Q, R } = linalg.qr(there);
  expectClose(Q.to("cpu").matmul(R.to("cpu")), a);
});

test("matrices without elements have factors", () => {
  for (const [m, n] of [
    [0, 0],
    [0, 3],
    [3, 0],
  ] as const) {
    const a = zeros(m, n, options);
    expectClose(linalg.qr(a, "complete").Q, one(m));
    expectClose(linalg.svd(a).U, one(m));
    expectClose(linalg.svd(a).Vh, one(n));
    expect(linalg.svdvals(a).shape).toEqual([0]);
  }
  expect(linalg.eigvalsh(zeros(0, 0)).shape).toEqual([0]);
  expect(linalg.inv(zeros(2, 0, 0)).shape).toEqual([2, 0, 0]);
  expect(linalg.det(zeros(0, 0)).item()).toBe(1);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])("what has %s in it ends", (bad) => {
  for (const n of [1, 3, 40]) {
    const a = one(n);
    a.select(0, 0).select(0, 0).fill_(bad);
    expect(() => linalg.svdvals(a)).toThrow("svdvals: a matrix has elements that are not finite");
    expect(() => linalg.eigh(a)).toThrow("eigh: a matrix has elements that are not finite");
    expect(linalg.qr(a).R.isfinite().all().item()).toBe(false);
    expect(linalg.det(a).isfinite().item()).toBe(false);
  }
});
