import { type DType, dtypes } from "@dl/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { agree, allDTypes, anyView, type Draw, outputsOf, plainView, precision } from "./oracle.ts";

const edges = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0];
const draw: Draw = (random) => edges[Math.floor(random() * 60)] ?? Math.floor(random() * 7) - 3;
const shapes = fc.constantFrom([1, 9], [6, 300], [300, 7], [3, 40, 270], [2, 9000], [9000, 2]);
const summed = (dtype: DType): DType => (dtypes[dtype].kind === "float" ? dtype : "int64");

describe.each(allDTypes)("%s", (dtype) => {
  const isFloat = dtypes[dtype].kind === "float";
  const views = shapes.chain((shape) => anyView(shape, dtype, isFloat ? draw : undefined));
  const dims = fc.constantFrom(0, 1);

  test("running sums", () => {
    fc.assert(
      fc.property(views, dims, (x, dim) => {
        agree("cumsum", [x], { dim }, [{ shape: x.shape, dtype: summed(dtype) }], precision[dtype]);
      }),
      { numRuns: 12 },
    );
  });

  test.each(["cummax", "cummin"] as const)("%s", (op) => {
    fc.assert(
      fc.property(views, dims, (x, dim) => {
        agree(op, [x], { dim }, [
          { shape: x.shape, dtype },
          { shape: x.shape, dtype: "int64" },
        ]);
      }),
      { numRuns: 12 },
    );
  });
});

test("sums of another dtype begin with its elements", () => {
  const x = plainView([2, 3], "float32", 1, () => 2.75);
  expect(outputsOf("cumsum", [x], { dim: 1 }, [{ shape: [2, 3], dtype: "int64" }])).toEqual([[2, 4, 6, 2, 4, 6]]);
});

test("totals of float32 are float64", () => {
  const x = { shape: [4], dtype: "float32", strides: [1], offset: 0, values: [2 ** 24, 1, 1, -(2 ** 24)] } as const;
  expect(outputsOf("cumsum", [x], { dim: 0 }, [{ shape: [4], dtype: "float32" }])).toEqual([
    [2 ** 24, 2 ** 24, 2 ** 24 + 2, 2],
  ]);
});

test("logarithms of running sums of exponentials at the edges", () => {
  const [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const x = { shape: [5], dtype: "float64", strides: [1], offset: 0, values: [low, low, 1, high, low] } as const;
  const [got] = outputsOf("logcumsumexp", [x], { dim: 0 }, [{ shape: [5], dtype: "float64" }]);
  expect(got).toEqual([low, low, 1, high, high]);
});
