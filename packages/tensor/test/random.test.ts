import "./reference.ts";
import { Generator, manualSeed, permutation, philox, rand, randint, randn, randperm } from "@dl/tensor";
import { expect, test } from "vitest";

test("Philox-4x32-10 gives the published numbers", () => {
  expect([...philox(0, [0, 0])]).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
});

test("a seed repeats, a generator has its own stream and its state can be kept", () => {
  const draw = () => [rand(3).toArray(), randn(5).toArray(), randint(0, 10, [4]).toArray(), randperm(6).toArray()];
  manualSeed(3);
  const first = draw();
  expect(draw()).not.toEqual(first);
  manualSeed(3);
  const generator = new Generator().manualSeed(9);
  rand(100, { generator } as never);
  expect(draw()).toEqual(first);
  const state = generator.getState();
  const order = permutation(8, generator);
  expect(permutation(8, generator.setState(state))).toEqual(order);
});

test("moments are those of the distributions", () => {
  manualSeed(0);
  const [u, n] = [rand(20000), randn(20001)];
  expect(u.mean().item()).toBeCloseTo(0.5, 1);
  expect(u.min().item()).toBeGreaterThanOrEqual(0);
  expect(u.max().item()).toBeLessThan(1);
  expect(n.mean().item()).toBeCloseTo(0, 1);
  expect(n.std().item()).toBeCloseTo(1, 1);
  expect([...permutation(50)].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
});
