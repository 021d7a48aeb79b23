import type { DType } from "@dl/tensor";
import { expect, test } from "vitest";
import { add, copySign, gt, max, mul, type Node, neg, nonzero, select } from "../src/kernels/expression.ts";
import { formulaOf } from "../src/kernels/formula.ts";

const cases: readonly (readonly [string, readonly DType[], DType, number | undefined, (...xs: Node[]) => Node])[] = [
  ["bytes", ["uint8", "uint8"], "uint8", 16, (a, b) => max(a!, b!)],
  ["words", ["int16", "int16"], "int16", 8, (a, b) => add(a!, b!)],
  ["products of bytes, which have no instruction", ["int8", "int8"], "int8", 8, (a, b) => mul(a!, b!)],
  ["bytes of two kinds", ["int8", "uint8"], "bool", 8, (a, b) => gt(a!, b!)],
  ["words chosen by bytes", ["bool", "int16", "int16"], "int16", 8, (c, a, b) => select(nonzero(c!), a!, b!)],
  ["sums that are compared", ["int16", "int16"], "bool", undefined, (a, b) => gt(add(a!, b!), 0)],
  ["numbers that no element is", ["int16"], "bool", undefined, (a) => gt(a!, 40000)],
  ["sums that are wider", ["int8"], "int32", undefined, (a) => add(a!, a!)],
  ["signs of 16-bit floats", ["float16", "float16"], "float16", 8, (a, b) => copySign(a!, neg(b!))],
  ["16-bit floats that differ from 0", ["bfloat16"], "bool", 8, (a) => a!],
  ["16-bit floats", ["bfloat16"], "bfloat16", undefined, (a) => max(a!, 0)],
];

test.each(cases)("as narrow as they can be: %s", (_, inputs, output, lanes, build) => {
  expect(formulaOf(inputs, output, build).narrow).toBe(lanes);
});
