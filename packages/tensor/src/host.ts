/** Elements on the host: raw typed arrays to JavaScript values and back, 16-bit floats included. */
import { type DType, dtypes, type TypedArray } from "./dtype.ts";
import { fail } from "./errors.ts";

/** An element as JavaScript has it. */
export type Scalar = number | bigint | boolean;

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

/** The number behind the bits of a bfloat16. */
export function fromBfloat16(raw: number): number {
  bits[0] = raw << 16;
  return float[0]!;
}

/** Rounds to nearest, ties to even. */
export function toBfloat16(value: number): number {
  float[0] = value;
  const word = bits[0]!;
  if (Number.isNaN(value)) return 0x7fc0;
  return ((word + 0x7fff + ((word >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The number behind the bits of a float16. */
export function fromFloat16(raw: number): number {
  const sign = raw & 0x8000 ? -1 : 1;
  const exponent = (raw >> 10) & 31;
  const fraction = raw & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Rounds to nearest, ties to even; what is too large becomes infinite. */
export function toFloat16(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size >= 65520) return sign | 0x7c00;
  if (size < 2 ** -25) return sign;
  const exponent = Math.max(Math.floor(Math.log2(size)), -14);
  const unit = 2 ** (exponent - 10);
  const steps = roundHalfEven(size / unit);
  // A carry out of the fraction runs into the exponent, which is what rounding up to the next binade needs.
  return sign | (exponent === -14 && steps < 1024 ? steps : ((exponent + 15) << 10) + (steps - 1024));
}

function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  if (rest !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

/** An element as users see it: numbers, booleans, and bigints where a number would not be exact. */
export function decode(raw: TypedArray, index: number, dtype: DType): Scalar {
  const value = raw[index]!;
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (dtype === "bool") return value !== 0;
  if (dtype === "float16") return fromFloat16(value);
  return dtype === "bfloat16" ? fromBfloat16(value) : value;
}

/** Puts a JavaScript value into raw storage, as a cast would. */
export function encode(raw: TypedArray, index: number, dtype: DType, value: Scalar): void {
  if (dtype === "int64") (raw as BigInt64Array)[index] = toInt64(value);
  else (raw as Float64Array)[index] = encodeNumber(dtype, typeof value === "bigint" ? Number(value) : value);
}

function toInt64(value: Scalar): bigint {
  if (typeof value === "number" && !Number.isFinite(value)) {
    fail("tensor", `${value} is no whole number`, 'Give a float dtype such as { dtype: "float32" }');
  }
  return BigInt.asIntN(64, BigInt(typeof value === "number" ? Math.trunc(value) : value));
}

function encodeNumber(dtype: DType, value: number | boolean): number {
  if (dtype === "bool") return value ? 1 : 0;
  if (dtype === "float16") return toFloat16(Number(value));
  return dtype === "bfloat16" ? toBfloat16(Number(value)) : Number(value);
}

/** Numbers that arrays hold as they are. */
const plain: ReadonlySet<DType> = new Set(["float32", "float64", "int32", "int16", "int8", "uint8"] as const);

/** The same elements in another dtype's raw form. */
export function convert(raw: TypedArray, from: DType, to: DType): TypedArray {
  if (from === to) return raw;
  const out = new dtypes[to].array(raw.length);
  if (raw instanceof Int32Array && to === "int64") return widen(raw, out);
  if (plain.has(from) && plain.has(to)) {
    out.set(raw as never);
    return out;
  }
  for (let i = 0; i < raw.length; i++) encode(out, i, to, decode(raw, i, from));
  return out;
}

/** Two words are many times faster than a bigint. */
function widen(raw: Int32Array, out: TypedArray): TypedArray {
  const words = new Int32Array(out.buffer);
  for (let i = 0; i < raw.length; i++) {
    words[2 * i] = raw[i]!;
    words[2 * i + 1] = raw[i]! >> 31;
  }
  return out;
}
