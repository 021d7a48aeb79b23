/** Bytes as the parts of a pickle. */

/** A problem of the bytes, told without the name of the file. */
export class PickleError extends Error {}

/** Bytes of a whole number: beyond that it is no honest one. */
const LONGEST = 256;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Walks over bytes; every read beyond the end is an error. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(size: number): Uint8Array {
    if (!(size <= this.#bytes.length - this.at)) throw new PickleError("is cut short");
    this.at += size;
    return this.#bytes.subarray(this.at - size, this.at);
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  int32(): number {
    this.take(4);
    return this.#view.getInt32(this.at - 4, true);
  }

  uint16(): number {
    return this.byte() + 256 * this.byte();
  }

  uint32(): number {
    return this.int32() >>> 0;
  }

  /** A length of 64 bits. */
  uint64(): number {
    this.take(8);
    return Number(this.#view.getBigUint64(this.at - 8, true));
  }

  float64(): number {
    this.take(8);
    return this.#view.getFloat64(this.at - 8, false);
  }

  text(size: number): string {
    return utf8.decode(this.take(size));
  }

  line(): string {
    const end = this.#bytes.indexOf(10, this.at);
    if (end < 0) throw new PickleError("is cut short");
    const line = this.text(end - this.at);
    this.at = end + 1;
    return line;
  }

  /** A whole number in two's complement; a bigint where a number would not hold it. */
  integer(size: number): number | bigint {
    if (size > LONGEST) throw new PickleError(`has a number of ${size} bytes`);
    let value = 0n;
    for (const [i, byte] of this.take(size).entries()) value |= BigInt(byte) << BigInt(8 * i);
    value = BigInt.asIntN(8 * size, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
}
