import "@dl/backend-cpu";
import { type DType, randn } from "@dl/tensor";
import fc from "fast-check";
import { expect, test } from "vitest";
import { getNumThreads, setNumThreads } from "../src/runtime/index.ts";
import { agree, allDTypes, anyView, outputsOf, plainView, precision } from "./oracle.ts";

const side = fc.integer({ min: 0, max: 9 });
const batches = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 });

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
    [700, 403, 1],
  ] as const) {
    const [a, b] = [plainView([m, k], dtype, 1, few), plainView([k, n], dtype, 2, few)];
    const turned = { ...plainView([n, k], dtype, 2, few), shape: [k, n], strides: [1, k] };
    for (const right of [b, turned]) agree("matmul", [a, right], {}, [{ shape: [m, n], dtype }], precision[dtype]);
  }
});

test("the number of threads changes nothing", () => {
  const fraction = (random: () => number): number => random() - 0.5;
  const inputs = [plainView([200, 300], "float32", 1, fraction), plainView([300, 250], "float32", 2, fraction)];
  const run = (): number[] => outputsOf("matmul", inputs, {}, [{ shape: [200, 250], dtype: "float32" as DType }])[0]!;
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
