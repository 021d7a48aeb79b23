import { expect, test } from "vitest";
import { run as runSingle } from "./precision-check.ts";
import {
  divisions,
  pairs,
  rows,
  run,
  worstOf,
  worstOfAll,
  worstOfDivisions,
  worstOfPairs,
  worstOfPowers,
} from "./precision64-check.ts";

test.each(Object.entries(rows))("%s of float64 is as exact as promised", (name, [, , limit]) => {
  const op = name as keyof typeof rows;
  const near = worstOf(op);
  expect(near.units, `${op}(${near.at})`).toBeLessThanOrEqual(limit);
  const anywhere = worstOfAll(op);
  expect(anywhere.units, `${op}(${anywhere.at}), from the host's`).toBeLessThanOrEqual(limit + 1);
});

test.each(Object.keys(divisions) as (keyof typeof divisions)[])("%s of float64 is exact", (op) => {
  const { units, at } = worstOfDivisions(op);
  expect(units, `${op}(${at})`).toBe(0);
});

test("lgamma of float64 is that of factorials, and of their likes half a step on", () => {
  const steps = Array.from({ length: 40 }, (_, n) => n + 1);
  const x = Float64Array.from(steps.flatMap((n) => [n, n - 0.5]));
  let [whole, half] = [1, Math.sqrt(Math.PI)];
  const gammas = steps.flatMap((n) => {
    const both = [whole, half];
    [whole, half] = [whole * n, half * (n - 0.5)];
    return both;
  });
  for (const [i, y] of run("lgamma", x).entries()) {
    const expected = Math.log(gammas[i]!);
    expect(Math.abs(y - expected), `lgamma(${x[i]})`).toBeLessThanOrEqual(4 * 2 ** -52 * Math.max(1, expected));
  }
});

test("pow of float64 is within a unit of the last place", () => {
  const { units, at } = worstOfPowers();
  expect(units, `pow(${at})`).toBeLessThanOrEqual(1);
});

test.each(Object.keys(pairs) as (keyof typeof pairs)[])("%s of float64 at the edges", (op) => {
  const { units, at } = worstOfPairs(op);
  expect(units, `${op}(${at})`).toBeLessThanOrEqual(2);
});

test.each(["exp", "exp2", "log", "log2", "log10"] as const)("unusual numbers change no bit of %s of others", (op) => {
  const x = Float64Array.from({ length: 20_000 }, (_, i) => (i + 1) / 300);
  const mixed = x.map((at, i) => (i % 512 ? at : Number.NaN));
  const [alone, single] = [run(op, x), runSingle(op, new Float32Array(x))];
  const isOther = (y: number, i: number, of: ArrayLike<number>): boolean => i % 512 !== 0 && !Object.is(y, of[i]);
  expect(run(op, mixed).filter((y, i) => isOther(y, i, alone))).toHaveLength(0);
  expect(runSingle(op, new Float32Array(mixed)).filter((y, i) => isOther(y, i, single))).toHaveLength(0);
});

test.each([-2, 0, 1e30])("a power of %s changes no bit of others", (unusual) => {
  const x = Float32Array.from({ length: 20_000 }, (_, i) => (i + 1) / 300);
  const y = x.map((at, i) => (i % 512 ? 33 - at : 60));
  const alone = runSingle("pow", x, y);
  const mixed = runSingle(
    "pow",
    x.map((at, i) => (i % 512 ? at : unusual)),
    y,
  );
  expect(mixed.filter((z, i) => i % 512 !== 0 && !Object.is(z, alone[i]))).toHaveLength(0);
  expect(mixed[512]).toBe(Math.fround(unusual ** 60));
});

test("the inverse of the normal distribution in float64, and in its tails", () => {
  const shares = [0, 1e-300, 1e-30, 1e-8, 0.009, 0.3, 0.5, 0.9, 1, -0.1, 1.1, Number.NaN];
  const [tail, lower] = [
    [-37.0470962993612, -11.464024688443615],
    [-2.365618126864293, -0.5244005127080408],
  ];
  const places = [-Infinity, ...tail, -5.612001244174788, ...lower, 0, 1.2815515655446006, Infinity, NaN, NaN, NaN];
  const found = run("ndtri", Float64Array.from(shares));
  for (const [i, place] of places.entries()) {
    if (Number.isFinite(place)) expect(Math.abs(found[i]! - place)).toBeLessThanOrEqual(3e-15 * Math.abs(place));
    else expect(found[i]).toBe(place);
  }
});
