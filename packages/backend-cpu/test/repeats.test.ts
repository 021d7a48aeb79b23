/** What waits is computed again by who reads it, as long as that costs less than to write it: not for ever. */
import "../src/index.ts";
import { rand, scope, type Tensor } from "@dl/tensor";
import { describe, expect, test } from "vitest";
import type { CpuStorage } from "../src/storage.ts";

const waits = (x: Tensor): boolean => (x.storage as CpuStorage).pending !== null;

/** How often `use` finds that what `make` made still waits, of ten times. */
function repeats(make: (x: Tensor) => Tensor, use: (x: Tensor) => Tensor): number {
  const y = make(rand(256, 256));
  let found = 0;
  for (let i = 0; i < 10; i++) {
    scope(() => {
      use(y).select(0, 0).select(0, 0).item();
    });
    found += Number(waits(y));
  }
  y.dispose();
  return found;
}

const cases: [string, most: number, (x: Tensor) => Tensor, (x: Tensor) => Tensor][] = [
  ["cheap", 4, (x) => x.div(255), (y) => y.sub(0.5)],
  ["a cast", 4, (x) => x.mul(100).to("uint8"), (y) => y.to("int32")],
  ["cheap, in a sum", 4, (x) => x.div(3), (y) => y.sum(1, { keepdim: true })],
  ["long", 1, (x) => x.exp(), (y) => y.mul(2)],
];

describe.each(cases)("what is %s", (_, most, make, use) => {
  test("is written once it was computed so often", () => {
    // A chain that is met for the first time is not computed at once.
    repeats(make, use);
    const found = repeats(make, use);
    expect(found).toBeLessThanOrEqual(most);
    expect(found).toBeGreaterThan(0);
  });
});
