/** Functions made of others have no derivative of their own: that of their parts is right, to the second order. */
import "@dl/backend-cpu";
import * as dl from "@dl/tensor";
import { type Shape, type Tensor, tensor } from "@dl/tensor";
import { arrange } from "@dl/tensor/testing";
import { expect, test } from "vitest";
import { checkBoth, type Fn } from "./slopes.ts";

const { linalg, special } = dl;

const index = (...values: number[]): Tensor => tensor(values, { dtype: "int64" });
const square: Shape = [3, 3];
const wide: Shape = [2, 3];
const rows = tensor(
  [
    [0, 1, 1],
    [1, 0, 0],
  ],
  { dtype: "int64" },
);
const mask = tensor([
  [true, false, true],
  [false, false, true],
]);
/** Far from singular, and with distinct singular values. */
const regular = (x: Tensor): Tensor => x.mul(0.2).add(dl.diag(tensor([1, 2, 3.5], { dtype: "float64" })));
const definite = (x: Tensor): Tensor => regular(x.add(x.t()).mul(0.5));

/** Functions by name, with the shapes of their inputs; values are drawn from [0.2, 1.8] unless a range is given. */
type Row = readonly [f: Fn, ...shapes: Shape[]];
const elementwise: Readonly<Record<string, Row>> = {
  softmax: [(x) => x.softmax(1), wide],
  logSoftmax: [(x) => x.logSoftmax(0), wide],
  logsumexp: [(x) => x.logsumexp([0, 1]), wide],
  clamp: [(x) => x.clamp(0.5, 1.5), wide],
  "clamp by tensors": [(x, a, b) => x.clamp(a, b.add(1)), wide, [3], [3]],
  "digamma below zero": [(x) => x.sub(9.3).digamma(), wide],
  "polygamma below zero": [(x) => x.sub(9.3).polygamma(3), wide],
  frac: [(x) => x.frac(), wide],
  sgn: [(x) => x.sgn(), wide],
  deg2rad: [(x) => x.deg2rad(), wide],
  rad2deg: [(x) => x.rad2deg(), wide],
  sinc: [(x) => x.sinc(), wide],
  "sinc near zero": [(x) => x.sub(1).mul(0.25).sinc(), wide],
  logit: [(x) => x.mul(0.5).logit(), wide],
  xlogy: [(x, y) => x.xlogy(y), wide, wide],
  xlog1py: [(x, y) => special.xlog1py(x, y), wide, wide],
  entr: [(x) => special.entr(x), wide],
  ndtr: [(x) => special.ndtr(x), wide],
  ndtri: [(x) => special.ndtri(x.mul(0.5)), wide],
  logaddexp: [(x, y) => x.logaddexp(y), wide, [3]],
  logaddexp2: [(x, y) => x.logaddexp2(y), wide, [3]],
  ldexp: [(x) => x.ldexp(rows), wide],
  floatPower: [(x, y) => x.floatPower(y), wide, [3]],
  nanToNum: [(x) => x.log().nanToNum(), wide],
  addcmul: [(x, a, b) => x.addcmul(a, b, { value: 0.5 }), wide, [3], [2, 1]],
  addcdiv: [(x, a, b) => x.addcdiv(a, b, { value: 0.5 }), wide, [3], [2, 1]],
  lerp: [(x, y, w) => x.lerp(y, w), wide, wide, [3]],
  where: [(x, y) => dl.where(mask, x.exp(), y.log()), wide, [3]],
  maskedFill: [(x) => x.exp().maskedFill(mask, 2), wide],
};

const reducing: Readonly<Record<string, Row>> = {
  mean: [(x) => x.exp().mean(1), wide],
  var: [(x) => x.var(1), wide],
  "std, population": [(x) => x.std(0, { correction: 0 }), square],
  varMean: [(x) => dl.stack([...x.varMean(1)]), wide],
  stdMean: [(x) => dl.stack([...x.stdMean(1)]), wide],
  nansum: [(x) => x.exp().nansum(1), wide],
  nanmean: [(x) => x.exp().nanmean(1), wide],
  aminmax: [(x) => dl.stack(Object.values(x.exp().aminmax({ dim: 0 })) as Tensor[]), wide],
  cov: [(x) => x.cov(), wide],
  corrcoef: [(x) => x.corrcoef(), [2, 4]],
  norm: [(x) => x.norm(), wide],
  "norm, p = 3": [(x) => x.norm(3, 1), wide],
  "norm, infinite": [(x) => x.norm(Number.POSITIVE_INFINITY, 1), wide],
  dist: [(x, y) => x.dist(y.add(2)), wide, wide],
  cdist: [(x, y) => x.cdist(y), [2, 3], [4, 3]],
  renorm: [(x) => x.renorm(2, 0, 1.2), wide],
  quantile: [(x) => x.exp().quantile(0.3, 1), [2, 4]],
  median: [(x) => x.exp().median(), wide],
  kthvalue: [(x) => x.exp().kthvalue(2, 1)[0], wide],
  mode: [(x) => x.exp().mode(1)[0], wide],
  max: [(x) => x.exp().max(1)[0], wide],
  min: [(x) => x.exp().min(), wide],
  diff: [(x) => x.exp().diff(2, 1), [2, 4]],
  trapezoid: [(x, at) => x.exp().trapezoid(at.cumsum(0)), wide, [3]],
  cumulativeTrapezoid: [(x) => x.exp().cumulativeTrapezoid(), wide],
  trace: [(x) => x.exp().trace(), square],
};

const moving: Readonly<Record<string, Row>> = {
  stack: [(x, y) => dl.stack([x.exp(), y], 1), wide, wide],
  "split and cat": [(x) => dl.cat(x.exp().split(2, 1).reverse() as Tensor[], 1), wide],
  roll: [(x) => x.exp().roll(1, 1), wide],
  rot90: [(x) => x.exp().rot90(), wide],
  flip: [(x) => x.exp().flip([0, 1]), wide],
  repeat: [(x) => x.exp().repeat(2, 2), wide],
  repeatInterleave: [(x) => x.exp().repeatInterleave(2, 1), wide],
  tril: [(x) => x.exp().tril(), square],
  diagEmbed: [(x) => x.exp().diagEmbed(), wide],
  unfold: [(x) => x.exp().unfold(1, 2, 1), wide],
  meshgrid: [(x, y) => dl.meshgrid(x, y, { indexing: "ij" }).reduce((a, b) => a.mul(b)), [2], [3]],
  combinations: [(x) => dl.combinations(x.exp(), 2), [4]],
  blockDiag: [(x, y) => dl.blockDiag(x.exp(), y), wide, [2]],
  cartesianProd: [(x, y) => dl.cartesianProd(x.exp(), y), [2], [3]],
};

const picking: Readonly<Record<string, Row>> = {
  "at positions": [(x) => x.exp().at(index(1, 0, 1), [0, 2]), wide],
  "at a mask": [(x) => x.exp().at(mask), wide],
  indexFill: [(x) => x.exp().indexFill(1, index(0, 2), 3), wide],
  indexPut: [(x, v) => x.exp().indexPut([index(1, 0, 1), index(0, 0, 2)], v), wide, [3]],
  "indexPut, added": [(x, v) => x.exp().indexPut([index(1, 1, 1)], v, true), wide, [3]],
  take: [(x) => x.exp().take(index(0, 4, -1, 4)), wide],
  put: [(x, v) => x.exp().put(index(0, 4, -1), v), wide, [3]],
  takeAlongDim: [(x) => x.exp().takeAlongDim(rows, 0), wide],
  scatter: [(x, v) => x.exp().scatter(0, rows, v), wide, wide],
  scatterAdd: [(x, v) => x.exp().scatterAdd(0, rows, v.exp()), wide, wide],
  maskedSelect: [(x) => x.exp().maskedSelect(mask), wide],
  maskedScatter: [(x, v) => x.exp().maskedScatter(mask, v), wide, [4]],
  sort: [(x) => x.exp().sort(1)[0], wide],
  topk: [(x) => x.exp().topk(2, 1)[0], wide],
  diagonalScatter: [(x, v) => x.exp().diagonalScatter(v), square, [3]],
  selectScatter: [(x, v) => x.exp().selectScatter(v, 0, 1), wide, [3]],
  sliceScatter: [(x, v) => x.exp().sliceScatter(v, 1, 0, 3, 2), wide, [2, 2]],
  ...Object.fromEntries(
    (["sum", "prod", "mean", "amax", "amin"] as const).flatMap((reduce) => [
      [`scatterReduce, ${reduce}`, [(x, v) => x.exp().scatterReduce(0, rows, v, reduce), wide, wide] satisfies Row],
      [
        `scatterReduce, ${reduce}, without self`,
        [(x, v) => x.exp().scatterReduce(0, rows, v, reduce, { includeSelf: false }), wide, wide] satisfies Row,
      ],
    ]),
  ),
  indexReduce: [(x, v) => x.exp().indexReduce(1, index(2, 0), v, "prod"), wide, [2, 2]],
};

const multiplying: Readonly<Record<string, Row>> = {
  "matmul, broadcast": [(x, y) => x.matmul(y), [2, 1, 2, 3], [3, 2]],
  mv: [(x, y) => x.mv(y), wide, [3]],
  dot: [(x, y) => x.dot(y), [3], [3]],
  outer: [(x, y) => x.outer(y), [2], [3]],
  inner: [(x, y) => x.inner(y), wide, [4, 3]],
  tensordot: [(x, y) => x.tensordot(y, 1), wide, [3, 2]],
  kron: [(x, y) => x.kron(y), wide, [1, 2]],
  cross: [(x, y) => x.cross(y, 1), wide, wide],
  einsum: [(x, y) => dl.einsum("bij,bkj->ik", x, y), [2, 2, 3], [2, 4, 3]],
  addmm: [(x, a, b) => x.addmm(a, b, { beta: 0.5, alpha: 2 }), [2], wide, [3, 2]],
  "addmm, one op": [(x, a, b) => x.addmm(a, b), [2], wide, [3, 2]],
  addmv: [(x, a, b) => x.addmv(a, b), [2], wide, [3]],
  addr: [(x, a, b) => x.addr(a, b), wide, [2], [3]],
  baddbmm: [(x, a, b) => x.baddbmm(a, b), [2, 2, 2], [2, 2, 3], [2, 3, 2]],
  chainMatmul: [(x, y, z) => dl.chainMatmul(x, y, z), [2, 3], [3, 2], [2, 2]],
};

const decomposing: Readonly<Record<string, Row>> = {
  inv: [(x) => linalg.inv(regular(x)), square],
  solve: [(x, b) => linalg.solve(regular(x), b), square, [3, 2]],
  solveTriangular: [(x, b) => linalg.solveTriangular(regular(x).triu(), b, { upper: true }), square, [3, 2]],
  det: [(x) => linalg.det(regular(x)), square],
  slogdet: [(x) => linalg.slogdet(regular(x))[1], square],
  cholesky: [(x) => linalg.cholesky(definite(x)), square],
  qr: [(x) => dl.cat([...linalg.qr(regular(x))]), square],
  matrixPower: [(x) => linalg.matrixPower(regular(x), 3), square],
  eigvalsh: [(x) => linalg.eigvalsh(definite(x)), square],
  // Vectors are known but for their signs.
  eigh: [(x) => linalg.eigh(definite(x))[1].square(), square],
  svd: [(x) => dl.cat(linalg.svd(regular(x)).map((part) => part.square().reshape(-1))), square],
  svdvals: [(x) => linalg.svdvals(regular(x)), square],
  pinv: [(x) => linalg.pinv(regular(x)), square],
  vectorNorm: [(x) => linalg.vectorNorm(x, 3), wide],
  "matrixNorm, Frobenius": [(x) => linalg.matrixNorm(x), wide],
  "matrixNorm, nuclear": [(x) => linalg.matrixNorm(regular(x), "nuc"), square],
};

const all = { ...elementwise, ...reducing, ...moving, ...picking, ...multiplying, ...decomposing };

test.each(Object.entries(all))("%s", (_, [f, ...shapes]) => {
  const inputs = shapes.map((shape, i) =>
    arrange({ shape, dtype: "float64", low: 0.2, high: 1.8 }, i, "contiguous", "cpu").requiresGrad_(),
  );
  checkBoth(f, inputs);
});

test("sinc has its slope near zero in float32", () => {
  const at = [0, 1e-40, 1e-3, -1e-2];
  const x = tensor(at, { dtype: "float32", requiresGrad: true });
  x.sinc().sum().backward();
  const slope = (z: number): number => (-(Math.PI ** 2) / 3) * z * (1 - (Math.PI * z) ** 2 / 10);
  for (const [i, z] of at.entries()) {
    expect(Math.abs(x.grad!.at(i).item() - slope(z))).toBeLessThanOrEqual(Math.abs(slope(z)) * 2 ** -21 + 1e-44);
  }
});
