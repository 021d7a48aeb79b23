import { type BinaryOp, binaryOps, type DType, type UnaryOp, unaryOps } from "@dl/tensor";
import { expect, test } from "vitest";
import { agrees, type Source } from "./both.ts";
import { onDevice, webgpu } from "./device.ts";

const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1, -1, 0.5, -0.5, 2.5, 3.5];
const spread = Array.from({ length: 120 }, (_, i) => Math.fround((i - 60) * 0.17 + 0.013));
const wide = [1e-30, -1e-30, 1e-8, 1e5, -1e5, 87, -87, 89, -104, 1e20, 3e38].map(Math.fround);
const numbers = [...special, ...spread, ...wide];

const floats = (data: readonly number[]): Source => ({ dtype: "float32", data, shape: [data.length] });

/** Where float32 itself, or the reference, is ill-conditioned; and points that say nothing. */
const skip: { readonly [K in UnaryOp]?: (x: number) => boolean } = {
  sin: (x) => Math.abs(x) > 1e4,
  cos: (x) => Math.abs(x) > 1e4,
  tan: (x) => Math.abs(x) > 1e4,
};
const loose: { readonly [K in UnaryOp]?: number } = {};
const wholeOnly = new Set<string>(["bitwiseNot"]);

const outputs = (rule: string, dtype: DType, shape: readonly number[]) => [
  { shape, dtype: rule === "bool" || rule === "logical" ? ("bool" as const) : dtype },
];

onDevice("element-wise rows", () => {
  const unary = Object.entries(unaryOps) as [UnaryOp, { dtype: string }][];
  test.each(unary.filter(([op]) => !wholeOnly.has(op)))("%s of float32", async (op, { dtype }) => {
    const data = numbers.filter((x) => !skip[op]?.(x));
    await agrees(op, [floats(data)], {}, outputs(dtype, "float32", [data.length]), loose[op]);
  });

  const binary = Object.entries(binaryOps) as [BinaryOp, { dtype: string }][];
  const points = [...special, 7.25, -7.25, 3, -3, 1e6, 1e-6];
  const left = points.flatMap((x) => points.map(() => x));
  const right = points.flatMap(() => points);
  const wholeBinary = new Set<string>(["gcd", "bitwiseAnd", "bitwiseOr", "bitwiseXor", "bitwiseLeftShift", "bitwiseRightShift"]);
  test.each(binary.filter(([op]) => !wholeBinary.has(op)))("%s of float32", async (op, { dtype }) => {
    await agrees(op, [floats(left), floats(right)], {}, outputs(dtype, "float32", [left.length]));
  });
});

test("every row has a kernel", () => {
  expect(webgpu?.supports("add") ?? true).toBe(true);
});
