import "./reference.ts";
import { asTensor, floatTensor, special, type Tensor, tensor, zeros } from "@dl/tensor";
import { expect, test } from "vitest";

/** What PyTorch computes in float64. */
function expectNear(found: Tensor, expected: readonly number[], relative: number): void {
  (found.toArray() as number[]).forEach((value, i) => {
    const wanted = expected[i]!;
    if (Number.isFinite(wanted)) expect(Math.abs(value - wanted)).toBeLessThanOrEqual(relative * Math.abs(wanted));
    else expect(value).toBe(wanted);
  });
}

test("the inverse of the normal distribution reaches into its tails", () => {
  const shares = [0, 1e-300, 1e-30, 1e-8, 0.009, 0.01, 0.5, 0.9, 1, 2, Number.NaN];
  const places = [
    Number.NEGATIVE_INFINITY,
    -37.0470962993612,
    -11.464024688443613,
    -5.612001244174789,
    -2.365618126864293,
    -2.3263478740408408,
    0,
    1.2815515655446004,
    Number.POSITIVE_INFINITY,
    Number.NaN,
    Number.NaN,
  ];
  expectNear(special.ndtri(tensor(shares, { dtype: "float64" })), places, 1e-14);
  expectNear(special.ndtri(floatTensor([1e-40, 1e-30])), [-13.310921669006348, -11.46402359008789], 1e-6);
});

test("the logarithm of the normal distribution goes on where that is too small for a number", () => {
  const x = tensor([-1e5, -100, -30.5, -29.5, -1, 0, 1, 10, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  const logarithms = [
    -5000000012.431865,
    -5005.524208694205,
    -469.4627373229121,
    -439.4294746091503,
    -1.841021645009264,
    -Math.LN2,
    -0.17275377902344985,
    -7.619853024160498e-24,
    0,
    Number.NEGATIVE_INFINITY,
  ];
  expectNear(special.logNdtr(x.to("float64")), logarithms, 1e-14);
  expectNear(special.logNdtr(x.narrow(0, 0, 7).to("float32")), logarithms, 1e-6);
});

test("asTensor takes a tensor as it is where nothing changes", () => {
  const x = tensor([1, 2]);
  expect(asTensor(x)).toBe(x);
  expect(asTensor(x, { dtype: "float64" }).dtype).toBe("float64");
  expect(asTensor([1.5]).toArray()).toEqual([1.5]);
});

test("the logarithm of no exponentials is that of 0", () => {
  expect(zeros(2, 0).logsumexp(1).toArray()).toEqual([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  expect(zeros(2, 0).logsumexp(0).shape).toEqual([0]);
});

test("sums of exponentials beyond all numbers are infinite, along lines as along columns", () => {
  const inf = Number.POSITIVE_INFINITY;
  const x = tensor([
    [-inf, -inf],
    [inf, 1],
    [Number.NaN, 1],
    [1000, 1000],
  ]);
  const sums = [-inf, inf, Number.NaN, Math.fround(1000 + Math.LN2)];
  expect(x.logsumexp(1).toArray()).toEqual(sums);
  expect(x.t().contiguous().logsumexp(0, true).toArray()).toEqual([sums]);
});
