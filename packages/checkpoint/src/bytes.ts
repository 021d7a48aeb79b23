/** Tensors to safetensors bytes and back: all that a browser needs. */
import { dtypes, fail, fromArray, isTensor, type Tensor, type TypedArray } from "@dl/tensor";
import { toFormat } from "./dtypes.ts";
import { type Entry, readHeader } from "./header.ts";

/** Tensors by name, as `module.stateDict()` gives them. */
export type Tensors = Record<string, Tensor>;

export interface SaveOptions {
  /** Strings that travel with the tensors. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * The tensors as the bytes of a safetensors file. Tensors on a GPU are read, views are written densely.
 * @throws TensorError for values that are no tensors, naming them
 */
export async function toBytes(state: Readonly<Tensors>, options: SaveOptions = {}): Promise<Uint8Array> {
  const entries = Object.entries(state);
  for (const [name, value] of entries) checkEntry(name, value);
  checkMetadata(options.metadata);
  // Wide elements first, so that every tensor lies at a multiple of its element size.
  const width = (name: string): number => dtypes[state[name]!.dtype].bytes;
  const order = entries.map(([name]) => name).sort((a, b) => width(b) - width(a));
  const starts = new Map<string, number>();
  let total = 0;
  for (const name of order) {
    starts.set(name, total);
    total += state[name]!.numel() * width(name);
  }
  const header = encodeHeader(entries, starts, options.metadata);
  const bytes = new Uint8Array(header.length + total);
  bytes.set(header);
  for (const [name, tensor] of entries) {
    const raw = await tensor.detach().data();
    bytes.set(new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength), header.length + starts.get(name)!);
  }
  return bytes;
}

function checkEntry(name: string, value: unknown): void {
  if (name === "__metadata__") fail("save", '"__metadata__" names no tensor in this format');
  if (!isTensor(value)) {
    const kind = value === null ? "null" : Array.isArray(value) ? "an array" : `a ${typeof value}`;
    fail(
      "save",
      `${JSON.stringify(name)} is ${kind}, and safetensors holds tensors only`,
      "Strings may go into { metadata }",
    );
  }
}

function checkMetadata(metadata: Readonly<Record<string, unknown>> = {}): void {
  for (const [name, value] of Object.entries(metadata)) {
    if (typeof value !== "string")
      fail("save", `metadata ${JSON.stringify(name)} must be a string, got ${typeof value}`, "Use String(value)");
  }
}

function encodeHeader(
  entries: readonly (readonly [string, Tensor])[],
  starts: ReadonlyMap<string, number>,
  metadata: Readonly<Record<string, string>> | undefined,
): Uint8Array {
  const tensors = entries.map(([name, { dtype, shape }]) => {
    const start = starts.get(name)!;
    const end = start + shape.reduce((product, size) => product * size, dtypes[dtype].bytes);
    return [name, { dtype: toFormat[dtype], shape, data_offsets: [start, end] }] as const;
  });
  const json = JSON.stringify({ ...(metadata ? { __metadata__: metadata } : {}), ...Object.fromEntries(tensors) });
  const text = new TextEncoder().encode(json);
  // Spaces up to a multiple of 8, so that the data are aligned.
  const length = Math.ceil(text.length / 8) * 8;
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(text, 8);
  return header;
}

/**
 * The tensors of a safetensors file, on the CPU, in the order of its header.
 * @throws TensorError that says what is wrong with the bytes
 */
export function fromBytes(bytes: Uint8Array): Tensors {
  const { entries, dataStart } = readHeader(bytes);
  return Object.fromEntries(entries.map((entry) => [entry.name, readTensor(bytes, dataStart, entry)]));
}

/** The strings that were saved with the tensors. */
export function readMetadata(bytes: Uint8Array): Readonly<Record<string, string>> {
  return readHeader(bytes).metadata;
}

function readTensor(bytes: Uint8Array, dataStart: number, { name, dtype, shape, start, end }: Entry): Tensor {
  // A copy, since typed arrays must begin at a multiple of their element size. (`slice` of Node's Buffer copies nothing.)
  const copy = new Uint8Array(end - start);
  copy.set(bytes.subarray(dataStart + start, dataStart + end));
  const raw: TypedArray = new dtypes[dtype].array(copy.buffer, 0, copy.length / dtypes[dtype].bytes);
  if (dtype === "bool" && copy.some((byte) => byte > 1))
    fail("load", `tensor ${JSON.stringify(name)} is bool and holds other values than 0 and 1`);
  return fromArray(raw, shape, { dtype, device: "cpu" });
}
