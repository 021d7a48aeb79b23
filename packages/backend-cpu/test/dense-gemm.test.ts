import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ScalarName } from "../src/dense/element.ts";
import { gemm, multiplyTogether } from "../src/dense/gemm.ts";
import { heap, memory } from "../src/runtime/index.ts";
import { check, checkTogether, fill, type Problem, view } from "./dense-gemm-check.ts";
import { onOneAndThree } from "./on-threads.ts";

const problem = (side: number, types: ScalarName[]) =>
  fc.record<Problem>({
    type: fc.constantFrom(...types),
    m: fc.integer({ min: 1, max: side }),
    n: fc.integer({ min: 1, max: side }),
    k: fc.integer({ min: 0, max: side }),
    count: fc.integer({ min: 1, max: 3 }),
    transposeA: fc.boolean(),
    transposeB: fc.boolean(),
    gap: fc.constantFrom(0, 3),
    mode: fc.constantFrom("plain", "accumulate", "bias"),
  });

describe("gemm", () => {
  test("agrees with three loops for small matrices of any strides", () => {
    fc.assert(fc.property(problem(12, ["f32", "f64", "i32", "i64"]), check), { numRuns: 300 });
  });

  test("agrees with three loops where blocks are packed", () => {
    fc.assert(fc.property(problem(70, ["f32", "f64"]), check), { numRuns: 60 });
  });

  test("agrees with three loops where few rows meet a B that is not near", () => {
    const sides = fc.record({ m: fc.integer({ min: 1, max: 17 }), n: fc.integer({ min: 90, max: 1100 }) });
    const few = (p: Problem, { m, n }: { readonly m: number; readonly n: number }): Problem => ({ ...p, m, n });
    const problems = fc.tuple(problem(300, ["f32", "f64"]), sides).map(([p, size]) => few({ ...p, count: 1 }, size));
    fc.assert(fc.property(problems, check), { numRuns: 40 });
  });

  test("agrees with three loops where few steps make a big C", () => {
    const sizes = fc.record({
      m: fc.integer({ min: 16, max: 70 }),
      n: fc.integer({ min: 90, max: 1100 }),
      k: fc.integer({ min: 1, max: 9 }),
    });
    const flat = fc.tuple(problem(1, ["f32", "f64"]), sizes).map(([p, size]): Problem => ({ ...p, ...size, count: 1 }));
    fc.assert(fc.property(flat, check), { numRuns: 40 });
  });

  test("agrees with three loops where a matrix that lies by columns meets a vector", () => {
    const rows = fc.tuple(problem(300, ["f32", "f64"]), fc.integer({ min: 90, max: 1100 }));
    const vectors = rows.map(([p, m]): Problem => ({ ...p, m, n: 1, transposeA: true, gap: 0 }));
    fc.assert(fc.property(vectors, check), { numRuns: 40 });
  });

  test("agrees with three loops where threads share a product", () => {
    const shared = problem(140, ["f32", "f64"]).filter(({ k }) => k > 0) as fc.Arbitrary<Problem>;
    fc.assert(fc.property(shared, checkTogether), { numRuns: 30 });
    const slabs: Problem = {
      ...{ type: "f32", m: 4100, n: 9, k: 5, count: 1, gap: 0 },
      ...{ transposeA: false, transposeB: false, mode: "bias" },
    };
    checkTogether(slabs);
    checkTogether({ ...slabs, m: 7, n: 4100, mode: "accumulate" });
    checkTogether({ ...slabs, type: "f64", m: 7, k: 2100, count: 2, mode: "plain" });
  });

  test("agrees across the boundaries of blocks", () => {
    const base: Problem = {
      ...{ type: "f32", m: 245, n: 20, k: 260, count: 1, gap: 0 },
      ...{ transposeA: false, transposeB: true, mode: "plain" },
    };
    check(base);
    check({ ...base, m: 7, n: 970, k: 300, mode: "bias" });
    check({ ...base, type: "f64", m: 9, n: 963, k: 513, mode: "accumulate", transposeA: true });
  });

  test.each([
    { multiply: gemm, sizes: [300, 310, 290] },
    { multiply: gemm, sizes: [370, 40, 2700] },
    { multiply: gemm, sizes: [64, 64, 64] },
    { multiply: gemm, sizes: [7, 700, 300] },
    { multiply: gemm, sizes: [500, 700, 3] },
    { multiply: multiplyTogether as typeof gemm, sizes: [300, 310, 290] },
  ] as const)("gives the same bits on one thread and on several", async ({ multiply, sizes: [m, n, k] }) => {
    const noise = (length: number) => {
      const block = memory.allocate(4 * length);
      for (let i = 0; i < length; i++) heap.f32[block.address / 4 + i] = Math.sin(i * 12.9898);
      return block;
    };
    // The blocks themselves must be held: what is forgotten may be handed out again after an await.
    const blocks = { a: noise(m * k), b: noise(k * n), c: noise(m * n) };
    const [alone, together] = await onOneAndThree(() => {
      const a = { address: blocks.a.address, rowStride: k, columnStride: 1 };
      const b = { address: blocks.b.address, rowStride: n, columnStride: 1 };
      const c = { address: blocks.c.address, rowStride: n };
      multiply("f32", { m, n, k, a, b, c });
      return heap.f32.slice(c.address / 4, c.address / 4 + m * n);
    });
    expect(together.filter((x, i) => !Object.is(x, alone[i]))).toHaveLength(0);
  });

  test("an empty product leaves biases, or zeros", () => {
    const bias = fill("f32", 3, 5);
    const c = { address: fill("f32", 6, 6), rowStride: 3 };
    const empty = { address: 4096, rowStride: 0, columnStride: 0 };
    gemm("f32", { m: 2, n: 3, k: 0, a: empty, b: empty, c, bias });
    const biases = [...view("f32", bias, 3)];
    expect([...view("f32", c.address, 6)]).toEqual([...biases, ...biases]);
    gemm("f32", { m: 2, n: 3, k: 0, a: empty, b: empty, c });
    expect([...view("f32", c.address, 6)]).toEqual([0, 0, 0, 0, 0, 0]);
  });
});
