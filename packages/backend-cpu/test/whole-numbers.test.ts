/** int64 to floats and back, over the whole range: rounded once, to nearest even, and cut at the ends. */
import { arange, type DType, type KernelCall, type Tensor, tensor } from "@dl/tensor";
import { expect, test } from "vitest";
import { cpu } from "../src/backend.ts";
import "../src/index.ts";

type Raw = Float32Array | Float64Array | BigInt64Array;

function cast(raw: Raw, from: DType, to: DType): ArrayLike<number | bigint> {
  const input = { storage: cpu.upload(raw, from), shape: [raw.length], strides: [1], offset: 0, dtype: from };
  const output = { shape: [raw.length], dtype: to };
  const [storage] = cpu.run({ op: "cast", inputs: [input], attrs: { dtype: to }, outputs: [output] } as KernelCall);
  return cpu.readSync!({ ...input, ...output, storage: storage! }) as ArrayLike<number>;
}

/** Around all powers of two and their sums with smaller ones, where float32 and float64 must decide how to round. */
const wholes = BigInt64Array.from(
  Array.from({ length: 64 }, (_, i) => 1n << BigInt(i)).flatMap((power) =>
    [0n, power >> 1n, power >> 24n, power >> 25n, (power >> 24n) + (power >> 25n), power >> 53n].flatMap((part) =>
      [-1n, 0n, 1n].flatMap((more) => [power + part + more, -(power + part + more)]),
    ),
  ),
);

/** Correctly rounded to 24 bits, which going through float64 is not. */
function toSingle(x: bigint): number {
  const size = x < 0n ? -x : x;
  const extra = BigInt(Math.max(0, size.toString(2).length - 24));
  const [kept, rest, half] = [size >> extra, size & ((1n << extra) - 1n), (1n << extra) >> 1n];
  const up = rest > half || (rest === half && extra > 0n && (kept & 1n) === 1n);
  return Number((up ? kept + 1n : kept) << extra) * (x < 0n ? -1 : 1);
}

test("int64 to float32 and float64", () => {
  const [single, double] = [cast(wholes, "int64", "float32"), cast(wholes, "int64", "float64")];
  for (const [i, x] of wholes.entries()) {
    expect(single[i], `${x}`).toBe(toSingle(x) + 0);
    expect(double[i], `${x}`).toBe(Number(x));
  }
});

test.each(["float32", "float64"] as const)("%s to int64", (dtype) => {
  const values = [...wholes].flatMap((x) => [Number(x), Number(x) + 0.5, Number(x) / 3]);
  const odd = [NaN, Infinity, -Infinity, 1e300, -1e300, 0.99, -0.99, -0];
  const raw = (dtype === "float32" ? Float32Array : Float64Array).from([...values, ...odd]);
  const got = cast(raw, dtype, "int64");
  for (const [i, x] of raw.entries()) {
    const cut = Number.isNaN(x) ? 0 : Math.trunc(Math.max(-(2 ** 63), Math.min(x, 2 ** 63)));
    expect(got[i], `${x}`).toBe(cut >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(cut));
  }
});

test("places among numbers beyond doubles", () => {
  const numbers = tensor([2n ** 60n, 2n ** 60n + 1n], { device: "cpu" });
  expect(numbers.searchsorted(numbers).toArray()).toEqual([0, 1]);
  expect(numbers.searchsorted(numbers, { right: true }).toArray()).toEqual([1, 2]);
});

test("distinct numbers beyond doubles, which are too close for counting by their distance", () => {
  const numbers = tensor([2n ** 60n + 5n, 2n ** 60n + 1n, 2n ** 60n + 1n], { device: "cpu" });
  const [values, counts] = numbers.unique({ returnCounts: true }) as Tensor[];
  expect(values!.tolist()).toEqual([2n ** 60n + 1n, 2n ** 60n + 5n]);
  expect(counts!.toArray()).toEqual([2, 1]);
});

test("many numbers are counted", () => {
  const counts = arange(20_000, { device: "cpu" }).remainder(7).bincount();
  expect(counts.toArray()).toEqual([2858, 2857, 2857, 2857, 2857, 2857, 2857]);
});
