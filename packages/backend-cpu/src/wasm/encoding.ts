/** The byte level of the WebAssembly binary format: LEB128 numbers, names, constants, sections. */

export type ValType = "i32" | "i64" | "f32" | "f64" | "v128";

export const typeCode: { readonly [T in ValType]: number } = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };

/** The bytes of a function. */
export interface Code extends Array<number> {
  /** Whether addresses have 64 bits. */
  isWide?: boolean;
}

const text = new TextEncoder();

export function pushUnsigned(out: number[], value: number): void {
  let rest = value >>> 0;
  do {
    const low = rest & 127;
    rest >>>= 7;
    out.push(rest ? low | 128 : low);
  } while (rest);
}

export function pushSigned(out: number[], value: number): void {
  let rest = value | 0;
  for (;;) {
    const low = rest & 127;
    rest >>= 7;
    if (rest === (low & 64 ? -1 : 0)) {
      out.push(low);
      return;
    }
    out.push(low | 128);
  }
}

export function pushSigned64(out: number[], value: bigint): void {
  let rest = BigInt.asIntN(64, value);
  for (;;) {
    const low = Number(rest & 127n);
    rest >>= 7n;
    if (rest === (low & 64 ? -1n : 0n)) {
      out.push(low);
      return;
    }
    out.push(low | 128);
  }
}

/** An instruction code: one byte, or a prefix byte (0xfc, 0xfd) and a LEB number. */
export function pushCode(out: number[], code: number): void {
  if (code < 0x100) {
    out.push(code);
    return;
  }
  const prefix = code >= 0xfd0000 ? 0xfd : code >> 8;
  out.push(prefix);
  pushUnsigned(out, code >= 0xfd0000 ? code - 0xfd0000 : code & 0xff);
}

/** Emitting runs once, before anything is optimised: an index is several times faster there than an iterator. */
export function pushAll(out: number[], bytes: ArrayLike<number>): void {
  for (let i = 0; i < bytes.length; i++) out.push(bytes[i]!);
}

export function pushName(out: number[], name: string): void {
  const bytes = text.encode(name);
  pushUnsigned(out, bytes.length);
  pushAll(out, bytes);
}

/** A section or any other part that is preceded by its length. */
export function pushSized(out: number[], content: readonly number[]): void {
  pushUnsigned(out, content.length);
  pushAll(out, content);
}

export function pushSection(out: number[], id: number, content: readonly number[]): void {
  out.push(id);
  pushSized(out, content);
}

/** The little-endian bytes of a typed array. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
