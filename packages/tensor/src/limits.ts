/** What the numbers of a dtype can be. */
import { type DType, dtypes, type FloatDType, type IntDType, largest } from "./dtype.ts";
import { fail } from "./errors.ts";

export interface FloatInfo {
  readonly dtype: FloatDType;
  readonly bits: number;
  /** From 1 to the next number. */
  readonly eps: number;
  readonly max: number;
  readonly min: number;
  /** The least positive number with all its digits. */
  readonly smallestNormal: number;
  /** The same under its old name. */
  readonly tiny: number;
  /** The decimal digits that can be relied on: 1e-6 for float32. */
  readonly resolution: number;
}

export interface IntInfo {
  readonly dtype: IntDType;
  readonly bits: number;
  /** Of int64 bigints. */
  readonly max: number | bigint;
  readonly min: number | bigint;
}

/** Bits of the fraction, and the least exponent. */
const formats: { readonly [D in FloatDType]: readonly [fraction: number, exponent: number] } = {
  float32: [23, -126],
  float64: [52, -1022],
  float16: [10, -14],
  bfloat16: [7, -126],
};

/**
 * The limits of a float dtype.
 * @throws TensorError for other dtypes
 * @see https://pytorch.org/docs/stable/type_info.html#torch.torch.finfo
 * @example finfo("float16").max; // 65504
 */
export function finfo(dtype: FloatDType = "float32"): FloatInfo {
  const [fraction, exponent] = formats[dtype] ?? fail("finfo", `needs a float dtype, got ${dtype}`, "Use iinfo");
  const eps = 2 ** -fraction;
  const max = largest[dtype];
  const tiny = 2 ** exponent;
  const resolution = Number(`1e-${Math.floor(fraction * Math.log10(2))}`);
  return { dtype, bits: 8 * dtypes[dtype].bytes, eps, max, min: -max, smallestNormal: tiny, tiny, resolution };
}

/**
 * The limits of a whole-number dtype.
 * @throws TensorError for other dtypes
 * @see https://pytorch.org/docs/stable/type_info.html#torch.torch.iinfo
 * @example iinfo("uint8").max; // 255
 */
export function iinfo(dtype: IntDType): IntInfo {
  const { kind, bytes } = dtypes[dtype as DType] ?? {};
  if (kind !== "int") fail("iinfo", `needs a whole-number dtype, got ${dtype}`, "Use finfo");
  const bits = 8 * bytes!;
  if (dtype === "int64") return { dtype, bits, max: 2n ** 63n - 1n, min: -(2n ** 63n) };
  const [min, count] = [dtype === "uint8" ? 0 : -(2 ** (bits - 1)), 2 ** bits];
  return { dtype, bits, max: min + count - 1, min };
}
