import type { BinaryOp, UnaryOp } from "@dl/tensor";
import { digamma, lgamma } from "@dl/tensor/testing";
import { expect, test } from "vitest";
import { onOneAndThree } from "./on-threads.ts";
import {
  aboveZero,
  expectGelu,
  functions,
  pairFunctions,
  run,
  runInPlace,
  worstOf,
  worstOfPairs,
} from "./precision-check.ts";

test.each(Object.keys({ ...functions, ...aboveZero }) as UnaryOp[])("%s is within 2 units of the last place", (op) => {
  const { units, at } = worstOf(op);
  expect(units, `${op}(${at})`).toBeLessThanOrEqual(2);
});

test.each(Object.entries(pairFunctions))("%s is as exact as promised", (op, [, limit]) => {
  for (const { units, at } of worstOfPairs(op as BinaryOp)) expect(units, `${op}(${at})`).toBeLessThanOrEqual(limit);
});

test("gelu and its slope are as exact as promised", () => {
  expectGelu();
});

test("gelu at the edges", () => {
  const x = Float32Array.of(-0, 0, Infinity, -Infinity, NaN, -3e38, 3e38, 2 ** -149, -7);
  expect([...run("gelu", x)]).toEqual([
    -0,
    0,
    Infinity,
    NaN,
    NaN,
    -0,
    Math.fround(3e38),
    0,
    expect.closeTo(-8.95869e-12, 16),
  ]);
});

test("threads look numbers up apart", async () => {
  const x = Float32Array.from({ length: 2 ** 20 }, (_, i) => Math.sin(i) * 4);
  const [alone, together] = await onOneAndThree(() => run("gelu", x).slice());
  expect(together.findIndex((y, i) => y !== alone[i])).toBe(-1);
});

test("what is unusual is found wherever it stands, in place too", () => {
  const values = Float32Array.of(NaN, Infinity, -Infinity, -0, 0, -1, 88.5, -95, 2 ** -140, 3e38);
  for (const op of ["exp", "log"] as const) {
    const alone = run(op, values);
    for (const place of [0, 1019, 4096, 9990]) {
      const x = new Float32Array(10_000).fill(1);
      x.set(values, place);
      for (const result of [run(op, x), runInPlace(op, x)]) {
        expect(result.slice(place, place + values.length)).toEqual(alone);
        expect(result[(place + 5000) % x.length]).toBe(Math.fround(Math[op](1)));
      }
    }
  }
});

test.each([
  ["lgamma", lgamma],
  ["digamma", digamma],
] as const)("%s below 0", (op, truth) => {
  const x = Float32Array.from({ length: 10_000 }, (_, i) => (-i - 0.5) / 997);
  for (const [i, y] of run(op, x).entries()) {
    const wanted = truth(x[i]!);
    expect(Math.abs(y - wanted), `${op}(${x[i]})`).toBeLessThan(1e-7 * (1 + Math.abs(wanted)));
  }
  const poles = Float32Array.of(0, -0, -1, -2, -(2 ** 24), -Infinity);
  const infinite = [Infinity, Infinity, Infinity, Infinity, Infinity, Infinity];
  expect([...run(op, poles)]).toEqual(op === "lgamma" ? infinite : [-Infinity, Infinity, NaN, NaN, NaN, NaN]);
});
