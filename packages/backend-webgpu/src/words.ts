/** Elements on the host to the 32-bit words of the device, and back. */
import {
  type DType,
  dtypes,
  fail,
  fromBfloat16,
  fromFloat16,
  type TypedArray,
  toBfloat16,
  toFloat16,
} from "@dl/tensor";

export type Words = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

interface Coding {
  readonly encode: (data: TypedArray) => Words;
  readonly decode: (words: ArrayBuffer) => TypedArray;
}

/** The device's own layout: only copied. */
const float32: Coding = {
  encode: (data) => Float32Array.from(data as Float32Array),
  decode: (w) => new Float32Array(w),
};

const half = (from: (raw: number) => number, to: (value: number) => number): Coding => ({
  encode: (data) => Float32Array.from(data as Uint16Array, from),
  decode: (words) => Uint16Array.from(new Float32Array(words), to),
});

const whole = (dtype: DType): Coding => ({
  encode: (data) => Int32Array.from(data as Int32Array),
  decode(words) {
    const raw = new Int32Array(words);
    const out = new dtypes[dtype].array(raw.length) as Int32Array;
    out.set(raw);
    return out;
  },
});

const int64: Coding = {
  encode: (data) =>
    Int32Array.from(data as unknown as ArrayLike<number>, narrow as unknown as (value: number) => number),
  decode: (words) => BigInt64Array.from(new Int32Array(words) as unknown as ArrayLike<bigint>, BigInt),
};

const codings: { readonly [D in DType]?: Coding } = {
  float32,
  float16: half(fromFloat16, toFloat16),
  bfloat16: half(fromBfloat16, toBfloat16),
  int64,
  int32: whole("int32"),
  int16: whole("int16"),
  int8: whole("int8"),
  uint8: whole("uint8"),
  bool: whole("bool"),
};

export function toWords(data: TypedArray, dtype: DType): Words {
  return codingOf(dtype).encode(data);
}

export function fromWords(words: ArrayBuffer, dtype: DType): TypedArray {
  return codingOf(dtype).decode(words);
}

/** @throws TensorError for float64 */
export function codingOf(dtype: DType): Coding {
  return (
    codings[dtype] ??
    fail("webgpu", `${dtype} is not supported, shaders have no such type`, 'Use dtype "float32" or device "cpu"')
  );
}

/** @throws TensorError when a number does not fit into the 32 bits that whole numbers have here */
export function checkNumber(value: number, dtype: DType): void {
  if (dtypes[dtype].kind === "float" || Math.trunc(value) === (value | 0)) return;
  failToFit(value, dtype);
}

function narrow(value: bigint): number {
  const word = Number(value);
  return word === (word | 0) ? word : failToFit(value, "int64");
}

function failToFit(value: number | bigint, dtype: DType): never {
  return fail(
    "webgpu",
    `${value} does not fit, this device keeps ${dtype} in 32 bits`,
    'Use device "cpu" or a float dtype',
  );
}
