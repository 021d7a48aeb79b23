import type { UnaryOp } from "@dl/tensor";
import { expect, test, vi } from "vitest";
import { engine } from "../src/runtime/index.ts";
import { aboveZero, expectGelu, functions, worstOf } from "./precision-check.ts";
import * as check64 from "./precision64-check.ts";

// A host without relaxed SIMD: products and sums are rounded apart. The loops for engines that join vectors are right in all.
vi.mock("../src/runtime/features.ts", () => ({
  detectFeatures: () => ({ simd: true, relaxedSimd: false, joinedVectors: true }),
}));

test.each(Object.keys({ ...functions, ...aboveZero }) as UnaryOp[])(
  "%s needs no fused multiply-add for its precision",
  (op) => {
    expect(engine.options.relaxed).toBe(false);
    const { units, at } = worstOf(op);
    expect(units, `${op}(${at})`).toBeLessThanOrEqual(2);
  },
);

test("gelu needs none either", () => {
  expectGelu();
});

test.each(Object.entries(check64.rows))("%s of float64 needs none either", (name, [, , limit]) => {
  const { units, at } = check64.worstOf(name as keyof typeof check64.rows);
  expect(units, `${name}(${at})`).toBeLessThanOrEqual(limit);
});

test.each(Object.keys(check64.divisions) as (keyof typeof check64.divisions)[])("%s of float64 neither", (op) => {
  const { units, at } = check64.worstOfDivisions(op);
  expect(units, `${op}(${at})`).toBe(0);
});

test("pow of float64 is within a unit without", () => {
  expect(check64.worstOfPowers().units).toBeLessThanOrEqual(1);
});
