/** What PyTorch gives at the edges: infinities, NaN, zeros of both signs, the smallest and the largest numbers. */
import {
  type BinaryOp,
  type FloatDType,
  fromBfloat16,
  fromFloat16,
  toBfloat16,
  toFloat16,
  type UnaryOp,
} from "@dl/tensor";
import * as special from "@dl/tensor/testing";
import { describe, expect, test } from "vitest";
import { cpu } from "../src/backend.ts";
import { outputsOf, type Spec } from "./oracle.ts";

const infinity = Number.POSITIVE_INFINITY;
const nan = Number.NaN;
const values = [
  0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3, -7.25, 80, -80, 1e-3, -1e-30, 1e30, -1e38, 2 ** -126, 2 ** -149, -(2 ** -140),
  3.4028234663852886e38, 1e-40, 8191, 12345.678, 1e10, infinity, -infinity, nan,
].map(Math.fround); // biome-ignore format: a list

const given = (dtype: FloatDType, list: readonly number[]): Spec => ({
  shape: [list.length],
  dtype,
  strides: [1],
  offset: 0,
  values: list,
});

function unary(op: UnaryOp, dtype: FloatDType, list: readonly number[]): number[] {
  return outputsOf(op, [given(dtype, list)], {}, [{ shape: [list.length], dtype }])[0]!;
}

const sigmoid = (x: number): number => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));
const halfEven = (x: number): number => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
const functions: { readonly [K in UnaryOp]?: (x: number) => number } = {
  abs: Math.abs,
  acos: Math.acos,
  acosh: Math.acosh,
  asin: Math.asin,
  asinh: Math.asinh,
  atan: Math.atan,
  atanh: Math.atanh,
  ceil: Math.ceil,
  cos: Math.cos,
  cosh: Math.cosh,
  erf: special.erf,
  exp: Math.exp,
  exp2: (x) => 2 ** x,
  expm1: Math.expm1,
  floor: Math.floor,
  log: Math.log,
  log10: Math.log10,
  log1p: Math.log1p,
  log2: Math.log2,
  neg: (x) => -x,
  reciprocal: (x) => 1 / x,
  relu: (x) => Math.max(x, 0),
  round: halfEven,
  rsqrt: (x) => 1 / Math.sqrt(x),
  sigmoid,
  sign: (x) => (Number.isNaN(x) ? 0 : Math.sign(x)),
  sin: Math.sin,
  sinh: Math.sinh,
  sqrt: Math.sqrt,
  square: (x) => x * x,
  tan: Math.tan,
  tanh: Math.tanh,
  trunc: Math.trunc,
};

/** Error in units of the last place of `wanted` as a float32. */
function ulps(got: number, wanted: number): number {
  if (Object.is(got, Math.fround(wanted)) || (Number.isNaN(got) && Number.isNaN(wanted))) return 0;
  if (got === 0 && wanted === 0) return 0;
  const size = Math.max(Math.abs(wanted), 2 ** -126);
  return Math.abs(got - wanted) / 2 ** (Math.floor(Math.log2(size)) - 23);
}

test.each(Object.entries(functions))("%s at the edges", (op, f) => {
  const single = unary(op as UnaryOp, "float32", values);
  for (const [i, x] of values.entries())
    expect(ulps(single[i]!, f(x)), `${op}(${x}) = ${single[i]}`).toBeLessThanOrEqual(2);
  const double = unary(op as UnaryOp, "float64", values);
  for (const [i, x] of values.entries()) {
    const wanted = f(x);
    const close = Object.is(double[i], wanted) || Math.abs(double[i]! - wanted) <= 1e-12 * Math.abs(wanted);
    expect(close || (double[i] === 0 && wanted === 0), `${op}(${x}) = ${double[i]}`).toBe(true);
  }
});

/** Odd functions and roundings keep the sign of zero. */
test.each(["sin", "tanh", "expm1", "log1p", "erf", "trunc", "round", "ceil", "sqrt", "asinh", "tan"] as const)(
  "%s of -0 is -0",
  (op) => {
    for (const dtype of ["float32", "float64"] as const) expect(unary(op, dtype, [-0, 0])).toEqual([-0, 0]);
  },
);

/** Bits drawn at random: every exponent, both signs. */
function anyFloats(count: number): Float32Array {
  const words = new Uint32Array(count);
  for (let i = 0, state = 1; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = state ^ (state >>> 15);
  }
  return new Float32Array(words.buffer);
}

const limits = { exp: 1, exp2: 1.1, expm1: 1.5, log: 1, log2: 1.5, log10: 2, log1p: 1, sin: 1.6, cos: 1.6, tanh: 2.2, sigmoid: 2.4, erf: 1.2, sqrt: 0.5, tan: 2 } as const; // biome-ignore format: a table

describe("float32 is as exact as promised", () => {
  const all = anyFloats(20_000);
  const near = all.map((x) => (Number.isFinite(x) ? (x % 1) * 20 : 0.1));
  test.each(Object.entries(limits))("%s", (op, limit) => {
    for (const list of [[...all], [...near]]) {
      const got = unary(op as UnaryOp, "float32", list);
      const f = functions[op as UnaryOp]!;
      const worst = list.reduce((top, x, i) => (ulps(got[i]!, f(x)) > ulps(got[top]!, f(list[top]!)) ? i : top), 0);
      expect(ulps(got[worst]!, f(list[worst]!)), `${op}(${list[worst]})`).toBeLessThanOrEqual(limit);
    }
  });

  test("sines near 1, where they round most", () => {
    const list = Array.from({ length: 2 ** 15 }, (_, i) => 1.5707964 - i * 2 ** -23);
    const worst = Math.max(...unary("sin", "float32", list).map((y, i) => ulps(y, Math.sin(list[i]!))));
    expect(worst).toBeLessThanOrEqual(1.8);
  });

  test("tails of the normal distribution keep their relative precision", () => {
    const list = Array.from({ length: 200 }, (_, i) => 3 + i / 64);
    const wanted = list.map((x) => special.erfc(x));
    for (const [i, y] of unary("erfc", "float32", list).entries()) {
      expect(Math.abs(y / wanted[i]! - 1), `erfc(${list[i]})`).toBeLessThan(3e-6);
    }
    for (const [i, y] of unary("erfc", "float64", list).entries()) {
      expect(Math.abs(y / wanted[i]! - 1), `erfc(${list[i]})`).toBeLessThan(1e-13);
    }
  });
});

function pairs(op: BinaryOp, dtype: FloatDType, a: readonly number[], b: readonly number[]): number[] {
  return outputsOf(op, [given(dtype, a), given(dtype, b)], {}, [{ shape: [a.length], dtype }])[0]!;
}

test("log Γ of the smallest numbers is the logarithm of their reciprocals", () => {
  const tiny = [5e-324, -5e-324, 1e-310, -1e-308, 1e-300];
  for (const [i, y] of unary("lgamma", "float64", tiny).entries()) {
    expect(y).toBeCloseTo(-Math.log(Math.abs(tiny[i]!)), 10);
  }
});

describe.each(["float32", "float64"] as const)("two operands in %s", (dtype) => {
  test.each([
    ["maximum", [nan, 1, 2, -infinity], [1, nan, 3, 5], [nan, nan, 3, 5]],
    ["minimum", [nan, 1, 2, infinity], [1, nan, 3, 5], [nan, nan, 2, 5]],
    ["fmax", [nan, 1, 2, nan], [1, nan, 3, nan], [1, 1, 3, nan]],
    ["fmin", [nan, 1, 2, nan], [1, nan, 3, nan], [1, 1, 2, nan]],
    ["remainder", [5, -5, 5, -5, 1, nan, infinity, 5.5], [3, 3, -3, -3, 0, 1, 2, -2], [2, 1, -1, -2, nan, nan, nan, -0.5]],
    ["fmod", [5, -5, 5, -5, 1, 1e30, infinity, 3], [3, 3, -3, -3, 0, 7, 2, infinity], [2, -2, 2, -2, nan, dtype === "float32" ? Math.fround(1e30) % 7 : 1e30 % 7, nan, 3]],
    ["floorDivide", [5, -5, 7, 1, -1, 0, nan], [3, 3, -2, 0, 0, 0, 1], [1, -2, -4, infinity, -infinity, nan, nan]],
    ["pow", [2, -2, -2, -8, 0, 0, 1, -1, nan, infinity, -infinity, 0.5], [10, 3, -2, 1 / 3, -1, 0, nan, infinity, 0, -1, 3, 200], [1024, -8, 0.25, nan, infinity, 1, 1, 1, 1, 0, -infinity, dtype === "float32" ? 0 : 0.5 ** 200]],
    ["copysign", [1, -1, nan, 0], [-0, 2, 1, -3], [-1, 1, nan, -0]],
    ["hypot", [3, infinity, nan, 1e30], [4, nan, 1, 1e30], [5, infinity, nan, dtype === "float32" ? Math.fround(Math.hypot(Math.fround(1e30), Math.fround(1e30))) : Math.hypot(1e30, 1e30)]],
    ["reluBackward", [1, 2, 3], [0, 5, nan], [0, 2, 3]],
  ] as [BinaryOp, number[], number[], number[]][])("%s", (op, a, b, wanted) => {
    expect(pairs(op, dtype, a, b)).toEqual(wanted);
  }); // biome-ignore format: tables

  test("comparisons with NaN are false, but for ne", () => {
    const [a, b] = [given(dtype, [nan, 1, nan]), given(dtype, [1, nan, nan])];
    for (const op of ["eq", "lt", "le", "gt", "ge", "ne"] as const) {
      const flag = op === "ne" ? 1 : 0;
      expect(outputsOf(op, [a, b], {}, [{ shape: [3], dtype: "bool" }])).toEqual([[flag, flag, flag]]);
    }
  });
});

test("float32 powers are rounded once", () => {
  const [a, b] = [anyFloats(4000).map((x) => Math.abs(x % 1) * 8), anyFloats(4000).map((x) => (x % 1) * 30)];
  const [bases, exponents] = [[...a].map((x) => x || 1), [...b].map((x) => (Number.isFinite(x) ? x : 2))];
  const got = pairs(
    "pow",
    "float32",
    bases.map((x) => (Number.isFinite(x) ? x : 2)),
    exponents,
  );
  const wanted = bases.map((x, i) => (Number.isFinite(x) ? x : 2) ** exponents[i]!);
  for (const [i, y] of got.entries())
    if (Math.abs(wanted[i]!) < 3.4e38) expect(ulps(y, wanted[i]!)).toBeLessThanOrEqual(0.502);
});

describe("sixteen bits", () => {
  const cast = (from: FloatDType, to: FloatDType, raw: ArrayLike<number>): ArrayLike<number> => {
    const array = from === "float32" ? Float32Array.from(raw) : Uint16Array.from(raw);
    const input = { storage: cpu.upload(array, from), shape: [raw.length], strides: [1], offset: 0, dtype: from };
    const call = {
      op: "cast",
      inputs: [input],
      attrs: { dtype: to },
      outputs: [{ shape: [raw.length], dtype: to }],
    } as const;
    return cpu.hostMemory!(cpu.run(call)[0]!) as Float32Array | Uint16Array;
  };
  const every = Uint16Array.from({ length: 65536 }, (_, i) => i);

  test.each([
    ["float16", fromFloat16, toFloat16],
    ["bfloat16", fromBfloat16, toBfloat16],
  ] as const)("%s to float32 and back, every one", (dtype, from, to) => {
    const wide = cast(dtype, "float32", every);
    const back = cast("float32", dtype, wide);
    for (const word of every) {
      const value = from(word);
      if (!Object.is(wide[word], Math.fround(value))) expect(wide[word], `bits ${word}`).toBe(value);
      if (Number.isNaN(value)) expect(from(back[word]!)).toBeNaN();
      else if (back[word] !== word) expect(back[word], `bits ${word}`).toBe(word);
    }
    const random = anyFloats(20_000).map((x, i) => (i % 2 === 0 ? x : (x % 1) * 70000));
    const narrow = cast("float32", dtype, random);
    for (const [i, x] of random.entries())
      if (!Number.isNaN(x) && narrow[i] !== to(x)) expect(narrow[i], `${x}`).toBe(to(x));
  });
});
