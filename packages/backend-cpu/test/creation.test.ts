import type { DType, FloatDType } from "@dl/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { getNumThreads, setNumThreads } from "../src/runtime/index.ts";
import { agree, allDTypes, floatDTypes, outputsOf } from "./oracle.ts";

interface Draw {
  readonly size: number;
  readonly dtype: DType;
  readonly distribution: "uniform" | "normal";
  readonly seed?: readonly [number, number];
  readonly offset?: number;
}

function draw({
  size,
  dtype,
  distribution,
  seed = [1, 2],
  offset = 0,
}: Draw): [attrs: object, outputs: [{ shape: number[]; dtype: DType }]] {
  const shape = [size];
  return [{ shape, dtype, distribution, seed, offset }, [{ shape, dtype }]];
}

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });

test.each(floatDTypes)("uniform %s is the reference's, bit for bit", (dtype) => {
  const offset = fc.oneof(fc.nat({ max: 1000 }), fc.constantFrom(2 ** 32 - 2, 2 ** 32, 5 * 2 ** 32 - 1));
  fc.assert(
    fc.property(fc.nat({ max: 70 }), fc.tuple(word, word), offset, (size, seed, first) => {
      agree("random", [], ...draw({ size, dtype, distribution: "uniform", seed, offset: first }));
    }),
    { numRuns: 40 },
  );
});

test.each([
  ["float32", 3e-6],
  ["float64", 1e-13],
  ["float16", 2e-3],
  ["bfloat16", 2e-2],
] as const)("normal %s is the reference's", (dtype, tolerance) => {
  for (const size of [0, 1, 2, 7, 16, 17, 1001]) {
    agree("random", [], ...draw({ size, dtype, distribution: "normal", seed: [size, 9] }), tolerance);
  }
});

describe("many numbers", () => {
  const numbers = (distribution: Draw["distribution"], dtype: FloatDType = "float32"): number[] =>
    outputsOf("random", [], ...draw({ size: 100_001, dtype, distribution }))[0]!;

  test("have the moments of their distribution", () => {
    const moments = (xs: number[]): [number, number] => {
      const mean = xs.reduce((a, b) => a + b, 0) / xs.length;
      return [mean, xs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / xs.length];
    };
    const [mean, variance] = moments(numbers("uniform"));
    expect(Math.abs(mean - 1 / 2)).toBeLessThan(0.004);
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.002);
    const [centre, spread] = moments(numbers("normal"));
    expect(Math.abs(centre)).toBeLessThan(0.012);
    expect(Math.abs(spread - 1)).toBeLessThan(0.02);
  });

  test("do not depend on the number of threads", () => {
    const before = getNumThreads();
    setNumThreads(1);
    const alone = numbers("normal", "float64");
    setNumThreads(4);
    expect(numbers("normal", "float64")).toEqual(alone);
    setNumThreads(before);
  });
});

test.each(allDTypes)("arange and full of %s", (dtype) => {
  for (const [size, start, step] of [
    [0, 1, 1],
    [10, 0, 1],
    [7, 3, -2],
    [5, 0.5, 0.25],
    [70_001, 1, 3],
  ] as const) {
    if (dtype === "uint8" && step < 0) continue;
    agree("arange", [], { shape: [size], dtype, start, step }, [{ shape: [size], dtype }]);
    agree("full", [], { shape: [size, 2], dtype, value: start }, [{ shape: [size, 2], dtype }]);
  }
});

test.each(floatDTypes)("evenly spaced %s end where they should", (dtype) => {
  for (const size of [0, 1, 2, 3, 7, 10, 100_001]) {
    const [start, end] = [-1.7, 12.3];
    const attrs = { shape: [size], dtype, start, step: size > 1 ? (end - start) / (size - 1) : 0, end };
    agree("arange", [], attrs, [{ shape: [size], dtype }]);
  }
});
