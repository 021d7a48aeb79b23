import { dtypes } from "@dl/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpu } from "../src/backend.ts";
import { agree, allDTypes, anyView, type Draw, plainView } from "./oracle.ts";

const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 2 ** -140, 1e38];

/** Many equal elements, so that stability shows, and the edges. */
const draw: Draw = (random) => {
  const pick = Math.floor(random() * 40);
  return special[pick] ?? Math.floor(random() * 50) - 25;
};
const whole: Draw = (random) => Math.floor(random() * 50) - 25;

describe.each(allDTypes)("%s", (dtype) => {
  const isFloat = dtypes[dtype].kind === "float";
  const shape = fc.tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.constantFrom(1, 2, 7, 63, 64, 65, 300),
    fc.constantFrom(1, 2),
  );
  const views = shape.chain((sizes) => anyView(sizes, dtype, isFloat ? draw : whole));
  const outputs = (
    sizes: readonly number[],
  ): [{ shape: readonly number[]; dtype: typeof dtype }, { shape: readonly number[]; dtype: "int64" }] => [
    { shape: sizes, dtype },
    { shape: sizes, dtype: "int64" },
  ];

  test.each([true, false])("lines of any length, descending %s", (descending) => {
    fc.assert(
      fc.property(views, (x) => {
        agree("sort", [x], { dim: 1, descending }, outputs(x.shape));
      }),
      { numRuns: 20 },
    );
  });

  test.each([true, false])("the first few or many, largest %s", (largest) => {
    fc.assert(
      fc.property(views, fc.double({ min: 0, max: 1, noNaN: true }), (x, part) => {
        const k = Math.ceil(part * x.shape[1]!);
        agree("topk", [x], { dim: 1, k, largest }, outputs(x.shape.with(1, k)));
      }),
      { numRuns: 20 },
    );
  });
});

test.each(["float32", "float64", "int64", "uint8"] as const)("the first of long lines in %s", (dtype) => {
  const x = plainView([5, 6000], dtype, 9, dtypes[dtype].kind === "float" ? draw : whole);
  for (const k of [3, 70, 200]) {
    for (const largest of [true, false]) {
      agree("topk", [x], { dim: 1, k, largest }, [
        { shape: [5, k], dtype },
        { shape: [5, k], dtype: "int64" },
      ]);
    }
  }
});

test("int64 is compared exactly", () => {
  const values = [2n ** 53n + 1n, 2n ** 53n, -(2n ** 63n), 2n ** 63n - 1n, -1n, 2n ** 32n, 2n ** 32n - 1n];
  const x = {
    shape: [7],
    dtype: "int64",
    strides: [1],
    offset: 0,
    storage: cpu.upload(BigInt64Array.from(values), "int64"),
  } as const;
  const attrs = { dim: 0, descending: false };
  const [sorted] = cpu.run({ op: "sort", inputs: [x], attrs, outputs: [x, x] });
  expect([...cpu.hostMemory!(sorted!)]).toEqual(values.toSorted((a, b) => (a < b ? -1 : 1)));
});
