import { type BinaryOp, binaryOps, type DType, dtypes, type KernelOp, type UnaryOp, unaryOps } from "@dl/tensor";
import { expect, test } from "vitest";
import { agrees, close, floats, map, noise, read, run, type Source, upload } from "./both.ts";
import { onDevice } from "./device.ts";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const special = [nan, inf, -inf, 0, -0, 1, -1, 0.5, -0.5, 2.5, 3.5];
const spread = Array.from({ length: 120 }, (_, i) => Math.fround((i - 60) * 0.17 + 0.013));
const wide = [1e-30, -1e-30, 1e-8, 1e5, -1e5, 87, -87, 89, -104, 1e20, 3e38].map(Math.fround);
const points = [...special, 7.25, -7.25, 3, -3, 1e6, 1e-6].map(Math.fround);

const finite = (...xs: number[]): boolean => xs.every(Number.isFinite);
/** Where a comparison says nothing: float32 loses the angle, or the reference knows no infinities. */
const tested: { readonly [K in UnaryOp | BinaryOp]?: (x: number, y: number) => boolean } = {
  sin: (x) => !(Math.abs(x) > 1e4),
  cos: (x) => !(Math.abs(x) > 1e4),
  tan: (x) => !(Math.abs(x) > 1e4),
  lgamma: (x) => finite(x),
  digamma: (x) => finite(x),
  trigamma: (x) => finite(x) && !(x <= 0 && Number.isInteger(x)) && Math.abs(x) > 1e-10,
  floorDivide: finite,
  pow: (x, y) => !(Math.abs(x) === 1 && Math.abs(y) === inf),
  reluBackward: (_, y) => !Number.isNaN(y),
};
/** Cancellation near a zero, or the rounding of an intermediate that is much larger. */
const loose: { readonly [K in UnaryOp | BinaryOp]?: number } = { digamma: 3e-5, lgamma: 1e-3 };
const wholeOnly = new Set<KernelOp>([
  "bitwiseNot",
  "gcd",
  "bitwiseAnd",
  "bitwiseOr",
  "bitwiseXor",
  "bitwiseLeftShift",
  "bitwiseRightShift",
] as const);

function outputs(rule: string, dtype: DType, length: number): { shape: number[]; dtype: DType }[] {
  return [{ shape: [length], dtype: rule === "bool" || rule === "logical" ? "bool" : dtype }];
}

const vector = (data: readonly number[], dtype: DType = "float32"): Source => ({ dtype, data, shape: [data.length] });
const unary = Object.entries(unaryOps) as [UnaryOp, { dtype: string }][];
const binary = Object.entries(binaryOps) as [BinaryOp, { dtype: string }][];
const pairs = points.flatMap((x) => points.map((y) => [x, y] as const));

onDevice("element-wise rows", () => {
  test.each(unary.filter(([op]) => !wholeOnly.has(op)))("%s of float32", async (op, { dtype }) => {
    const data = [...special, ...spread, ...wide].filter((x) => tested[op]?.(x, 0) ?? true);
    await agrees(op, [vector(data)], {}, outputs(dtype, "float32", data.length), loose[op]);
  });

  test.each(binary.filter(([op]) => !wholeOnly.has(op)))("%s of float32", async (op, { dtype }) => {
    const used = pairs.filter(([x, y]) => tested[op]?.(x, y) ?? true);
    const [left, right] = [used.map(([x]) => x), used.map(([, y]) => y)];
    await agrees(op, [vector(left), vector(right)], {}, outputs(dtype, "float32", left.length), loose[op]);
  });

  const whole = [-7, -3, -2, -1, 1, 2, 3, 5, 100];
  const shifts = new Set<KernelOp>(["bitwiseLeftShift", "bitwiseRightShift", "pow"] as const);
  const wholeRows = binary.filter(([op, { dtype }]) => dtype !== "float" && op !== "hypot" && !op.endsWith("Backward"));
  test.each(wholeRows)("%s of int32", async (op, { dtype }) => {
    const right = shifts.has(op) ? [0, 1, 2, 3] : whole;
    const [x, y] = [whole.flatMap((a) => right.map(() => a)), whole.flatMap(() => right)];
    await agrees(op, [vector(x, "int32"), vector(y, "int32")], {}, outputs(dtype, "int32", x.length));
  });

  test.each(unary.filter(([, { dtype }]) => dtype !== "float"))("%s of int64", async (op, { dtype }) => {
    await agrees(op, [vector(whole, "int64")], {}, outputs(dtype, "int64", whole.length));
  });

  test("C's rules where JavaScript's differ", async () => {
    expect(await read(map("pow", floats([-1, 1, -1]), floats([inf, nan, -inf])))).toEqual([1, 1, 1]);
    expect(await read(map("floorDivide", floats([1, -1, inf]), floats([0, 0, 1])))).toEqual([inf, -inf, nan]);
    expect(await read(map("lgamma", floats([inf, -inf])))).toEqual([inf, inf]);
  });

  test("numbers stand for operands of the other's dtype", async () => {
    await agrees("sub", [2.5, vector([1, 2, 3])], {}, outputs("same", "float32", 3));
    await agrees("mul", [vector([1, 2, 3], "int32"), -2], {}, outputs("same", "int32", 3));
    expect(() => map("add", upload(vector([1], "int64")), 2 ** 40)).toThrow("keeps int64 in 32 bits");
  });

  test("bools: add is or, mul is and, not is logical", async () => {
    const [x, y] = [upload(vector([0, 0, 1, 1], "bool")), upload(vector([0, 1, 0, 1], "bool"))];
    expect(await read(map("add", x, y))).toEqual([0, 1, 1, 1]);
    expect(await read(map("mul", x, y))).toEqual([0, 0, 0, 1]);
    expect(await read(map("bitwiseNot", x))).toEqual([1, 1, 0, 0]);
  });

  test.each(["int8", "int16", "uint8"] as const)("%s wraps at its width, inside a fused chain too", async (dtype) => {
    const x = upload(vector([100, 50, 7], dtype));
    const bits = 8 * dtypes[dtype].bytes;
    const wrapped = (value: number): number =>
      Number(dtype === "uint8" ? BigInt.asUintN(bits, BigInt(value)) : BigInt.asIntN(bits, BigInt(value)));
    const half = [100, 50, 7].map((value) => Math.floor(wrapped(value ** 3) / 2));
    const cubed = map("mul", map("mul", x, x), x);
    expect(await read(map("floorDivide", cubed, 2))).toEqual(half);
  });

  test.each(["float16", "bfloat16"] as const)("%s rounds after every operation", async (dtype) => {
    const data = [...noise(50), 65504, 70000, 1e-5, 3e-8, 6e-8, nan, inf];
    await agrees(
      "mul",
      [vector(data, dtype), vector([...data].reverse(), dtype)],
      {},
      outputs("", dtype, data.length),
      0,
    );
    await agrees(
      "add",
      [vector(data, dtype), vector([...data].reverse(), dtype)],
      {},
      outputs("", dtype, data.length),
      0,
    );
    await agrees("cast", [vector(data)], { dtype }, outputs("", dtype, data.length), 0);
  });

  test("casts", async () => {
    const data = [0, -0.5, 1.9, -1.9, 100.5];
    for (const dtype of ["int32", "int64", "bool", "float32", "int8"] as const) {
      await agrees("cast", [vector(data)], { dtype }, outputs("", dtype, data.length));
    }
    await agrees("cast", [vector([0, 1, 1], "bool")], { dtype: "float32" }, outputs("", "float32", 3));
    const [answer] = run("cast", [upload(vector([300, -1], "int32"))], { dtype: "uint8" }, ...outputs("", "uint8", 2));
    expect(await read(answer!)).toEqual([44, 255]);
  });

  test("where", async () => {
    const condition = vector([0, 1, 0, 1], "bool");
    const meta = outputs("", "float32", 4);
    await agrees("where", [condition, vector([1, 2, 3, nan]), vector([5, nan, 7, 8])], {}, meta);
    await agrees("where", [condition, 1.5, vector([5, 6, 7, 8])], {}, meta);
  });

  test("full and arange are formulas", async () => {
    const shape = [2, 3];
    await agrees("full", [], { shape, dtype: "int64", value: -7 }, [{ shape, dtype: "int64" }]);
    await agrees("full", [], { shape, dtype: "bool", value: 1 }, [{ shape, dtype: "bool" }]);
    const attrs = { shape: [5], dtype: "float32", start: 1.5, step: -0.25 } as const;
    await agrees("arange", [], attrs, [{ shape: [5], dtype: "float32" }]);
    await agrees("arange", [], { ...attrs, dtype: "int64", start: 3, step: -2 }, [{ shape: [5], dtype: "int64" }]);
  });

  test("NaN survives maximum, not fmax", async () => {
    close(await read(map("maximum", floats([nan, 1]), floats([1, nan]))), [nan, nan], 0);
    close(await read(map("fmax", floats([nan, 1]), floats([1, nan]))), [1, 1], 0);
  });
});
