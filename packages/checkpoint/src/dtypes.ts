import type { DType } from "@dl/tensor";

/** Our names for the format's dtypes, one row each. */
export const fromFormat: Readonly<Record<string, DType>> = {
  F64: "float64",
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  I64: "int64",
  I32: "int32",
  I16: "int16",
  I8: "int8",
  U8: "uint8",
  BOOL: "bool",
};

export const toFormat: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(fromFormat).map(([theirs, ours]) => [ours, theirs]),
);
