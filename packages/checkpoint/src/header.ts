/**
 * The header of a safetensors file: 8 bytes of length, then JSON with dtype, shape and place of every tensor. Everything
 * is checked before a byte of data is used.
 * https://github.com/huggingface/safetensors#format
 */
import { type DType, dtypes, fail, showShape, sizeOf } from "@dl/tensor";
import { fromFormat } from "./dtypes.ts";

export interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Bytes behind the header. */
  readonly start: number;
  readonly end: number;
}

export interface Header {
  readonly entries: readonly Entry[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Where the data begin in the file. */
  readonly dataStart: number;
}

/** As in the reference implementation: no honest header is larger. */
const longest = 100_000_000;
const remedy = "The file is damaged or no safetensors file";

export function readHeader(bytes: Uint8Array): Header {
  const dataStart = 8 + headerLength(bytes);
  const json = parse(bytes.subarray(8, dataStart));
  const { __metadata__: metadata = {}, ...tensors } = json;
  const entries = Object.entries(tensors).map(([name, value]) => readEntry(name, value));
  checkCoverage(entries, bytes.length - dataStart);
  return { entries, metadata: checkMetadata(metadata), dataStart };
}

function headerLength(bytes: Uint8Array): number {
  if (bytes.length < 8) fail("load", `${bytes.length} bytes are too few for the 8-byte header length`, remedy);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(Math.min(longest, bytes.length - 8))) {
    fail(
      "load",
      `the header is said to have ${length} bytes, the file has ${bytes.length - 8} behind its first 8`,
      remedy,
    );
  }
  return Number(length);
}

function parse(bytes: Uint8Array): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    fail("load", `the header is not JSON: ${(error as Error).message}`, remedy);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json))
    fail("load", "the header is no JSON object", remedy);
  return json as Record<string, unknown>;
}

function checkMetadata(metadata: unknown): Readonly<Record<string, string>> {
  const isTable = typeof metadata === "object" && metadata !== null && !Array.isArray(metadata);
  if (!isTable || Object.values(metadata).some((value) => typeof value !== "string")) {
    fail("load", "__metadata__ must be a table of strings", remedy);
  }
  return metadata as Record<string, string>;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function readEntry(name: string, value: unknown): Entry {
  const { dtype: given, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  const what = `tensor ${JSON.stringify(name)}`;
  if (typeof given !== "string" || !Object.hasOwn(fromFormat, given)) {
    fail(
      "load",
      `${what} has the unknown dtype ${JSON.stringify(given)}`,
      `Known are ${Object.keys(fromFormat).join(", ")}`,
    );
  }
  if (!Array.isArray(shape) || !shape.every(isCount))
    fail("load", `${what} has no shape: ${JSON.stringify(shape)}`, remedy);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    fail("load", `${what} has no place: ${JSON.stringify(offsets)}`, remedy);
  }
  const dtype = fromFormat[given]!;
  const [start, end] = offsets as [number, number];
  const needed = sizeOf(shape) * dtypes[dtype].bytes;
  if (end - start !== needed) {
    fail(
      "load",
      `${what} of shape ${showShape(shape)} and dtype ${given} needs ${needed} bytes, its offsets [${start}, ${end}] hold ${end - start}`,
      remedy,
    );
  }
  return { name, dtype, shape, start, end };
}

/** The tensors cover the data exactly: no overlap, no hole, nothing behind the last. */
function checkCoverage(entries: readonly Entry[], length: number): void {
  let reached = 0;
  let before = "the header";
  for (const { name, start, end } of [...entries].sort((a, b) => a.start - b.start || a.end - b.end)) {
    const what = `tensor ${JSON.stringify(name)}`;
    if (end > length)
      fail(
        "load",
        `${what} ends at byte ${end}, but the file holds ${length} bytes of data`,
        "It was cut off: save or download it again",
      );
    if (start < reached)
      fail("load", `${what} begins at byte ${start} and overlaps ${before}, which ends at ${reached}`, remedy);
    if (start > reached) fail("load", `bytes ${reached} to ${start}, before ${what}, belong to no tensor`, remedy);
    reached = end;
    before = what;
  }
  if (reached !== length) fail("load", `${length - reached} bytes behind the last tensor belong to none`, remedy);
}
