import { arange } from "@dl/tensor";
import fc from "fast-check";
import { expect, test } from "vitest";
import "../src/index.ts";
import { onOneAndThree } from "./on-threads.ts";
import { agree, plainView } from "./oracle.ts";

/** Sizes around whole blocks, squares and strips, with rests of every length. */
const size = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 250, max: 300 }));

test.each(["float32", "float64"] as const)("transposed planes of %s are copied whole", (dtype) => {
  const problem = fc.tuple(fc.integer({ min: 1, max: 3 }), size, size);
  fc.assert(
    fc.property(problem, ([planes, rows, columns]) => {
      const shape = [planes, rows, columns];
      const lies = plainView([planes, columns, rows], dtype, 1, (random) => random());
      const strides = [rows * columns, 1, rows];
      agree("copy", [{ ...lies, shape, strides }], {}, [{ shape, dtype }]);
    }),
    { numRuns: 40 },
  );
});

test("transposed operands are computed in parts, in place too", async () => {
  const x = arange(300 * 500, { dtype: "float64", device: "cpu" }).view(300, 500);
  for (const squares of await onOneAndThree(() => {
    const y = x.clone();
    y.t().mul_(x.t());
    return [y, x.t().mul(x.t()).t()];
  })) {
    for (const square of squares) expect(square.equal(x.mul(x))).toBe(true);
  }
});
