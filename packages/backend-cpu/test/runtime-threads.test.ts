import { afterAll, describe, expect, test } from "vitest";
import { partOf } from "../src/dense/element.ts";
import { CROWDED, MAX_CHUNKS, SLEEPERS } from "../src/runtime/control.ts";
import { Engine } from "../src/runtime/engine.ts";
import { Heap } from "../src/runtime/heap.ts";
import { engine, getNumThreads, heap, memory, setNumThreads, threads } from "../src/runtime/index.ts";
import { CONTROL, THREAD_AREAS } from "../src/runtime/layout.ts";
import { Memory } from "../src/runtime/memory.ts";
import { Scratch } from "../src/runtime/scratch.ts";
import { Threads } from "../src/runtime/threads.ts";
import { load, type Module, op, when } from "../src/wasm/emitter.ts";

/** `mark(chunk, chunks, out, rounds, scale)` writes `chunk * scale` and counts the call; it spins for a while. */
function buildMarks(m: Module): void {
  m.func("mark", ["chunk", "chunks", "out", "rounds", "scale:f64"], (f, { chunk, out, rounds, scale }) => {
    const noise = f.local("f64");
    f.range(rounds, () => f.set(noise, op("f64.add", noise, scale)));
    const place = f.let(op("i32.add", out, op("i32.shl", chunk, 4)));
    f.store("f64.store", place, op("f64.mul", op("f64.convert_i32_s", chunk), scale));
    f.store("i32.store", place, op("i32.add", load("i32.load", place, 8), 1), 8);
  });
  m.func("trap", ["chunk", "chunks", "at"], (f, { chunk, at }) => {
    f.if(op("i32.eq", chunk, at), () => f.unreachable());
  });
  m.func("scratch", ["chunk", "chunks", "out"], (f, { chunk, out }) => {
    f.store("i32.store", m.scratch(), chunk);
    const spins = f.local("i32");
    f.for(spins, 0, 20000, 1, () => {});
    const wasMine = op("i32.eq", load("i32.load", m.scratch()), chunk);
    f.store("i32.store", op("i32.add", out, op("i32.shl", chunk, 2)), when(wasMine, m.scratch(), 0));
  });
}

engine.module("marks", buildMarks);
const before = getNumThreads();
afterAll(() => setNumThreads(before));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function runMarks(chunks: number, rounds: number): void {
  const block = memory.allocate(16 * chunks);
  heap.u8.fill(0, block.address, block.address + 16 * chunks);
  threads.parallel("marks", "mark", chunks, [block.address, rounds, 1.5]);
  const wrong = Array.from({ length: chunks }, (_, i) => i).filter((i) => {
    return heap.f64[block.address / 8 + 2 * i] !== i * 1.5 || heap.i32[block.address / 4 + 4 * i + 2] !== 1;
  });
  expect(wrong).toEqual([]);
  memory.release(block);
}

describe("parallel", () => {
  test("runs every chunk once, on one thread and on more, awake or asleep", async () => {
    for (const count of [1, 2, 3, 4]) {
      setNumThreads(count);
      for (let i = 0; i < 200; i++) runMarks((i % 40) + 1, 10);
      await pause(30);
      for (let i = 0; i < 30; i++) runMarks(MAX_CHUNKS, 5);
    }
  });

  test("workers take part", async () => {
    setNumThreads(3);
    const out = memory.allocate(4 * 64);
    let areas = new Set<number>();
    for (let i = 0; i < 200 && areas.size < 2; i++) {
      threads.parallel("marks", "scratch", 64, [out.address], 1000);
      areas = new Set(heap.i32.subarray(out.address / 4, out.address / 4 + 64));
      expect(areas).not.toContain(0);
      await pause(1);
    }
    expect(areas.size).toBeGreaterThanOrEqual(2);
  });

  test("a thread has neighbouring chunks, and others take only what it has not come to", async () => {
    setNumThreads(2);
    const [out, chunks] = [memory.allocate(4 * 64), 64];
    const areasOf = (from: number): Set<number> =>
      new Set(heap.i32.subarray(out.address / 4).subarray(from, from + 16));
    let first = new Set<number>();
    let second = first;
    for (let i = 0; i < 200 && (first.size !== 1 || second.size !== 1 || [...first][0] === [...second][0]); i++) {
      threads.parallel("marks", "scratch", chunks, [out.address], 1000);
      [first, second] = [areasOf(0), areasOf(chunks / 2)];
      await pause(1);
    }
    expect([first.size, second.size]).toEqual([1, 1]);
    expect(first).not.toEqual(second);
  });

  test("workers without work sleep, and wake for the next task", async () => {
    setNumThreads(4);
    const asleep = (): number => Atomics.load(heap.i32, CONTROL / 4 + SLEEPERS);
    for (let round = 0; round < 3; round++) {
      runMarks(MAX_CHUNKS, 100);
      // Looked at once: who had not seen the last task yet may count itself, and wake for it at once.
      let count = asleep();
      for (let i = 0; i < 10_000 && count < 3; i++, count = asleep()) await pause(1);
      expect(count).toBe(3);
    }
  });

  test("a module that workers have not met yet works at once", () => {
    setNumThreads(2);
    for (let i = 0; i < 10; i++) {
      engine.module(`marks:${i}`, buildMarks);
      const block = memory.allocate(16 * 20);
      threads.parallel(`marks:${i}`, "mark", 20, [block.address, 1000, 2]);
      expect(heap.f64[block.address / 8 + 38]).toBe(38);
    }
  });

  test("a trap is reported wherever it happens, and the next task runs", () => {
    setNumThreads(2);
    for (let at = 0; at < 64; at++) {
      expect(() => threads.parallel("marks", "trap", 64, [at])).toThrow(/unreachable|trapped in a worker/);
      runMarks(8, 10);
    }
  });

  test("what cannot be written down is refused", () => {
    setNumThreads(2);
    expect(() => threads.parallel("marks", "mark", MAX_CHUNKS + 1, [])).toThrow(RangeError);
    expect(() => threads.parallel("marks", "mark", 2, new Array(33).fill(0))).toThrow(RangeError);
    expect(() => threads.parallel("marks", "nothing", 2, [])).toThrow(RangeError);
    expect(() => threads.parallel("none", "mark", 2, [])).toThrow("there is no module none");
  });

  test("parameters of a kernel may have any names", () => {
    engine.module("names", (m) => {
      m.func(
        "run",
        ["chunk", "chunks", "share", "end:f64", "most", "tag"],
        (f, { chunk, chunks, share, end, most, tag }) => {
          const place = f.let(op("i32.add", share, op("i32.shl", chunk, 3)));
          const sum = op("i32.add", op("i32.add", most, tag), chunks);
          f.store("f64.store", place, op("f64.add", end, op("f64.convert_i32_s", sum)));
        },
      );
    });
    const { address } = memory.allocate(8 * 20);
    for (const count of [1, 2]) {
      setNumThreads(count);
      threads.parallel("names", "run", 20, [address, 0.5 * count, 3, 4]);
      expect(new Set(heap.f64.subarray(address / 8, address / 8 + 20))).toEqual(new Set([27 + 0.5 * count]));
    }
  });

  test("where it is crowded, every task says so, and workers that rest take part and lose nothing", async () => {
    const own = new Engine(new Memory());
    own.module("marks", buildMarks);
    let crowded = true;
    const group = new Threads(own, () => crowded);
    group.count = 3;
    const words = own.memory.heap.i32;
    const { address } = own.memory.allocate(16 * 200);
    const areas = new Set<number>();
    for (let i = 0; i < 200 && areas.size < 2; i++, await pause(1)) {
      group.parallel("marks", "scratch", 64, [address], 1000);
      for (const area of words.subarray(address / 4, address / 4 + 64)) areas.add(area);
    }
    expect(areas.size).toBeGreaterThanOrEqual(2);
    own.memory.heap.u8.fill(0, address, address + 16 * 200);
    for (const state of [true, false, true]) {
      crowded = state;
      for (let i = 0; i < 30; i++) group.parallel("marks", "mark", 200, [address, 20_000, 1.5]);
      expect(words[CONTROL / 4 + CROWDED]).toBe(state ? 1 : 0);
    }
    const counts = Array.from({ length: 200 }, (_, i) => words[address / 4 + 4 * i + 2]);
    expect(new Set(counts)).toEqual(new Set([90]));
  });

  test("needs no shared memory", () => {
    const alone = new Engine(new Memory({ heap: new Heap(false) }));
    alone.module("marks", buildMarks);
    const single = new Threads(alone);
    single.count = 4;
    expect(single.count).toBe(1);
    const { address } = alone.memory.allocate(64);
    single.parallel("marks", "mark", 3, [address, 1, 1]);
    expect(alone.memory.heap.f64[address / 8 + 4]).toBe(2);
  });
});

test("setNumThreads refuses what is no number of threads", () => {
  for (const count of [0, -1, 1.5, 257, Number.NaN])
    expect(() => setNumThreads(count)).toThrow("whole number from 1 to 256");
  setNumThreads(2);
  expect(getNumThreads()).toBe(2);
});

test("where memory runs out as a scratch area grows, the old one is not used on", () => {
  const small = new Memory({ heap: new Heap(false, false), limit: 2 ** 20 });
  const scratch = new Scratch(small);
  scratch.reserve(10_000, 1);
  expect(() => scratch.reserve(2 ** 21, 1)).toThrow("out of memory");
  const other = small.allocate(10_000);
  scratch.reserve(10_000, 1);
  expect(small.heap.u32[THREAD_AREAS / 4]).not.toBe(other.address);
});

test("chunks share more units than fit into 32 bits with their number", () => {
  engine.module("shares", (m) => {
    m.func("share", ["chunk", "chunks", "units"], (f, p) => partOf(f, p.units, p.chunk, p.chunks)[1]);
  });
  const { share } = engine.module<"share">("shares", () => {});
  const units = 2 ** 31 + 64;
  expect([0, 31, 63].map((chunk) => share(chunk, 64, units) >>> 0)).toEqual([2 ** 25 + 1, 2 ** 30 + 32, units]);
});
