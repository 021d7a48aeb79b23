import fc from "fast-check";
import { expect, test } from "vitest";
import { differences, programs } from "./programs.ts";

test("whether ops wait shows in no element, whatever is viewed, written, disposed or lent meanwhile", () => {
  const times = fc.integer({ min: 1, max: 3 });
  fc.assert(
    fc.property(programs, times, (program, runs) => {
      expect(differences(program, runs)).toEqual([]);
    }),
    { numRuns: 150 },
  );
});
