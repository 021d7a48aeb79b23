/** The element types: how each is stored, and PyTorch's lattice of promotion between them. */
import { fail, showValue } from "./errors.ts";

export type FloatDType = "float32" | "float64" | "float16" | "bfloat16";
export type IntDType = "int64" | "int32" | "int16" | "int8" | "uint8";
/** What elements are. @see https://pytorch.org/docs/stable/tensor_attributes.html#torch.dtype */
export type DType = FloatDType | IntDType | "bool";

/** Raw elements; of int64 bigints, of the 16-bit floats their bits. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint16Array
  | Uint8Array;

interface Arrays {
  readonly float32: Float32Array;
  readonly float64: Float64Array;
  readonly float16: Uint16Array;
  readonly bfloat16: Uint16Array;
  readonly int64: BigInt64Array;
  readonly int32: Int32Array;
  readonly int16: Int16Array;
  readonly int8: Int8Array;
  readonly uint8: Uint8Array;
  readonly bool: Uint8Array;
}

/** What holds the elements of a dtype. */
export type ArrayOf<D extends DType> = Arrays[D];

/** What elements are taken from: typed arrays, those of a canvas included. */
export type ElementArray = TypedArray | Uint8ClampedArray;

export type DTypeKind = "bool" | "int" | "float";

export interface DTypeInfo {
  readonly kind: DTypeKind;
  /** Bytes per element. */
  readonly bytes: number;
  /** Raw storage; float16 and bfloat16 are kept as their 16 bits. */
  readonly array: {
    new (length: number): TypedArray;
    new (buffer: ArrayBufferLike, offset: number, length: number): TypedArray;
  };
}

/** Kind, size and array of every dtype. */
export const dtypes: { readonly [D in DType]: DTypeInfo } = {
  float32: { kind: "float", bytes: 4, array: Float32Array },
  float64: { kind: "float", bytes: 8, array: Float64Array },
  float16: { kind: "float", bytes: 2, array: Uint16Array },
  bfloat16: { kind: "float", bytes: 2, array: Uint16Array },
  int64: { kind: "int", bytes: 8, array: BigInt64Array },
  int32: { kind: "int", bytes: 4, array: Int32Array },
  int16: { kind: "int", bytes: 2, array: Int16Array },
  int8: { kind: "int", bytes: 1, array: Int8Array },
  uint8: { kind: "int", bytes: 1, array: Uint8Array },
  bool: { kind: "bool", bytes: 1, array: Uint8Array },
};

/** Whether elements of this dtype have fractions, and tensors of it gradients. */
export function isFloat(dtype: DType): dtype is FloatDType {
  return dtypes[dtype].kind === "float";
}

/** Whether a JavaScript number counts as a whole one: int64 has it. */
export function isWhole(x: number): boolean {
  return Number.isInteger(x) && x >= -(2 ** 63) && x < 2 ** 63;
}

export function checkDType(op: string, dtype: string): asserts dtype is DType {
  if (!Object.hasOwn(dtypes, dtype)) {
    fail(op, `unknown dtype ${showValue(dtype)}`, `Use one of ${Object.keys(dtypes).join(", ")}`);
  }
}

/** The largest number of each float dtype. */
export const largest: Readonly<Record<FloatDType, number>> = {
  float32: 3.4028234663852886e38,
  float64: Number.MAX_VALUE,
  float16: 65504,
  bfloat16: 3.3895313892515355e38,
};

/** `value`, where the dtype reaches so far; below 0, uint8 wraps around as in PyTorch. */
export function inRange<S extends number | bigint | boolean>(op: string, value: S, dtype: DType): S {
  const { kind, bytes } = dtypes[dtype];
  if (!["number", "boolean", "bigint"].includes(typeof value)) fail(op, `needs a number, got ${showValue(value)}`);
  if (kind === "bool") return value;
  if (isFloat(dtype)) {
    const size = Math.abs(Number(value));
    if (size > largest[dtype] && size < Number.POSITIVE_INFINITY) {
      fail(op, `${value} is no number of ${dtype}`, "Give a wider dtype, or ±Infinity");
    }
    return value;
  }
  const limit = 2 ** (8 * bytes - (dtype === "uint8" ? 0 : 1));
  const whole = typeof value === "number" ? Math.trunc(value) : BigInt(value);
  if (whole >= (dtype === "uint8" ? 1 - limit : -limit) && whole < limit) return value;
  fail(op, `${value} is no number of ${dtype}`, 'Give a wider dtype, or a float one such as { dtype: "float32" }');
}

const rank: { readonly [K in DTypeKind]: number } = { bool: 0, int: 1, float: 2 };

/**
 * The dtype that holds both operands.
 * @see https://pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc
 * @example
 * promoteTypes("int64", "float16"); // "float16"
 */
export function promoteTypes(a: DType, b: DType): DType {
  if (a === b) return a;
  const [x, y] = [dtypes[a], dtypes[b]];
  if (x.kind !== y.kind) return rank[x.kind] > rank[y.kind] ? a : b;
  if (x.kind === "float") return x.bytes === y.bytes ? "float32" : x.bytes > y.bytes ? a : b;
  if (a === "uint8" || b === "uint8") return x.bytes + y.bytes === 2 ? "int16" : a === "uint8" ? b : a;
  return x.bytes > y.bytes ? a : b;
}

/** PyTorch's rule for operands of different ranks: a 0-d tensor matters only where its kind outranks the others'. */
export function resultType(
  ...operands: readonly { readonly dtype: DType; readonly shape: readonly number[] }[]
): DType {
  const best = (zeroDim: boolean): DType | undefined =>
    operands
      .filter(({ shape }) => (shape.length === 0) === zeroDim)
      .map(({ dtype }) => dtype)
      .reduce<DType | undefined>((sofar, dtype) => (sofar ? promoteTypes(sofar, dtype) : dtype), undefined);
  const [wide, scalar] = [best(false), best(true)];
  if (!wide || !scalar) return wide ?? scalar ?? "float32";
  return rank[dtypes[scalar].kind] > rank[dtypes[wide].kind] ? promoteTypes(wide, scalar) : wide;
}
