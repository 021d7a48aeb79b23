import { expect, test } from "vitest";
import { add, bits, float, input, mul, shl } from "../src/kernels/expression.ts";
import { registersOf } from "../src/kernels/registers.ts";

const x = input(0, "f32");

test("constants stay, values live until they are used for the last time", () => {
  expect(registersOf([add(x, 1)])).toBe(1 + 1);
  expect(registersOf([mul(add(x, 1), x)])).toBe(1 + 2);
  expect(registersOf([add(x, 1), mul(x, 2)])).toBe(2 + 2);
});

test("bits of a number are that number, distances of shifts no constants", () => {
  expect(registersOf([float(shl(bits(x), 3))])).toBe(1);
});
