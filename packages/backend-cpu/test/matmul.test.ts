import "@dl/backend-cpu";
import { type DType, randn, type Tensor } from "@dl/tensor";
import fc from "fast-check";
import { expect, test } from "vitest";
import { getNumThreads, setNumThreads } from "../src/runtime/index.ts";
import { agree, allDTypes, anyView, outputsOf, plainView, precision } from "./oracle.ts";

const side = fc.integer({ min: 0, max: 9 });
const batches = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 });

const listOf = (x: Tensor) => x.flatten().toArray() as (number | bigint)[];

test.each(allDTypes)("strided batches of %s", (dtype) => {
  const problem = fc
    .tuple(batches, side, side, side)
    .chain(([batch, m, k, n]) => fc.tuple(anyView([...batch, m, k], dtype), anyView([...batch, k, n], dtype)));
  fc.assert(
    fc.property(problem, ([a, b]) => {
      const shape = [...a.shape.slice(0, -1), b.shape.at(-1)!];
      agree("matmul", [a, b], {}, [{ shape, dtype }], precision[dtype]);
    }),
    { numRuns: 60 },
  );
});

test.each(allDTypes)("a bias of %s for every row", (dtype) => {
  const problem = fc
    .tuple(side, side, side)
    .chain(([m, k, n]) => fc.tuple(anyView([m, k], dtype), anyView([k, n], dtype), anyView([n], dtype)));
  fc.assert(
    fc.property(problem, ([a, b, bias]) => {
      agree("matmul", [a, b, bias], {}, [{ shape: [a.shape[0]!, b.shape[1]!], dtype }], precision[dtype]);
    }),
    { numRuns: 60 },
  );
});

test("sizes past every block", () => {
  for (const [m, k, n] of [
    [67, 300, 41],
    [1, 129, 77],
    [130, 5, 1],
  ] as const) {
    agree(
      "matmul",
      [plainView([m, k], "float32", 1), plainView([k, n], "float32", 2)],
      {},
      [{ shape: [m, n], dtype: "float32" }],
      1e-5,
    );
  }
});

test.each(["float32", "float64", "bfloat16"] as const)("few results of many steps, and a vector, of %s", (dtype) => {
  const few = (random: () => number): number => Math.floor(3 * random()) - 1;
  for (const [m, k, n] of [
    [1, 65536, 1],
    [1, 70_003, 1],
    [3, 81_921, 5],
    [40, 6007, 36],
    [700, 403, 1],
  ] as const) {
    const [a, b] = [plainView([m, k], dtype, 1, few), plainView([k, n], dtype, 2, few)];
    const turned = { ...plainView([n, k], dtype, 2, few), shape: [k, n], strides: [1, k] };
    for (const right of [b, turned]) agree("matmul", [a, right], {}, [{ shape: [m, n], dtype }], precision[dtype]);
  }
});

test.each([
  ["uint8", 0, 255, 8],
  ["int8", -128, 127, 8],
  ["int16", -32768, 32767, 16],
  ["int32", -1000, 1000, 32],
  ["int32", -(2 ** 31), 2 ** 31 - 1, 32],
  ["int64", -100, 100, 64],
  ["int64", -(2 ** 24), 2 ** 23, 64],
  ["int64", -(2 ** 50), 2 ** 49, 64],
] as const)("many whole numbers of %s from %d to %d, whose sums wrap around", (dtype, least, most, bits) => {
  const [m, k, n] = [40, 50, 30];
  const draw = (...shape: readonly number[]) => randn(shape).mul(most).to("float64").clamp(least, most).to(dtype);
  const [a, b] = [draw(m, k), draw(k, n)];
  const [x, y] = [a, b].map((matrix) => listOf(matrix).map(BigInt)) as [bigint[], bigint[]];
  const wrapped = dtype === "uint8" ? BigInt.asUintN : BigInt.asIntN;
  const expected = Array.from({ length: m * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    return Number(
      wrapped(
        bits,
        x.slice(i * k, (i + 1) * k).reduce((sum, value, s) => sum + value * y[s * n + j]!, 0n),
      ),
    );
  });
  expect(listOf(a.matmul(b)).map(Number)).toEqual(expected);
  expect(listOf(b.t().matmul(a.t()).t()).map(Number)).toEqual(expected);
});

test.each([
  [200, 300, 250],
  [40, 6007, 36],
] as const)("the number of threads changes nothing for %d × %d × %d", (m, k, n) => {
  const fraction = (random: () => number): number => random() - 0.5;
  const inputs = [plainView([m, k], "float32", 1, fraction), plainView([k, n], "float32", 2, fraction)];
  const run = (): number[] => outputsOf("matmul", inputs, {}, [{ shape: [m, n], dtype: "float32" as DType }])[0]!;
  const before = getNumThreads();
  setNumThreads(1);
  const alone = run();
  setNumThreads(4);
  expect(run()).toEqual(alone);
  setNumThreads(before);
});

test.each(["float32", "float64", "int64"] as const)("a matrix of %s times its own transpose is symmetric", (dtype) => {
  const whole = randn(310, 120).mul(9).to(dtype);
  for (const x of [
    whole.narrow(0, 5, 300).narrow(1, 7, 100),
    whole.narrow(0, 5, 300).clone(),
    whole.view(120, 310).t(),
  ]) {
    const product = x.matmul(x.t());
    expect(product.equal(product.t())).toBe(true);
    expect(product.allclose(x.matmul(x.t().clone()), { rtol: 1e-5, atol: 1e-3 })).toBe(true);
  }
});
