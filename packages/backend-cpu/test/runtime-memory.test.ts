import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Block } from "../src/runtime/block.ts";
import { Heap } from "../src/runtime/heap.ts";
import { Memory } from "../src/runtime/memory.ts";
import { CLASS_COUNT, classOf, sizeOf } from "../src/runtime/size-classes.ts";

const MiB = 2 ** 20;

describe("size classes", () => {
  test("waste at most a quarter, or 63 bytes", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.nat(1 << 14),
          fc.nat(2 ** 31 - 1),
          fc.double({ min: 0, max: 2 ** 32, noNaN: true }).map(Math.floor),
        ),
        (bytes) => {
          const size = sizeOf(classOf(bytes));
          expect(size).toBeGreaterThanOrEqual(bytes);
          expect(size - bytes).toBeLessThanOrEqual(Math.max(64, bytes / 4));
          expect(size % 64).toBe(0);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("every size is the smallest block of its class", () => {
    for (let c = 0; c < CLASS_COUNT; c++) {
      expect(classOf(sizeOf(c))).toBe(c);
      if (c > 0) expect(classOf(sizeOf(c - 1) + 1)).toBe(c);
    }
    expect(classOf(2 ** 32)).toBeLessThan(CLASS_COUNT);
  });
});

describe("blocks", () => {
  test("are aligned, big enough and never overlap, whatever is allocated and released", () => {
    const steps = fc.array(
      fc.record({ bytes: fc.oneof(fc.nat(5000), fc.nat(300_000)), release: fc.boolean(), which: fc.nat() }),
      {
        maxLength: 120,
      },
    );
    const memory = new Memory();
    fc.assert(
      fc.property(steps, (list) => {
        const held: Block[] = [];
        for (const { bytes, release, which } of list) {
          if (release && held.length > 0) memory.release(held.splice(which % held.length, 1)[0]!);
          else held.push(memory.allocate(bytes));
          if (which % 17 === 0) memory.trim();
          expect(held.at(-1)?.address ?? 0).toSatisfy((address: number) => address % 64 === 0);
        }
        const sorted = [...held].sort((a, b) => a.address - b.address);
        sorted.forEach((block, i) => {
          const next = sorted[i + 1];
          if (next !== undefined) expect(block.address + block.bytes).toBeLessThanOrEqual(next.address);
        });
        expect(memory.statistics().blocks).toBe(held.length);
        expect(memory.statistics().live).toBe(held.reduce((sum, block) => sum + block.bytes, 0));
        for (const block of held) memory.release(block);
      }),
      { numRuns: 60 },
    );
  });

  test("are used again, so that a loop stays flat", () => {
    const memory = new Memory();
    const step = () => {
      const blocks = [100, 5000, MiB, 40, 64].map((bytes) => memory.allocate(bytes));
      for (const block of blocks) memory.release(block);
    };
    step();
    const { reserved, cached } = memory.statistics();
    for (let i = 0; i < 1000; i++) step();
    expect(memory.statistics()).toMatchObject({ live: 0, blocks: 0, reserved, cached });
  });

  test("cannot be released twice", () => {
    const memory = new Memory();
    const block = memory.allocate(100);
    memory.release(block);
    expect(() => memory.release(block)).toThrow("release it once");
  });

  test("nonsense sizes are refused", () => {
    const memory = new Memory();
    for (const bytes of [-1, Number.NaN, 2 ** 33]) expect(() => memory.allocate(bytes)).toThrow("cpu: out of memory");
  });
});

describe("the heap", () => {
  test("grows on demand, and its views with it", () => {
    const memory = new Memory();
    const { heap } = memory;
    const before = heap.f32;
    const small = memory.allocate(64);
    heap.f32[small.address / 4] = 42;
    const big = memory.allocate(64 * MiB);
    heap.i64[(big.address + big.bytes - 8) / 8] = 7n;
    expect(heap.f32.length).toBeGreaterThan(before.length);
    expect(heap.f32[small.address / 4]).toBe(42);
    expect(heap.u8[big.address + big.bytes - 8]).toBe(7);
  });

  test("notices that others have grown it", () => {
    const heap = new Heap(true, false);
    const length = heap.u8.length;
    heap.memory.grow(1);
    heap.refresh();
    expect(heap.u8.length).toBe(length + 65536);
  });

  test("works unshared, where views lose their buffer when it grows", () => {
    const memory = new Memory({ heap: new Heap(false) });
    const block = memory.allocate(64);
    memory.heap.f64[block.address / 8] = 1.5;
    memory.allocate(32 * MiB);
    expect(memory.heap.shared).toBe(false);
    expect(memory.heap.f64[block.address / 8]).toBe(1.5);
  });

  test("addresses beyond 2 GiB can be used", () => {
    const memory = new Memory();
    const blocks = [1500, 1500, 600].map((size) => memory.allocate(size * MiB));
    const { address } = blocks[2]!;
    expect(address).toBeGreaterThan(2 ** 31);
    memory.heap.f32[address / 4] = 3;
    expect(memory.heap.f32[address / 4]).toBe(3);
  });
});

describe("limits", () => {
  test("running out says what is held and what to do", () => {
    const memory = new Memory({ limit: 16 * MiB });
    const block = memory.allocate(8 * MiB);
    expect(() => memory.allocate(12 * MiB)).toThrow(
      /^cpu: out of memory: 12 MiB needed, 8 MiB of 16 MiB held by tensors \(1 of 8 MiB\)\..*scope.*setMemoryLimit/,
    );
    memory.release(block);
    expect(memory.allocate(12 * MiB).bytes).toBeGreaterThanOrEqual(12 * MiB);
  });

  test("free blocks of other sizes are joined before anything is refused", () => {
    const memory = new Memory({ limit: 16 * MiB });
    const parts = Array.from({ length: 14 }, () => memory.allocate(MiB));
    const small = Array.from({ length: 100 }, () => memory.allocate(1000));
    for (const block of [...parts, ...small]) memory.release(block);
    expect(memory.allocate(14 * MiB).bytes).toBeGreaterThanOrEqual(14 * MiB);
  });

  test("a loop over ever new sizes does not pile up idle blocks", () => {
    const memory = new Memory();
    for (let step = 0; step < 400; step++) {
      const size = MiB * (1 + ((step * 7919) % 97) / 4);
      const blocks = [size, size / 2, size * 2, size].map((bytes) => memory.allocate(bytes));
      for (const block of blocks) memory.release(block);
    }
    const { peak, reserved } = memory.statistics();
    expect(reserved).toBeLessThan(3 * peak);
  });

  test("training with batches of changing sizes wastes a quarter and a constant, and gives everything back", () => {
    const batches = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 20, maxLength: 60 });
    const layers = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(batches, layers, fc.nat(), (sizes, widths, seed) => {
        const memory = new Memory();
        const parameters = widths.map((width) => memory.allocate(4 * width));
        let [asked, most] = [0, 0];
        for (let step = 0; step < 2000; step++) {
          const batch = sizes[(step * 7919 + seed) % sizes.length]!;
          const blocks = widths.map((width) => memory.allocate(4 * batch * width));
          asked = widths.reduce((sum, width) => sum + 4 * (batch + 1) * width, 0);
          most = Math.max(most, asked);
          // Half in the order of backward, half in the order they were made.
          for (const block of step % 2 ? blocks.reverse() : blocks) memory.release(block);
        }
        const { peak, reserved, blocks } = memory.statistics();
        expect(peak).toBeLessThanOrEqual(1.25 * most + 128 * widths.length);
        expect(reserved).toBeLessThanOrEqual(1.125 * (1.25 * peak + 40 * MiB));
        expect(blocks).toBe(parameters.length);
        for (const block of parameters) memory.release(block);
        memory.trim();
        const whole = memory.allocate(reserved - 2 * 65536 - (reserved >> 2));
        expect(memory.statistics()).toMatchObject({ reserved, cached: 0 });
        memory.release(whole);
      }),
      { numRuns: 15 },
    );
  });

  test("trim makes one room of many, and forgets nothing that is in use", () => {
    const memory = new Memory();
    const blocks = Array.from({ length: 64 }, (_, i) => memory.allocate(i % 2 ? 100 : 100_000));
    const kept = blocks.filter((_, i) => i % 8 < 2);
    for (const block of blocks) if (!kept.includes(block)) memory.release(block);
    const { cached } = memory.statistics();
    expect(cached).toBeGreaterThan(0);
    expect(memory.trim()).toBeGreaterThan(0);
    expect(memory.statistics().cached).toBeLessThan(cached);
    expect(memory.statistics().blocks).toBe(kept.length);
    const { reserved } = memory.statistics();
    const again = Array.from({ length: 24 }, () => memory.allocate(100_000));
    expect(memory.statistics().reserved).toBe(reserved);
    for (const block of [...kept, ...again]) memory.release(block);
  });
});

const macrotask = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Runs `body` in a frame of its own, so that nothing it made stays reachable from the stack. */
async function forget(body: () => void): Promise<void> {
  await macrotask();
  body();
  await macrotask();
}

describe("what is forgotten", () => {
  test("comes back after a collection: big blocks one by one, small ones by the page", async () => {
    const memory = new Memory();
    const kept = memory.allocate(100);
    await forget(() => {
      for (let i = 0; i < 20; i++) memory.allocate(MiB);
      for (let i = 0; i < 5000; i++) memory.allocate(100);
    });
    expect(memory.statistics().blocks).toBe(5021);
    expect(memory.pressure.bytes).toBeGreaterThan(20 * MiB);
    await memory.pressure.collect();
    // Blocks on the first page share it with the one that is kept; the open page belongs to the allocator.
    expect(memory.statistics().blocks).toBeLessThan(1 + 2 * 512);
    expect(memory.statistics().live).toBeLessThan(2 * 65536);
    expect(memory.pressure.bytes).toBe(0);
    const { reserved } = memory.statistics();
    const again = Array.from({ length: 20 }, () => memory.allocate(MiB));
    expect(memory.statistics().reserved).toBe(reserved);
    for (const block of [...again, kept]) memory.release(block);
  });

  test("a released block that is handed out again does not come back by itself", async () => {
    const memory = new Memory();
    memory.release(memory.allocate(MiB));
    const block = memory.allocate(MiB);
    await memory.pressure.collect();
    expect(memory.statistics().blocks).toBe(1);
    expect(memory.allocate(MiB).address).not.toBe(block.address);
  });

  test("blocks that trim dissolved are not recovered a second time", async () => {
    const memory = new Memory();
    await forget(() => {
      const blocks = Array.from({ length: 50 }, (_, i) => memory.allocate(i % 2 ? 3000 : 70_000));
      for (const block of blocks) memory.release(block);
      memory.trim();
    });
    await memory.pressure.collect();
    const { live, blocks, cached } = memory.statistics();
    expect({ live, blocks, cached }).toEqual({ live: 0, blocks: 0, cached: 0 });
  });

  test("an asynchronous loop that releases nothing stays bounded", async () => {
    const memory = new Memory({ limit: 1024 * MiB });
    for (let i = 0; i < 150; i++) {
      memory.allocate(16 * MiB);
      await macrotask();
    }
    expect(memory.statistics().peak).toBeLessThan(700 * MiB);
  });
});
