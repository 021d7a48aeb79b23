import type { BinaryOp, UnaryOp } from "@dl/tensor";
import { erfc } from "@dl/tensor/testing";
import { expect, test } from "vitest";
import { functions, pairFunctions, run, worstOf, worstOfPairs } from "./precision-check.ts";

test.each(Object.keys(functions) as UnaryOp[])("%s is within 2 units of the last place", (op) => {
  const { units, at } = worstOf(op);
  expect(units, `${op}(${at})`).toBeLessThanOrEqual(2);
});

test.each(Object.entries(pairFunctions))("%s is as exact as promised", (op, [, limit]) => {
  for (const { units, at } of worstOfPairs(op as BinaryOp)) expect(units, `${op}(${at})`).toBeLessThanOrEqual(limit);
});

const below = (x: number): number => erfc(-x * Math.SQRT1_2) / 2;
const density = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

test("gelu and its slope are as exact as PyTorch's, which are off by 3e-7, between -1 and 0 by 7e-7 of the result", () => {
  const x = Float32Array.from({ length: 200_001 }, (_, i) => i / 12_500 - 8);
  const [y, slope] = [run("gelu", x), run("geluBackward", new Float32Array(x.length).fill(1), x)];
  let [relative, absolute, ofSlope] = [0, 0, 0];
  for (const [i, at] of x.entries()) {
    const miss = Math.abs(y[i]! - at * below(at));
    if (at > -1) relative = Math.max(relative, miss / Math.abs(at * below(at)) || 0);
    else absolute = Math.max(absolute, miss);
    ofSlope = Math.max(ofSlope, Math.abs(slope[i]! - below(at) - at * density(at)));
  }
  expect(relative).toBeLessThan(6.9e-7);
  expect(absolute).toBeLessThan(1e-7);
  expect(ofSlope).toBeLessThan(2.9e-7);
});

test("gelu at the edges", () => {
  const x = Float32Array.of(-0, 0, Infinity, -Infinity, NaN, -3e38, 3e38, 2 ** -149, -7);
  expect([...run("gelu", x)]).toEqual([-0, 0, Infinity, NaN, NaN, -0, Math.fround(3e38), 0, -0]);
});
