import "./reference.ts";
import {
  bernoulli,
  Generator,
  manualSeed,
  permutation,
  philox,
  rand,
  randint,
  randn,
  randperm,
  tensor,
  zeros,
} from "@dl/tensor";
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
  rand(100, { generator });
  randn([5], { generator, dtype: "float64" });
  expect(draw()).toEqual(first);
  const state = generator.getState();
  const order = permutation(8, generator);
  expect(permutation(8, generator.setState(state))).toEqual(order);
});

test("whole numbers lie between two bounds, or between 0 and one", () => {
  manualSeed(3);
  const digits = randint(10, [2, 3], { dtype: "int32" });
  manualSeed(3);
  expect(randint(0, 10, [2, 3], { dtype: "int32" }).equal(digits)).toBe(true);
  expect([digits.dtype, digits.shape]).toEqual(["int32", [2, 3]]);
  expect(() => randint(0, [2])).toThrow("randint: needs low < high, got 0 and 0");
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

test.each([0, 1, 2, 50, 2049])("randperm of %i swaps each place from the last with one drawn before it", (n) => {
  const generator = new Generator().manualSeed(7);
  const state = generator.getState();
  const drawn = randperm(n, { generator }).toArray();
  const after = generator.getState();
  expect([...permutation(n, generator.setState(state))]).toEqual(drawn);
  expect(generator.getState()).toEqual(after);
  const expected = Array.from({ length: n }, (_, i) => i);
  const words = Array.from({ length: Math.ceil(n / 4) }, (_, i) => [...philox(i, [7, 0])]).flat();
  for (let last = n - 1; last > 0; last--) {
    const pick = Math.floor((words[n - 1 - last]! / 2 ** 32) * (last + 1));
    [expected[last], expected[pick]] = [expected[pick]!, expected[last]!];
  }
  expect(drawn).toEqual(expected);
});

test("what is no probability is refused", () => {
  for (const p of [1.5, -0.5, Number.NaN]) {
    expect(() => bernoulli(tensor([0.5, p]))).toThrow(`bernoulli: needs probabilities from 0 to 1, got ${p}`);
    expect(() => bernoulli(tensor([0.5]), p)).toThrow(`got ${p}`);
    expect(() => zeros(2).bernoulli_(tensor([0.5, p]))).toThrow(`got ${p}`);
  }
  expect(bernoulli(tensor([0, 1], { dtype: "float32" })).toArray()).toEqual([0, 1]);
  const wide = bernoulli(tensor([0, 1], { dtype: "float64" }));
  expect([wide.dtype, wide.toArray()]).toEqual(["float64", [0, 1]]);
});
