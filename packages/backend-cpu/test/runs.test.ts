/** Runs of equal neighbours, told by JavaScript's own comparison. */
import { type DType, randint, type Tensor, tensor, uniqueConsecutive } from "@dl/tensor";
import { expect, test } from "vitest";
import "../src/index.ts";

function runsOf(values: readonly unknown[]): readonly (readonly unknown[])[] {
  const starts = [...values.keys()].filter((i) => i === 0 || values[i] !== values[i - 1]);
  const lengths = starts.map((start, k) => (starts[k + 1] ?? values.length) - start);
  return [starts.map((i) => values[i]), lengths.flatMap((length, k) => new Array(length).fill(k)), lengths];
}

const dtypes = [
  "bool",
  "uint8",
  "int8",
  "int16",
  "int32",
  "int64",
  "float16",
  "bfloat16",
  "float32",
  "float64",
] as const;

test.each(dtypes)("runs of %s, few and many, whole rounds and what is left over", (dtype: DType) => {
  for (const size of [1, 2, 7, 8, 9, 16, 31, 1000]) {
    for (const kinds of [1, 2, 20]) {
      const x = randint(0, kinds, [size], { device: "cpu" }).to(dtype);
      const parts = uniqueConsecutive(x, true, true) as Tensor[];
      expect(
        parts.map((part) => part.toArray()),
        `${size} of ${kinds} kinds`,
      ).toEqual(runsOf(x.toArray() as unknown[]));
    }
  }
});

test("NaN is like none, zeros of both signs are alike", () => {
  const row = [0, -0, Number.NaN, Number.NaN, 1, 1, 1, Infinity, Infinity, -Infinity, Number.NaN];
  for (const dtype of ["float16", "float32", "float64"] as const) {
    const x = tensor(row, { dtype, device: "cpu" });
    const [values, , lengths] = uniqueConsecutive(x, true, true) as Tensor[];
    expect(values!.toArray()).toEqual([0, Number.NaN, Number.NaN, 1, Infinity, -Infinity, Number.NaN]);
    expect(lengths!.toArray()).toEqual([2, 1, 1, 3, 2, 1, 1]);
  }
});
