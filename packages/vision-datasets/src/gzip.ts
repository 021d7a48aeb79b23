/** Decompression with the platform's own gzip, which checks the CRC; the output is bounded, so that no file can be a bomb. */
import { corrupt, describe } from "./errors.ts";

/** The output's head (at least this long, unless the whole is shorter) decides how long the whole may be. */
const headBytes = 1024;

export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Unpacks `bytes`; throws a {@link DatasetError} for damaged data and for more bytes than `limit(head)` allows. */
export async function gunzip(
  bytes: Uint8Array,
  file: string,
  limit: (head: Uint8Array) => number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  let allowed: number | undefined;
  for await (const chunk of unpack(bytes, file)) {
    chunks.push(chunk);
    total += chunk.length;
    if (allowed === undefined && total >= headBytes) allowed = limit(concat(chunks, total));
    if (allowed !== undefined && total > allowed) {
      throw corrupt(file, `unpacks to more than the ${allowed} bytes that its header promises`);
    }
  }
  return concat(chunks, total);
}

async function* unpack(bytes: Uint8Array, file: string): AsyncGenerator<Uint8Array, void, undefined> {
  const packed = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  const reader = packed.pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    for (let step = await reader.read(); !step.done; step = await reader.read()) yield step.value;
  } catch (error) {
    throw corrupt(file, `the gzip data is broken after ${bytes.length} packed bytes (${describe(error)})`, error);
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function concat(chunks: readonly Uint8Array[], total: number): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  const whole = new Uint8Array(total);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
