import type { DType } from "@dl/tensor";
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
