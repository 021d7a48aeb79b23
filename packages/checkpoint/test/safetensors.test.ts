import "@dl/backend-cpu";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBytes, load, readMetadata, save, toBytes } from "@dl/checkpoint";
import { Linear } from "@dl/nn";
import { type DType, dtypes, full, ones, type Tensor, tensor } from "@dl/tensor";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "dl-checkpoint-"));
afterAll(() => rmSync(folder, { recursive: true }));
const fixture = (name: string): string => new URL(`fixtures/${name}`, import.meta.url).pathname;

test("every dtype and shape comes back as it was", async () => {
  const names = fc.uniqueArray(
    fc.oneof(fc.constantFrom("__proto__", "constructor", "0"), fc.string()).filter((s) => s !== "__metadata__"),
    { maxLength: 6 },
  );
  const shape = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 });
  const dtype = fc.constantFrom(...(Object.keys(dtypes) as DType[]));
  await fc.assert(
    fc.asyncProperty(names, fc.array(fc.tuple(dtype, shape), { minLength: 6, maxLength: 6 }), async (keys, kinds) => {
      const tensors = Object.fromEntries(keys.map((key, i) => [key, ones(kinds[i]![1], { dtype: kinds[i]![0] })]));
      const back = fromBytes(await toBytes(tensors));
      expect(new Set(Object.keys(back))).toEqual(new Set(keys));
      for (const [key, value] of Object.entries(tensors)) {
        expect(back[key]!.dtype).toBe(value.dtype);
        expect(back[key]!.shape).toEqual(value.shape);
        expect(back[key]!.toArray()).toEqual(value.toArray());
      }
    }),
  );
});

test("files written elsewhere are read: values of all dtypes, NaN and scalars", async () => {
  const mixed = await load(fixture("mixed.safetensors"));
  expect(mixed["i64"]!.toArray()).toEqual([
    [1, -2],
    [9007199254740993n, -4611686018427387904n],
  ]);
  expect(mixed["u8"]!.toArray()).toEqual([0, 255]);
  expect(mixed["scalar"]!.shape).toEqual([]);
  expect(mixed["empty"]!.numel()).toBe(0);
  expect((mixed["nan"] as Tensor).isnan().any().item()).toBe(true);
});

test.each([
  ["bad_dtype", "unknown dtype"],
  ["bad_offsets", "bytes"],
  ["bad_shape", "needs"],
  ["bad_header_length", "says that its header has"],
  ["bad_json", "not a JSON object"],
  ["truncated", "is cut short"],
])("%s.safetensors is refused", async (name, problem) => {
  await expect(load(fixture(`${name}.safetensors`))).rejects.toThrow(problem);
});

test("a file is of one moment: what changes while it is written is not in it", async () => {
  const [a, b] = [ones([2]), ones([3])];
  const bytes = toBytes({ a, b });
  a.fill_(9);
  b.fill_(9);
  const back = fromBytes(await bytes);
  expect([back["a"]!.toArray(), back["b"]!.toArray()]).toEqual([
    [1, 1],
    [1, 1, 1],
  ]);
});

test("a module is no state dict", async () => {
  await expect(toBytes(new Linear(1, 1) as never)).rejects.toThrow("got a module, and this function takes tensors");
});

test("any cut of a file is refused, and so is what hangs behind it", async () => {
  const bytes = await toBytes({ a: tensor([1.5, 2]), b: tensor([[1, 2]]) });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: bytes.length - 1 }), (length) => {
      expect(() => fromBytes(bytes.subarray(0, length))).toThrow("It is no intact safetensors file");
    }),
  );
  expect(() => fromBytes(Uint8Array.of(...bytes, 0))).toThrow("belong to no tensor");
});

test("a save replaces the file as a whole, keeps metadata, and leaves no draft", async () => {
  const path = join(folder, "weights.safetensors");
  await save({ w: tensor([1, 2]) }, path);
  await save({ w: tensor([3]) }, path, { epoch: "2" });
  expect((await load(path))["w"]!.toArray()).toEqual([3]);
  expect(readMetadata(readFileSync(path))).toEqual({ epoch: "2" });
  expect(readdirSync(folder)).toEqual(["weights.safetensors"]);
});

test("saves of one path at the same time do not mix", async () => {
  const path = join(folder, "busy.safetensors");
  await Promise.all([1, 2, 3, 4].map((value) => save({ w: full([1000 * value], value) }, path)));
  const [size, value] = [(await load(path))["w"]!.numel(), (await load(path))["w"]!.at(0).item()];
  expect(size).toBe(1000 * value);
  expect(readdirSync(folder)).toEqual(["busy.safetensors", "weights.safetensors"]);
});

test("the header is padded to 8 bytes and elements are aligned, as other readers of the format want it", async () => {
  const bytes = await toBytes({ flag: tensor([true]), x: tensor([1.5]), n: tensor([7]) });
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  expect(length % 8).toBe(0);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  expect(header).toEqual({
    n: { dtype: "I64", shape: [1], data_offsets: [0, 8] },
    x: { dtype: "F32", shape: [1], data_offsets: [8, 12] },
    flag: { dtype: "BOOL", shape: [1], data_offsets: [12, 13] },
  });
});

test("paths that cannot be used say why", async () => {
  await expect(save({}, join(folder, "no", "x.safetensors"))).rejects.toThrow(
    "its folder does not exist. Create it first",
  );
  await expect(load(join(folder, "none"))).rejects.toThrow("there is no such file");
  await expect(load(folder)).rejects.toThrow("it is a folder");
  const file = join(folder, "file");
  writeFileSync(file, "");
  chmodSync(file, 0o600);
  await expect(save({}, join(file, "x"))).rejects.toThrow("a part of the path is no folder");
  rmSync(file);
});

test("tensors that overlap or leave gaps are refused", () => {
  const file = (header: object, data: number): Uint8Array => {
    const text = new TextEncoder().encode(JSON.stringify(header));
    const bytes = new Uint8Array(8 + text.length + data);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
    bytes.set(text, 8);
    return bytes;
  };
  const at = (size: number, start: number): object => ({
    dtype: "U8",
    shape: [size],
    data_offsets: [start, start + size],
  });
  expect(fromBytes(file({ a: at(2, 0), b: at(1, 2) }, 3))["b"]!.shape).toEqual([1]);
  expect(() => fromBytes(file({ a: at(2, 0), b: at(2, 1) }, 3))).toThrow('an overlap at the tensor "b"');
  expect(() => fromBytes(file({ a: at(1, 0), b: at(1, 2) }, 3))).toThrow('a gap before the tensor "b"');
  expect(() => fromBytes(file({ a: at(-1, 1) }, 1))).toThrow("of shape [-1]");
  expect(() => fromBytes(file({ __metadata__: { epoch: 3 } }, 0))).toThrow("metadata that is not text");
  expect(() => fromBytes(file({ a: { ...at(1, 0), dtype: "F8_E4M3" } }, 1))).toThrow(
    'a tensor "a" of dtype F8_E4M3, which tensors here cannot have. Convert it where it was made',
  );
});

test("only tensors are saved", async () => {
  await expect(toBytes({ epoch: 3 } as never)).rejects.toThrow(
    '"epoch" is a number, and this function takes tensors only',
  );
});

test("a module's weights make the round trip", async () => {
  const path = join(folder, "linear.safetensors");
  const [from, into] = [new Linear(3, 2), new Linear(3, 2)];
  await save(from.stateDict(), path);
  into.loadStateDict(await load(path));
  expect(into.weight.toArray()).toEqual(from.weight.toArray());
});
