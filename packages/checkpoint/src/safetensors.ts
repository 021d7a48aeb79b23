/**
 * The safetensors format: eight bytes of header length, a JSON header, raw little-endian elements. Every claim of the
 * header is checked before anything is made of it.
 * @see https://github.com/huggingface/safetensors#format
 */
import { type DType, dtypes, fromArray, isTensor, sizeOf, type Tensor, type TypedArray } from "@dl/tensor";
import { bytesOf, CheckpointError, type FileBytes, refuse } from "./errors.ts";

/** Tensors by name. */
export type TensorRecord = Readonly<Record<string, Tensor>>;
export type Metadata = Readonly<Record<string, string>>;

const names: { readonly [D in DType]: string } = {
  float32: "F32",
  float64: "F64",
  float16: "F16",
  bfloat16: "BF16",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
};
const byName = new Map(Object.entries(names).map(([dtype, name]) => [name, dtype as DType]));

const longestHeader = 100_000_000;

interface Entry {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

/** Bytes in memory of their own, as `Blob`, `Response` and `crypto` take them. */
export type Bytes = Uint8Array & { readonly buffer: ArrayBuffer };

/**
 * The file's bytes, as the tensors are when it is called. Elements are read from any device, hence the promise.
 * @throws CheckpointError for values that are no tensors, naming them
 * @example const bytes = await toBytes(model.stateDict(), { epoch: "3" });
 */
export async function toBytes(tensors: TensorRecord, metadata: Metadata = {}): Promise<Bytes> {
  checkRecord(tensors);
  for (const [name, value] of Object.entries(tensors)) checkTensor(name, value);
  checkText(metadata);
  // The widest first, so that every tensor starts at a multiple of its element's size.
  const order = Object.entries(tensors).sort(([, a], [, b]) => dtypes[b.dtype].bytes - dtypes[a.dtype].bytes);
  const header: [name: string, entry: unknown][] = Object.keys(metadata).length > 0 ? [["__metadata__", metadata]] : [];
  let end = 0;
  for (const [name, { dtype, shape }] of order) {
    const start = end;
    end += sizeOf(shape) * dtypes[dtype].bytes;
    header.push([name, { dtype: names[dtype], shape, data_offsets: [start, end] }]);
  }
  const text = JSON.stringify(Object.fromEntries(header));
  // All are asked for before the first is waited for: what changes meanwhile is not in the file.
  const parts = await Promise.all(order.map(([, tensor]) => tensor.data()));
  return join(text, parts, end);
}

function checkRecord(tensors: unknown): void {
  const isRecord = typeof tensors === "object" && tensors !== null && !isTensor(tensors);
  if (isRecord && !(Symbol.iterator in tensors) && !(tensors instanceof Promise)) return;
  const remedies: Readonly<Record<string, string>> = {
    Map: "Pass Object.fromEntries(map)",
    Promise: "Await it first",
    Tensor: "Pass { name: tensor }",
  };
  const isModule = typeof tensors === "function";
  const kind = isModule ? "module" : ((tensors as object | null)?.constructor.name ?? String(tensors));
  const remedy = remedies[kind] ?? "Pass model.stateDict(), or saveCheckpoint for other data";
  throw new CheckpointError(`save: got a ${kind}, and this function takes tensors by name. ${remedy}`);
}

/** Readers refuse other metadata. */
function checkText(metadata: unknown): void {
  const isRecord = typeof metadata === "object" && metadata !== null && !Array.isArray(metadata);
  const wrong = isRecord ? Object.entries(metadata).find(([, text]) => typeof text !== "string") : ["", metadata];
  if (!wrong) return;
  const what = isRecord ? `"${wrong[0]}" of the metadata` : "the metadata";
  throw new CheckpointError(
    `save: ${what} is a ${typeof wrong[1]}, and a file keeps text by name. Write String(…), or use saveCheckpoint`,
  );
}

function checkTensor(name: string, value: unknown): void {
  if (isTensor(value) && name !== "__metadata__") return;
  const kind = value === null ? "null" : Array.isArray(value) ? "an array" : `a ${typeof value}`;
  const problem = isTensor(value)
    ? '"__metadata__" names no tensor in this format. Choose another name'
    : `"${name}" is ${kind}, and this function takes tensors only. Use saveCheckpoint, or keep text in the metadata`;
  throw new CheckpointError(`save: ${problem}`);
}

function join(header: string, parts: readonly TypedArray[], size: number): Bytes {
  const text = new TextEncoder().encode(header);
  const padded = Math.ceil(text.length / 8) * 8;
  const out = new Uint8Array(8 + padded + size).fill(0x20, 8 + text.length, 8 + padded);
  new DataView(out.buffer).setBigUint64(0, BigInt(padded), true);
  out.set(text, 8);
  let at = 8 + padded;
  for (const part of parts) {
    out.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at);
    at += part.byteLength;
  }
  return out as Bytes;
}

/**
 * The tensors of a file, on the CPU.
 * @param bytes of a file, `response.arrayBuffer()` or `blob.arrayBuffer()`
 * @param name what errors call the file
 * @throws CheckpointError for anything that is not exactly a safetensors file
 */
export function fromBytes(bytes: FileBytes, name: string = "these bytes"): Record<string, Tensor> {
  const { entries, data } = readHeader(bytes, name);
  return Object.fromEntries(entries.map(([key, entry]) => [key, read(entry, data)]));
}

/** The strings kept beside the tensors. */
export function readMetadata(bytes: FileBytes, name: string = "these bytes"): Metadata {
  return readHeader(bytes, name).metadata;
}

interface Header {
  readonly entries: readonly (readonly [string, Entry])[];
  readonly metadata: Metadata;
  readonly data: Uint8Array;
}

function readHeader(given: FileBytes, name: string): Header {
  const bytes = bytesOf(given, name);
  if (bytes.length < 8) refuse(name, `has ${bytes.length} bytes, a header needs at least 8`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(Math.min(bytes.length - 8, longestHeader))) {
    refuse(name, `says that its header has ${length} bytes, but only ${bytes.length - 8} follow`);
  }
  const data = bytes.subarray(8 + Number(length));
  const json = parse(bytes.subarray(8, 8 + Number(length)), name);
  const { __metadata__: metadata = {}, ...tensors } = json;
  const entries = Object.entries(tensors).map(([key, value]) => [key, checkEntry(name, key, value)] as const);
  checkLayout(name, entries, data.length);
  return { entries, metadata: checkMetadata(name, metadata), data };
}

function parse(text: Uint8Array, name: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below, as every header that is no object.
  }
  return refuse(name, "has a header that is not a JSON object");
}

function checkMetadata(name: string, value: unknown): Metadata {
  const plain = typeof value === "object" && value !== null && Object.values(value).every((v) => typeof v === "string");
  return plain ? (value as Metadata) : refuse(name, "has metadata that is not text by name");
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function checkEntry(name: string, key: string, value: unknown): Entry {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  const known = byName.get(dtype as string) ?? refuseDtype(name, key, dtype);
  if (!Array.isArray(shape) || !shape.every(isSize))
    refuse(name, `has a tensor "${key}" of shape ${JSON.stringify(shape)}`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    refuse(name, `has a tensor "${key}" at offsets ${JSON.stringify(offsets)}`);
  }
  const [start, end] = offsets as [number, number];
  const wanted = sizeOf(shape as number[]) * dtypes[known].bytes;
  if (end - start !== wanted) {
    refuse(
      name,
      `has a tensor "${key}" of ${dtype} [${shape}], which needs ${wanted} bytes, and gives it ${end - start}`,
    );
  }
  return { dtype: known, shape: shape as number[], start, end };
}

/** Dtypes of the format that tensors here cannot have; whatever else is none at all. */
const foreign = new Set(["U16", "U32", "U64", "C64", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "F6_E2M3", "F6_E3M2"]);

function refuseDtype(name: string, key: string, dtype: unknown): never {
  if (!foreign.has(dtype as string)) refuse(name, `has a tensor "${key}" of unknown dtype ${JSON.stringify(dtype)}`);
  throw new CheckpointError(
    `load: ${name} has a tensor "${key}" of dtype ${dtype}, which tensors here cannot have. Convert it where it was made`,
  );
}

/** Tensors follow one another without gaps or overlaps, to the very end. */
function checkLayout(name: string, entries: Header["entries"], size: number): void {
  let at = 0;
  for (const [key, { start, end }] of [...entries].sort(([, a], [, b]) => a.start - b.start || a.end - b.end)) {
    if (end > size) refuse(name, `is cut short: "${key}" ends at byte ${end} of ${size}`);
    if (start !== at) refuse(name, `has ${start > at ? "a gap before" : "an overlap at"} the tensor "${key}"`);
    at = end;
  }
  if (at !== size) refuse(name, `has ${size - at} bytes that belong to no tensor`);
}

function read({ dtype, shape, start, end }: Entry, data: Uint8Array): Tensor {
  // A copy of its own: elements need not be aligned in the file.
  const { buffer } = new Uint8Array(data.subarray(start, end));
  const raw: TypedArray = new dtypes[dtype].array(buffer, 0, (end - start) / dtypes[dtype].bytes);
  return fromArray(raw, shape, { dtype, device: "cpu" });
}
