/**
 * How dtypes live in shaders: every element takes one 32-bit word. Whole numbers and bools (0 or 1) are i32, the short
 * ones wrapped to their width after every operation; int64 keeps the low 32 bits. The 16-bit floats are f32, rounded
 * to their precision after every operation.
 */
import { type DType, type DTypeKind, dtypes } from "@dl/tensor";

export type Scalar = "f32" | "i32";

export const supported: ReadonlySet<DType> = new Set<DType>([
  "float32",
  "float16",
  "bfloat16",
  "int64",
  "int32",
  "int16",
  "int8",
  "uint8",
  "bool",
]);

export function kindOf(dtype: DType): DTypeKind {
  return dtypes[dtype].kind;
}

export function scalarOf(dtype: DType): Scalar {
  return dtypes[dtype].kind === "float" ? "f32" : "i32";
}

const wraps: { readonly [D in DType]?: (x: string) => string } = {
  float16: (x) => `dl_half(${x})`,
  bfloat16: (x) => `dl_brain(${x})`,
  int16: (x) => `(((${x}) << 16u) >> 16u)`,
  int8: (x) => `(((${x}) << 24u) >> 24u)`,
  uint8: (x) => `((${x}) & 255)`,
  bool: (x) => `select(0, 1, (${x}) != 0)`,
};

/** A computed value as its dtype keeps it. */
export function wrap(dtype: DType, value: string): string {
  return wraps[dtype]?.(value) ?? value;
}
