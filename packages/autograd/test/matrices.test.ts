/** Derivatives of what the host computes of matrices: of every order, in batches, at the edges. */
import "@dl/backend-cpu";
import { grad } from "@dl/autograd";
import { cat, diag, eye, linalg, manualSeed, ones, randn, type Tensor, tensor, zeros } from "@dl/tensor";
import { expect, test } from "vitest";
import { checkBoth, type Fn, weighed } from "./slopes.ts";

const options = { dtype: "float64" } as const;
const { cholesky, det, inv, lstsq, pinv, qr, slogdet, solve, solveTriangular, svd } = linalg;

/** Far from singular, with distinct singular values. */
const regular = (x: Tensor): Tensor => x.mul(0.2).add(diag(tensor([1, 2, 3.5].slice(0, x.shape.at(-1)!), options)));
const definite = (x: Tensor): Tensor => regular(x.add(x.mT).mul(0.5));
const flat = (...parts: readonly Tensor[]): Tensor => cat(parts.map((part) => part.reshape(-1)));
const squares = (parts: readonly Tensor[]): Tensor => flat(...parts.map((part) => part.square()));
/** All of a few singular vectors but for their signs. */
const few = (x: Tensor): Tensor => squares(svd(x, false));

const square = [3, 3];
const batch = [2, 3, 3];
type Row = readonly [f: Fn, ...shapes: (readonly number[])[]];
const functions: Readonly<Record<string, Row>> = {
  inv: [(x) => inv(regular(x)), batch],
  "solve, one system for several sides": [(x, b) => solve(regular(x), b), square, [2, 3, 2]],
  "solve, several systems for one side": [(x, b) => solve(regular(x), b), batch, [3, 1]],
  "solve from the right": [(x, b) => solve(regular(x), b, false), square, [2, 3]],
  "solve for a vector": [(x, b) => solve(regular(x), b), square, [3]],
  "solveTriangular, lower": [(x, b) => solveTriangular(regular(x), b, false), batch, [3, 2]],
  "solveTriangular, upper from the right": [(x, b) => solveTriangular(regular(x), b, true, false), square, [2, 3]],
  "solveTriangular, ones on the diagonal": [(x, b) => solveTriangular(x, b, true, true, true), square, [3, 2]],
  cholesky: [(x) => cholesky(definite(x)), batch],
  "cholesky, upper": [(x) => cholesky(definite(x), true), square],
  choleskySolve: [(x, b) => b.choleskySolve(regular(x).tril()), batch, [3, 1]],
  "choleskySolve, upper": [(x, b) => b.choleskySolve(regular(x).triu(), true), square, [3, 2]],
  choleskyInverse: [(x) => regular(x).tril().choleskyInverse(), batch],
  "choleskyInverse, upper": [(x) => regular(x).triu().choleskyInverse(true), square],
  det: [(x) => det(regular(x)), batch],
  "det, without a row": [(x) => det(x.mul(tensor([[1], [0], [1]], options))), square],
  slogdet: [(x) => slogdet(regular(x)).logabsdet, batch],
  logdet: [(x) => regular(x).logdet(), square],
  qr: [(x) => flat(...qr(regular(x))), batch],
  "qr, tall": [(x) => flat(...qr(x.add(eye(3, 2, options).mul(2)))), [3, 2]],
  "qr, wide": [(x) => flat(...qr(x.add(eye(2, 4, options).mul(2)))), [2, 4]],
  "qr, wide, Q alone": [(x) => qr(x.add(eye(2, 4, options).mul(2))).Q, [2, 4]],
  "qr, R alone": [(x) => qr(regular(x), "r").R, square],
  eigh: [(x) => squares(linalg.eigh(definite(x))), batch],
  "eigh, vectors alone": [(x) => linalg.eigh(definite(x), "U").eigenvectors.square(), square],
  eigvalsh: [(x) => linalg.eigvalsh(definite(x)), batch],
  svd: [(x) => few(regular(x)), batch],
  "svd, tall": [(x) => few(x.add(eye(3, 2, options).mul(2))), [3, 2]],
  "svd, wide": [(x) => few(x.add(eye(2, 3, options).mul(tensor([[2], [4]], options)))), [2, 3]],
  "svd, right vectors alone": [(x) => svd(regular(x)).Vh.square(), square],
  svdvals: [(x) => linalg.svdvals(regular(x)), batch],
  "pinv, tall": [(x) => pinv(x.add(eye(3, 2, options).mul(2))), [3, 2]],
  "pinv, wide": [(x) => pinv(x.add(eye(2, 3, options).mul(2))), [2, 3]],
  "pinv, hermitian": [(x) => pinv(definite(x), null, true), square],
  lstsq: [(x, b) => lstsq(x.add(eye(3, 2, options).mul(2)), b).solution, [3, 2], [3, 2]],
  "matrixPower, negative": [(x) => linalg.matrixPower(regular(x), -2), square],
};

function drawn(shapes: readonly (readonly number[])[]): Tensor[] {
  manualSeed(5);
  return shapes.map((shape) =>
    randn([...shape], options)
      .mul(0.5)
      .requiresGrad_(),
  );
}

test.each(Object.entries(functions))("%s: slopes of the value and of the gradient", (_, [f, ...shapes]) => {
  checkBoth(f, drawn(shapes));
});

test.each(Object.entries(functions))("%s: slopes of the second derivative", (_, [f, ...shapes]) => {
  const gradient: Fn = (...xs) => flat(...grad(weighed([f(...xs)]).sin(), xs, { createGraph: true }));
  checkBoth(gradient, drawn(shapes));
});

/** A sum differentiated so often, its gradient summed each time. */
function derivatives(f: (x: Tensor) => Tensor, at: readonly (readonly number[])[]): number[] {
  const x = tensor(at, { ...options, requiresGrad: true });
  let y = f(x).sum();
  return [1, 2, 3].map(() => {
    y = grad(y, x, { createGraph: true })[0]!.sum();
    return y.item();
  });
}

const side = ones(2, 1, options);
const two = [
  [2, 0.3],
  [0.3, 1],
];
/** A determinant of 7. */
const seven = tensor(
  [
    [1, 2, 0],
    [0, 1, 3],
    [1, 0, 1],
  ],
  options,
);
/** By PyTorch 1.13. */
const known: readonly [name: string, f: (x: Tensor) => Tensor, at: number[][], expected: number[]][] = [
  ["inv", (x) => inv(x).square(), two, [-1.59474824, 5.72458467, -28.05144535]],
  ["solve", (x) => solve(x, side), two, [-1.57890409, 3.9679265, -14.9576287]],
  ["pinv", (x) => pinv(x), two, [-1.57890409, 3.9679265, -14.9576287]],
  ["lstsq", (x) => lstsq(x, side).solution, two, [-1.57890409, 3.9679265, -14.9576287]],
  ["matrixPower", (x) => linalg.matrixPower(x, -2), two, [-2.32840132, 8.77721962, -44.11586823]],
  ["det of zeros", (x) => det(x.mul(seven)), zeros(3, 3).toArray() as number[][], [0, 0, 6 * 7]],
  ["slogdet", (x) => slogdet(x).logabsdet, two, [1.2565445, -1.57890409, 3.9679265]],
  ["cholesky", (x) => cholesky(x), two, [1.37729032, -0.91166346, 1.54700025]],
  ["solveTriangular", (x) => solveTriangular(x, side, true), two, [-1.525, 3.225, -9.9375]],
  ["choleskySolve", (x) => ones(1, 1, options).choleskySolve(x), [[2]], [-0.25, 0.375, -0.75]],
  ["choleskyInverse", (x) => x.choleskyInverse(), [[2]], [-0.25, 0.375, -0.75]],
];

test.each(known)("%s: three derivatives as PyTorch has them", (_, f, at, expected) => {
  for (const [i, value] of derivatives(f, at).entries()) expect(value).toBeCloseTo(expected[i]!, 6);
});

test("matrices without rows, and of one element", () => {
  const through = (x: Tensor): Tensor[] => [inv(x), cholesky(x), solve(x, x), x.choleskyInverse(), det(x), ...qr(x)];
  const none = zeros(2, 0, 0, { ...options, requiresGrad: true });
  expect(grad(weighed(through(none)), none)[0]!.shape).toEqual([2, 0, 0]);
  const one = tensor([[4]], { ...options, requiresGrad: true });
  expect(grad(inv(one), one)[0]!.item()).toBe(-1 / 16);
  expect(grad(cholesky(one), one)[0]!.item()).toBe(1 / 4);
  expect(grad(det(zeros(1, 1, options).mul(one)), one)[0]!.item()).toBe(0);
});

test("a singular matrix has the same cofactors whether they are differentiated or not", () => {
  for (const rank of [0, 1, 2, 3]) {
    const x = seven.matmul(
      diag(
        tensor(
          [2, 3, -1].map((value, i) => (i < rank ? value : 0)),
          options,
        ),
      ),
    );
    const [a, b] = [x.detach().expand(2, 3, 3).requiresGrad_(), x.detach().expand(2, 3, 3).requiresGrad_()];
    const once = grad(det(a).sum(), a)[0]!;
    const often = grad(det(b).sum(), b, { createGraph: true })[0]!;
    expect(once.sub(often).abs().amax().item()).toBeLessThan(1e-12);
  }
});

test("float32 is as exact as its digits, and an expanded matrix gets the sum", () => {
  const exact = tensor(two, { ...options, requiresGrad: true });
  const short = exact.detach().to("float32").requiresGrad_();
  for (const f of [inv, det, cholesky, (x: Tensor) => solve(x, x.mT), linalg.svdvals]) {
    const [expected, got] = [exact, short].map((x) => grad(f(x).square().sum(), x)[0]!) as [Tensor, Tensor];
    expect(got.dtype).toBe("float32");
    expect(got.to("float64").sub(expected).abs().amax().item()).toBeLessThan(1e-5);
    const thrice = grad(
      f(exact.expand(3, 2, 2))
        .square()
        .sum(),
      exact,
    )[0]!;
    expect(thrice.sub(expected.mul(3)).abs().amax().item()).toBeLessThan(1e-12);
  }
});

test("what has no derivative says so, and so does what was written over", () => {
  const tall = randn(3, 2, { ...options, requiresGrad: true });
  expect(() => qr(tall, "complete").Q.sum().backward()).toThrow("qr: the complete Q has no derivative");
  const x = tensor(two, { ...options, requiresGrad: true });
  const inverse = inv(x);
  inverse.mul_(2);
  expect(() => inverse.sum().backward()).toThrow("changed in place");
  const y = inv(x).sum();
  y.backward();
  expect(() => y.backward()).toThrow("the values that LinalgInvExBackward0");
  expect(String(inv(x).gradFn)).toBe("<LinalgInvExBackward0>");
  expect(String(slogdet(x).logabsdet.gradFn)).toBe("<LinalgSlogdetBackward0>");
});
