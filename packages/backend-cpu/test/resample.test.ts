import { collectTaps, type DType, type Shape, type Taps } from "@dl/tensor";
import { afterEach, describe, expect, test } from "vitest";
import { getNumThreads, setNumThreads } from "../src/index.ts";
import { agree, outputsOf, plainView } from "./oracle.ts";

const threads = getNumThreads();
afterEach(() => setNumThreads(threads));

/** Some outputs take nothing, others the same element twice. */
function tapsOf(size: number, count: number): Taps {
  const places = Array.from({ length: 2 * Math.max(size, count) }, (_, k) => k);
  return collectTaps(
    count,
    places.map((k) => (k * k + 3) % count),
    places.map((k) => (7 * k) % size),
    places.map((k) => ((k % 5) - 2) / 4),
  );
}

/** Lines that lie packed and rows of all widths; few planes and many, of all sizes between two stages. */
const calls: readonly (readonly [shape: Shape, stages: readonly (readonly [dim: number, count: number])[]])[] = [
  [[33, 70], [[1, 200]]],
  [[2, 50], [[1, 9]]],
  [[5, 17000], [[1, 100]]],
  [[3, 40, 3], [[1, 60]]],
  [[2, 30, 21], [[1, 70]]],
  [
    [40, 20, 19],
    [
      [2, 66],
      [1, 45],
    ],
  ],
  [
    [2, 3, 30, 50],
    [
      [2, 7],
      [3, 90],
    ],
  ],
  [
    [4, 5, 6, 7, 9],
    [
      [2, 3],
      [4, 20],
      [3, 9],
    ],
  ],
];

const attrsOf = (shape: Shape, stages: readonly (readonly [dim: number, count: number])[]) => ({
  stages: stages.map(([dim, count]) => ({ dim, taps: tapsOf(shape[dim]!, count) })),
});
const madeOf = (shape: Shape, stages: readonly (readonly [dim: number, count: number])[]): Shape =>
  stages.reduce<Shape>((made, [dim, count]) => made.with(dim, count), shape);

describe.each(calls)("weighted sums of %j to %j", (shape, stages) => {
  test.each<readonly [DType, number]>([
    ["float32", 1e-5],
    ["float64", 1e-12],
    ["float16", 2e-2],
  ])("of %s", (dtype, tolerance) => {
    const out = { shape: madeOf(shape, stages), dtype };
    agree("resample", [plainView(shape, dtype)], attrsOf(shape, stages), [out], tolerance);
  });

  test("do not depend on the number of threads", () => {
    const x = plainView(shape, "float32", 5, (random) => random() - 0.5);
    const [alone, together] = [1, 4].map((count) => {
      setNumThreads(count);
      const out = { shape: madeOf(shape, stages), dtype: "float32" } as const;
      return outputsOf("resample", [x], attrsOf(shape, stages), [out])[0];
    });
    expect(together).toEqual(alone);
  });
});

test("one element by 1 stays as it is; infinities and NaN reach those that take them alone", () => {
  const taps = { bounds: [0, 1, 1, 2, 4, 6], sources: [0, 1, 2, 3, 3, 3], weights: [1, 1, 1, 1, 1, -1] };
  for (const lines of [1, 16]) {
    const values = Array.from({ length: lines }, () => [-0, Number.NaN, 2, Number.POSITIVE_INFINITY]).flat();
    const x = { ...plainView([lines, 4], "float32"), values };
    const out = { shape: [lines, 5], dtype: "float32" } as const;
    const [made] = outputsOf("resample", [x], { stages: [{ dim: 1, taps }] }, [out]);
    const line = [-0, 0, Number.NaN, Number.POSITIVE_INFINITY, Number.NaN];
    expect(Array.from(made!)).toEqual(Array.from({ length: lines }, () => line).flat());
  }
});

test.each(["float32", "float64", "bfloat16"] as const)("single elements of %s are picked as they are", (dtype) => {
  const single = (count: number, size: number): Taps => {
    const places = Array.from({ length: count }, (_, i) => i);
    return collectTaps(
      count,
      places,
      places.map((i) => (5 * i + 2) % size),
    );
  };
  const stages = [
    { dim: 2, taps: single(41, 17) },
    { dim: 0, taps: single(9, 3) },
  ];
  agree("resample", [plainView([3, 5, 17], dtype)], { stages }, [{ shape: [9, 5, 41], dtype }], 0);
});
