/** Draws with weights. */
import "./reference.ts";
import { floatTensor, Generator, manualSeed, ones, rand, zeros } from "@dl/tensor";
import { expect, test } from "vitest";

test("draws without replacement are distinct, and impossible ones are refused", () => {
  manualSeed(1);
  const drawn = rand(5, 8).multinomial(8).sort(1).values;
  expect(drawn.toArray()).toEqual(Array.from({ length: 5 }, () => [0, 1, 2, 3, 4, 5, 6, 7]));
  expect(floatTensor([0, 1]).multinomial(3, { replacement: true }).toArray()).toEqual([1, 1, 1]);
  expect(() => floatTensor([0, 1]).multinomial(2)).toThrow("a row has 1 weights above zero, and 2 are drawn");
});

test("a generator repeats draws", () => {
  const odds = floatTensor([0.2, 0.5, 0.7, 0.4, 0.3, 0.6, 0.5, 0.5]);
  const draws = (generator: Generator): unknown[] => [
    odds.bernoulli({ generator }).toArray(),
    zeros(8).bernoulli_(odds, { generator }).toArray(),
    odds.multinomial(20, true, { generator }).toArray(),
    odds.multinomial(4, { generator }).toArray(),
  ];
  const first = draws(new Generator().manualSeed(7));
  manualSeed(3);
  expect(draws(new Generator().manualSeed(7))).toEqual(first);
  expect(draws(new Generator().manualSeed(8))).not.toEqual(first);
});

test.each(["float16", "bfloat16"] as const)("draws with %s weights stay among them", (dtype) => {
  manualSeed(1);
  const positions = ones([4], { dtype }).multinomial(20_000, true);
  expect([positions.amin().item(), positions.amax().item()]).toEqual([0, 3]);
});
