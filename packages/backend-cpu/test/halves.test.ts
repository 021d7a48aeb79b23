/** 16-bit floats, all of them, against float32: what is chosen, gets another sign, is computed, and becomes other dtypes. */
import {
  type DType,
  decode,
  dtypes,
  encode,
  fromBfloat16,
  fromFloat16,
  type KernelCall,
  toBfloat16,
  toFloat16,
} from "@dl/tensor";
import { describe, expect, test } from "vitest";
import { cpu } from "../src/backend.ts";
import "../src/index.ts";

type Half = "float16" | "bfloat16";
type Raw = Parameters<typeof cpu.upload>[0];

const from = { float16: fromFloat16, bfloat16: fromBfloat16 };
const to = { float16: toFloat16, bfloat16: toBfloat16 };
const every = Uint16Array.from({ length: 65536 }, (_, i) => i);
/** Every one once, in another order. */
const others = every.map((i) => i * 40503 + 77);

function run(op: string, dtype: DType, inputs: readonly Raw[], out = dtype, attrs = {}): Raw {
  const size = inputs[0]!.length;
  const views = inputs.map((raw) => {
    return { storage: cpu.upload(raw, dtype), shape: [size], strides: [1], offset: 0, dtype };
  });
  const [storage] = cpu.run({
    op,
    inputs: views,
    attrs,
    outputs: [{ shape: [size], dtype: out }],
  } as unknown as KernelCall);
  return cpu.hostMemory!(storage!) as Raw;
}

function expectHalves(dtype: Half, got: Raw, wanted: (i: number) => number): void {
  expect(got.length).toBeGreaterThan(0);
  for (let i = 0; i < got.length; i++) {
    const [x, y] = [from[dtype](Number(got[i])), from[dtype](to[dtype](Math.fround(wanted(i))))];
    if (!Object.is(x, y)) expect(x, `element ${i}`).toBe(y);
  }
}

/** The first one where they are equal, or where that one is NaN. */
function larger(a: number, b: number): number {
  const isLess = a < b;
  return isLess ? b : a;
}

const functions: Readonly<Record<string, (a: number, b: number) => number>> = {
  neg: (a) => -a,
  abs: Math.abs,
  relu: (a) => larger(a, 0),
  sqrt: Math.sqrt,
  square: (a) => a * a,
  copysign: (a, b) => (Object.is(Math.sign(b), -0) || b < 0 ? -Math.abs(a) : Math.abs(a)),
  maximum: (a, b) => (Number.isNaN(b) ? b : larger(a, b)),
  minimum: (a, b) => (Number.isNaN(b) ? b : -larger(-a, -b)),
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
};

describe.each(["float16", "bfloat16"] as const)("%s", (dtype) => {
  const number = (i: number): number => from[dtype](i);

  test.each(Object.keys(functions))("%s", (op) => {
    const f = functions[op]!;
    const signs = (i: number): boolean => op === "copysign" && Number.isNaN(number(others[i]!));
    const inputs = f.length === 1 ? [every] : [every, others];
    // The sign of NaN is nobody's.
    expectHalves(dtype, run(op, dtype, inputs), (i) => {
      return signs(i) ? Math.abs(number(i)) * (others[i]! > 0x7fff ? -1 : 1) : f(number(i), number(others[i]!));
    });
  });

  test.each(Object.keys(dtypes) as DType[])("to %s", (target) => {
    const got = run("cast", dtype, [every], target, { dtype: target });
    const wanted = new dtypes[target].array(1);
    for (const i of every) {
      const x = number(i);
      // Numbers that the target does not have are cut to 32 bits first, or to 64.
      const limit = target === "int64" ? 2 ** 63 : 2 ** 31;
      const isInt = dtypes[target].kind === "int";
      if (isInt && !(Math.abs(x) < limit)) continue;
      encode(wanted, 0, target, target === "bool" ? Number(x !== 0) : x);
      const [a, b] = [decode(got, i, target), decode(wanted, 0, target)];
      if (a !== b && !(Number.isNaN(a) && Number.isNaN(b))) expect(a, `bits ${i}`).toBe(b);
    }
  });

  test.each(["float32", "float64"] as const)("from %s: every one, what lies around and half way between", (source) => {
    const finite = [...every]
      .map(number)
      .filter(Number.isFinite)
      .sort((a, b) => a - b);
    const halfway = finite.map((x, i) => (x + (finite[i + 1] ?? 2 * x)) / 2);
    const values = [...finite, ...halfway].flatMap((x) => [x, x * (1 + 2 ** -22), x * (1 - 2 ** -22)]);
    const all = [...values, Number.NaN, Infinity, -Infinity, 1e30, -1e30, 3e38, 1e-40, 1e300];
    const numbers = (source === "float32" ? Float32Array : Float64Array).from(all);
    const got = run("cast", source, [numbers], dtype, { dtype });
    expectHalves(dtype, got, (i) => numbers[i]!);
  });

  test("from NaN with any bits", () => {
    const words = [0x7f800001, 0x7f807fff, 0x7f808001, 0x7fbfffff, 0x7fc00000, 0x7fffffff].flatMap((x) => [
      x,
      x - 2 ** 31,
    ]);
    const words8 = [...words, ...words, ...words];
    const got = run("cast", "float32", [new Float32Array(Int32Array.from(words8).buffer)], dtype, { dtype });
    expectHalves(dtype, got, () => Number.NaN);
  });

  test.each(["int64", "int32", "int16", "int8", "uint8", "bool"] as const)("from %s", (source) => {
    const bits = Math.min(40, 8 * dtypes[source].bytes);
    const spread = Array.from({ length: 3000 }, (_, i) => Math.floor(((i * 0.6180339887) % 1) * 2 ** ((i % bits) + 1)));
    const ends = [0, 1, 127, 128, 255, 256, 257, 65519, 65520, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 52 + 1];
    const values = [...spread, ...ends].flatMap((x) => [x, -x]);
    const array = new dtypes[source].array(values.length);
    for (const [i, x] of values.entries()) encode(array, i, source, source === "bool" ? x & 1 : x);
    const got = run("cast", source, [array], dtype, { dtype });
    expectHalves(dtype, got, (i) => Number(decode(array, i, source)));
  });

  test("few and many at once", () => {
    const whole = run("add", dtype, [every, others]);
    for (let size = 1; size < 40; size++) {
      const some = run("add", dtype, [every.slice(1000, 1000 + size), others.slice(1000, 1000 + size)]);
      expect([...(some as Uint16Array)]).toEqual([...(whole as Uint16Array).slice(1000, 1000 + size)]);
    }
  });
});
