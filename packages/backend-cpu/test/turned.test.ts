import fc from "fast-check";
import { test } from "vitest";
import { agree, plainView } from "./oracle.ts";

/** Sizes around whole blocks, squares and strips, with rests of every length. */
const size = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 250, max: 300 }));

test("transposed planes are copied whole", () => {
  const problem = fc.tuple(fc.integer({ min: 1, max: 3 }), size, size);
  fc.assert(
    fc.property(problem, ([planes, rows, columns]) => {
      const shape = [planes, rows, columns];
      const lies = plainView([planes, columns, rows], "float32", 1, (random) => random());
      const strides = [rows * columns, 1, rows];
      agree("copy", [{ ...lies, shape, strides }], {}, [{ shape, dtype: "float32" }]);
    }),
    { numRuns: 60 },
  );
});
