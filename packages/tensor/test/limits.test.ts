import { finfo, iinfo } from "@dl/tensor";
import { expect, test } from "vitest";

/** As PyTorch gives them: bits, eps, max, tiny, resolution. */
test.each([
  ["float32", 32, 1.1920928955078125e-7, 3.4028234663852886e38, 1.1754943508222875e-38, 1e-6],
  ["float64", 64, Number.EPSILON, Number.MAX_VALUE, 2.2250738585072014e-308, 1e-15],
  ["float16", 16, 0.0009765625, 65504, 6.103515625e-5, 0.001],
  ["bfloat16", 16, 0.0078125, 3.3895313892515355e38, 1.1754943508222875e-38, 0.01],
] as const)("finfo(%s)", (dtype, bits, eps, max, tiny, resolution) => {
  expect(finfo(dtype)).toEqual({ dtype, bits, eps, max, min: -max, smallestNormal: tiny, tiny, resolution });
});

test.each([
  ["uint8", 8, 0, 255],
  ["int8", 8, -128, 127],
  ["int16", 16, -32768, 32767],
  ["int32", 32, -2147483648, 2147483647],
  ["int64", 64, -9223372036854775808n, 9223372036854775807n],
] as const)("iinfo(%s)", (dtype, bits, min, max) => {
  expect(iinfo(dtype)).toEqual({ dtype, bits, min, max });
});

test("the other kind is refused", () => {
  expect(() => finfo("int32" as never)).toThrow("finfo: needs a float dtype, got int32. Use iinfo");
  expect(() => iinfo("bool" as never)).toThrow("iinfo: needs a whole-number dtype, got bool. Use finfo");
});
