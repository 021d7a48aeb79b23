import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DatasetError } from "../src/errors.ts";
import { type IdxArray, parseIdx, readIdx } from "../src/idx.ts";

const fixture = (name: string): Promise<Buffer> => readFile(join(import.meta.dirname, "fixtures", name));
const labels = [3, 6, 8, 4, 8, 4, 6, 4, 0, 2, 6, 3, 9, 5, 5, 5, 8, 1, 2, 5];

function header(code: number, shape: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 + 4 * shape.length);
  bytes[2] = code;
  bytes[3] = shape.length;
  shape.forEach((size, axis) => {
    bytes.writeUInt32BE(size, 4 + 4 * axis);
  });
  return bytes;
}

/** The types of the format, each with its own big-endian writer. */
const types = [
  { code: 8, dtype: "uint8", bytes: 1, write: "writeUInt8", values: fc.integer({ min: 0, max: 255 }) },
  { code: 9, dtype: "int8", bytes: 1, write: "writeInt8", values: fc.integer({ min: -128, max: 127 }) },
  { code: 11, dtype: "int16", bytes: 2, write: "writeInt16BE", values: fc.integer({ min: -32768, max: 32767 }) },
  { code: 12, dtype: "int32", bytes: 4, write: "writeInt32BE", values: fc.integer() },
  { code: 13, dtype: "float32", bytes: 4, write: "writeFloatBE", values: fc.float() },
  { code: 14, dtype: "float64", bytes: 8, write: "writeDoubleBE", values: fc.double() },
] as const;

describe("files that PyTorch's reader accepts", () => {
  it.each(["images-idx3-ubyte", "images-idx3-ubyte.gz"])("%s", async (name) => {
    const { dtype, shape, data } = await readIdx(await fixture(name), name);
    expect({ dtype, shape, length: data.length }).toEqual({ dtype: "uint8", shape: [20, 28, 28], length: 15680 });
    expect([...data.subarray(0, 10)]).toEqual([47, 5, 13, 37, 34, 49, 53, 62, 35, 31]);
    expect((data as Uint8Array).reduce((sum, pixel) => sum + pixel, 0)).toBe(662461);
  });

  it.each(["labels-idx1-ubyte", "labels-idx1-ubyte.gz"])("%s", async (name) => {
    const { shape, data } = await readIdx(await fixture(name), name);
    expect(shape).toEqual([20]);
    expect([...data]).toEqual(labels);
  });

  it.each(types)(
    "$dtype of any shape, big-endian, at any offset of a buffer",
    async ({ code, dtype, bytes, write, values }) => {
      const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 });
      await fc.assert(
        fc.asyncProperty(shapes, fc.infiniteStream(values), fc.boolean(), async (shape, stream, packed) => {
          const length = shape.reduce((product, size) => product * size, 1);
          const expected = [...stream.take(length)];
          const body = Buffer.alloc(length * bytes);
          expected.forEach((value, i) => {
            body[write](value, i * bytes);
          });
          const whole = Buffer.concat([Buffer.from("pad"), header(code, shape), body]).subarray(3);
          const read: IdxArray = await readIdx(packed ? gzipSync(whole) : whole, "x");
          expect({ ...read, data: [...read.data] }).toEqual({ dtype, shape, data: expected });
        }),
        { numRuns: 40 },
      );
    },
  );
});

describe("files that are not what they should be", () => {
  const whole = Buffer.concat([header(8, [2, 3]), Buffer.from([1, 2, 3, 4, 5, 6])]);
  const changed = (at: number, value: number): Buffer => Buffer.from(whole).fill(value, at, at + 1);

  it.each([
    ["nothing", Buffer.alloc(0), /^dir\/x: an IDX file starts with 4 bytes, got 0\. The file is damaged: delete it/],
    ["a page", Buffer.from("<html>"), /starts with 3c 68 74 6d \(perhaps a web page\), an IDX file with 00 00/],
    ["an unknown type", changed(2, 7), /starts with 00 00 07 02/],
    ["half a header", whole.subarray(0, 7), /is cut off: a header of 2 sizes needs 12 bytes, got 7/],
    ["a short body", whole.subarray(0, 17), /is cut off: uint8 of shape \[2, 3\] needs 18 bytes, got 17/],
    ["a long body", Buffer.concat([whole, whole]), /has extra bytes: uint8 of shape \[2, 3\] needs 18 bytes, got 36/],
    ["absurd sizes", header(14, [2 ** 32 - 1, 2 ** 32 - 1]), /is cut off/],
  ])("%s", (_, bytes, message) => {
    expect(() => parseIdx(bytes, "dir/x")).toThrow(message);
    expect(() => parseIdx(bytes, "dir/x")).toThrow(DatasetError);
  });

  it("gzip that is cut off or altered", async () => {
    const packed = await fixture("images-idx3-ubyte.gz");
    await expect(readIdx(packed.subarray(0, 6000), "x.gz")).rejects.toThrow(/x\.gz: the gzip data is broken/);
    const altered = Buffer.from(packed);
    altered[6000]! ^= 1;
    await expect(readIdx(altered, "x.gz")).rejects.toMatchObject({ code: "corrupt" });
  });

  it("gzip that unpacks to more than its header promises stops early", async () => {
    const bomb = gzipSync(Buffer.concat([header(8, [2, 3]), Buffer.alloc(64 << 20)]));
    await expect(readIdx(bomb, "x.gz")).rejects.toThrow("unpacks to more than the 18 bytes that its header promises");
  });
});
