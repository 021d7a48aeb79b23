import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type GemmCall, gemm } from "../src/dense/gemm.ts";
import { getNumThreads, memory, setNumThreads, threads } from "../src/runtime/index.ts";
import { check, fill, type Problem, view } from "./dense-gemm-check.ts";

const base: Problem = {
  ...{ type: "f32", m: 64, n: 192, k: 192, count: 1, gap: 0, oneOf: 4 },
  ...{ transposeA: false, transposeB: false, mode: "plain" },
};

/** How often lists were multiplied. */
const calls = (): number =>
  vi.mocked(threads.parallel).mock.calls.filter(([key, name]) => key === "gemm:sparse" && name === "multiply").length;

/** A product of zeros but for one number, and the number of columns. */
function zeros(): { readonly call: GemmCall; readonly b: Float32Array; readonly c: Float32Array } {
  const [m, n, k] = [64, 200, 192];
  const [a, b, c] = [m * k, k * n, m * n].map((length) => fill("f32", length, 1)) as [number, number, number];
  view("f32", a, m * k).fill(0 as never);
  view("f32", a, m * k)[5] = 2;
  const call: GemmCall = {
    ...{ m, n, k, c: { address: c, rowStride: n } },
    ...{ a: { address: a, rowStride: k, columnStride: 1 }, b: { address: b, rowStride: n, columnStride: 1 } },
  };
  return { call, b: view("f32", b, k * n) as Float32Array, c: view("f32", c, m * n) as Float32Array };
}

describe("products whose left side is mostly zeros", () => {
  vi.spyOn(threads, "parallel");
  afterEach(() => void vi.mocked(threads.parallel).mockClear());

  test("agree with three loops", () => {
    const problem = fc.record<Problem>({
      ...{ type: fc.constant("f32"), count: fc.constant(1) },
      ...{ m: fc.integer({ min: 16, max: 210 }), n: fc.integer({ min: 96, max: 260 }) },
      ...{ k: fc.integer({ min: 1, max: 300 }), gap: fc.constantFrom(0, 3), oneOf: fc.constantFrom(3, 5, 20) },
      ...{ transposeA: fc.boolean(), transposeB: fc.boolean(), mode: fc.constantFrom("plain", "bias") },
    });
    const big = problem.filter(({ m, n, k }) => m * n * k >= 2 ** 21) as fc.Arbitrary<Problem>;
    fc.assert(fc.property(big, check), { numRuns: 30 });
    expect(calls()).toBeGreaterThanOrEqual(30);
  });

  test("more numbers than are listed at a time are added up slab by slab", () => {
    check({ ...base, m: 33_000, n: 96, k: 130, mode: "bias" });
    expect(calls()).toBe(2);
  });

  test("few zeros, little work, float64, batches and sums take the dense kernels", () => {
    const { oneOf: _, ...dense } = base;
    check(dense);
    check({ ...base, m: 16, n: 100 });
    check({ ...base, type: "f64" });
    check({ ...base, count: 2 });
    check({ ...base, mode: "accumulate" });
    expect(calls()).toBe(0);
  });

  test.each([Number.NaN, Number.NEGATIVE_INFINITY])("zero times %d is NaN", (odd) => {
    const { call, b, c } = zeros();
    b.fill(1);
    b[7] = odd;
    gemm("f32", call);
    expect(calls()).toBe(1);
    expect([c[6], c[7], c[207], c[208]]).toEqual([2, Number.NaN, Number.NaN, 0]);
    // The next call starts from a clean slate.
    b[7] = 1;
    gemm("f32", call);
    expect([c[7], c[207]]).toEqual([2, 0]);
  });

  test("a number that is not finite on the left goes its way", () => {
    const { call, b, c } = zeros();
    b.fill(1);
    memory.heap.f32[call.a.address / 4] = Number.POSITIVE_INFINITY;
    gemm("f32", call);
    expect([c[0], c[199], c[200]]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0]);
  });

  test("the same bits on one thread and on several", async () => {
    const { call, b, c } = zeros();
    const a = view("f32", call.a.address, 64 * 192);
    for (let i = 0; i < a.length; i++) a[i] = i % 5 === 0 ? Math.sin(i) : 0;
    b.forEach((_, i) => void (b[i] = Math.sin(i * 12.9898)));
    const run = (count: number): Float32Array => {
      setNumThreads(count);
      gemm("f32", call);
      return c.slice();
    };
    const before = getNumThreads();
    const alone = run(1);
    run(3);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(run(3)).toEqual(alone);
    setNumThreads(before);
  });
});
