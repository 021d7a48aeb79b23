/** The IDX format of MNIST: two zero bytes, a type, a rank, big-endian sizes, then big-endian elements. */
import type { DType } from "@dl/tensor";
import { corrupt } from "./errors.ts";
import { gunzip, isGzip } from "./gzip.ts";

/** What the elements of an IDX file are kept in. */
export type IdxData = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;
type Getter = "getInt16" | "getInt32" | "getFloat32" | "getFloat64";

export interface IdxArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: IdxData;
}

interface IdxType {
  readonly dtype: DType;
  readonly array: {
    readonly BYTES_PER_ELEMENT: number;
    new (buffer: ArrayBufferLike, offset?: number, length?: number): IdxData;
  };
  /** How a big-endian element is read; absent where elements are bytes. */
  readonly get?: Getter;
}

/** The type codes of the format. */
const idxTypes: { readonly [code: number]: IdxType } = {
  8: { dtype: "uint8", array: Uint8Array },
  9: { dtype: "int8", array: Int8Array },
  11: { dtype: "int16", array: Int16Array, get: "getInt16" },
  12: { dtype: "int32", array: Int32Array, get: "getInt32" },
  13: { dtype: "float32", array: Float32Array, get: "getFloat32" },
  14: { dtype: "float64", array: Float64Array, get: "getFloat64" },
};

interface Header {
  readonly type: IdxType;
  readonly shape: readonly number[];
  readonly start: number;
  /** The length of the whole file. */
  readonly end: number;
}

/**
 * Reads an IDX file of any element type, packed with gzip or not.
 *
 * @param file the name that errors mention
 * @throws DatasetError (`corrupt`) for a wrong signature, an unknown type, or a length that the header does not promise
 * @see http://yann.lecun.com/exdb/mnist/ "The IDX file format"
 */
export async function readIdx(bytes: Uint8Array, file: string): Promise<IdxArray> {
  return parseIdx(isGzip(bytes) ? await gunzip(bytes, file, (head) => readHeader(head, file).end) : bytes, file);
}

/** {@link readIdx} for bytes that are already unpacked. Elements of one byte share the memory of `bytes`. */
export function parseIdx(bytes: Uint8Array, file: string): IdxArray {
  const { type, shape, start, end } = readHeader(bytes, file);
  if (bytes.length !== end) {
    const relation = bytes.length < end ? "is cut off" : "has extra bytes";
    throw corrupt(
      file,
      `${relation}: ${type.dtype} of shape [${shape.join(", ")}] needs ${end} bytes, got ${bytes.length}`,
    );
  }
  const { array, get, dtype } = type;
  const length = (end - start) / array.BYTES_PER_ELEMENT;
  if (!get) return { dtype, shape, data: new array(bytes.buffer, bytes.byteOffset + start, length) };
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, end - start);
  const data = new array(new ArrayBuffer(end - start));
  for (let i = 0; i < length; i++) data[i] = view[get](i * array.BYTES_PER_ELEMENT, false);
  return { dtype, shape, data };
}

function readHeader(bytes: Uint8Array, file: string): Header {
  if (bytes.length < 4) throw corrupt(file, `an IDX file starts with 4 bytes, got ${bytes.length}`);
  const [zero, zero2, code, rank] = bytes as unknown as readonly [number, number, number, number];
  const type = zero === 0 && zero2 === 0 ? idxTypes[code] : undefined;
  if (!type) throw corrupt(file, `starts with ${signature(bytes)}, an IDX file with 00 00 and a type (08 for bytes)`);
  const start = 4 + 4 * rank;
  if (bytes.length < start) {
    throw corrupt(file, `is cut off: a header of ${rank} sizes needs ${start} bytes, got ${bytes.length}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis, false));
  const end = start + shape.reduce((product, size) => product * size, type.array.BYTES_PER_ELEMENT);
  return { type, shape, start, end };
}

function signature(bytes: Uint8Array): string {
  const head = bytes.subarray(0, 4);
  const hex = Array.from(head, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return head[0] === 0x3c ? `${hex} (perhaps a web page)` : hex;
}
