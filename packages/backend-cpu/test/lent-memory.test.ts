/** What `numpy()` lends stays the user's for as long as they have it. */
import "../src/index.ts";
import { full, memory, Pressure, scope, type Tensor, zeros } from "@dl/tensor";
import { describe, expect, test, vi } from "vitest";

const settle = (): Promise<void> => new Pressure(() => 0).collect();
const size = 100_000;

/** Takes and fills whatever memory is free for tensors of that size. */
function scramble(): Tensor[] {
  return Array.from({ length: 20 }, () => full([size], -1, { dtype: "float32" }));
}

describe("the array of numpy()", () => {
  test("keeps its memory after the tensor is disposed, and after its scope", () => {
    const x = full([size], 7, { dtype: "float32" });
    const array = x.numpy();
    x.dispose();
    const scoped = scope(() => full([size], 8, { dtype: "float32" }).add(1).numpy());
    const others = scramble();
    expect(array.data[size - 1]).toBe(7);
    expect(scoped.data.every((value) => value === 9)).toBe(true);
    for (const other of others) other.dispose();
  });

  test("keeps its memory when the tensor is forgotten; so does its data alone, and both share it", async () => {
    const array = (() => full([size], 5, { dtype: "float32" }).numpy())();
    const { data } = (() => full([size], 6, { dtype: "float32" }).view(10, -1).t().numpy())();
    await settle();
    const others = scramble();
    await settle();
    expect(array.data.every((value) => value === 5)).toBe(true);
    expect(data.every((value) => value === 6)).toBe(true);
    for (const other of others) other.dispose();
  });

  test("gives the memory back once it is forgotten itself, disposed tensor or not", async () => {
    await settle();
    const { bytes } = memory("cpu");
    const lend = (): void => {
      for (let i = 0; i < 20; i++) {
        const x = zeros(size);
        x.numpy();
        if (i % 2) x.dispose();
      }
    };
    lend();
    expect(memory("cpu").bytes).toBeGreaterThan(bytes + 20 * 4 * size);
    await settle();
    expect(memory("cpu").bytes).toBeLessThan(bytes + 2 * 4 * size);
  });
});

test("what data(), toArray() and item() give is a copy", async () => {
  const x = full([2], 3, { dtype: "float32" });
  const [data, list] = [await x.data(), x.toArray()];
  x.fill_(4);
  expect([...data, list]).toEqual([3, 3, [3, 3]]);
});

test("without shared memory, the array follows when memory grows and moves", async () => {
  vi.stubGlobal("SharedArrayBuffer", undefined);
  vi.resetModules();
  await import("../src/index.ts");
  vi.unstubAllGlobals();
  const { floatTensor, zeros: make } = await import("@dl/tensor");
  const x = floatTensor([1, 2, 3]);
  const array = x.numpy();
  const before = array.data;
  expect(before.buffer).toBeInstanceOf(ArrayBuffer);
  make(40, 1024, 1024);
  expect(before.length).toBe(0);
  expect([...array.data]).toEqual([1, 2, 3]);
  array.data[1] = 5;
  expect(x.toArray()).toEqual([1, 5, 3]);
  const elsewhere = { ...x.numpy() };
  expect(elsewhere).toMatchObject({ shape: [3], stride: [1], offset: 0 });
});
