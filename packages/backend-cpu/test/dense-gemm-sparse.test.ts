import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { gemm } from "../src/dense/gemm.ts";
import { threads } from "../src/runtime/index.ts";
import { tensor } from "./dense-conv-check.ts";
import { check, type Problem } from "./dense-gemm-check.ts";
import { onOneAndThree } from "./on-threads.ts";

const base: Problem = {
  ...{ type: "f32", m: 64, n: 192, k: 192, count: 1, gap: 0, oneOf: 4 },
  ...{ transposeA: false, transposeB: false, mode: "plain" },
};

/** How often lists were multiplied. */
const calls = (): number =>
  vi.mocked(threads.parallel).mock.calls.filter(([key, name]) => key === "gemm:sparse" && name === "multiply").length;

/** A product of zeros but for one number. The tensors hold their memory. */
function zeros() {
  const [m, n, k] = [64, 200, 192];
  const [a, b, c] = [tensor("f32", m * k, 1), tensor("f32", k * n, 1), tensor("f32", m * n, 1)];
  a.values.fill(0);
  a.values[5] = 2;
  const multiply = (): void =>
    gemm("f32", {
      ...{ m, n, k, c: { address: c.address, rowStride: n } },
      ...{
        a: { address: a.address, rowStride: k, columnStride: 1 },
        b: { address: b.address, rowStride: n, columnStride: 1 },
      },
    });
  return { multiply, a: a.values, b: b.values, c: c.values };
}

describe("products whose one side is mostly zeros", () => {
  vi.spyOn(threads, "parallel");
  afterEach(() => void vi.mocked(threads.parallel).mockClear());

  test("agree with three loops", () => {
    const problem = fc.record<Problem>({
      ...{ type: fc.constant("f32"), count: fc.constant(1) },
      ...{ m: fc.integer({ min: 16, max: 210 }), n: fc.integer({ min: 96, max: 260 }) },
      ...{ k: fc.integer({ min: 1, max: 300 }), gap: fc.constantFrom(0, 3), oneOf: fc.constantFrom(5, 7, 20) },
      ...{ transposeA: fc.boolean(), transposeB: fc.boolean(), mode: fc.constantFrom("plain", "bias") },
    });
    const big = problem.filter(({ m, n, k }) => m * n * k >= 2 ** 21) as fc.Arbitrary<Problem>;
    fc.assert(fc.property(big, check), { numRuns: 30 });
    expect(calls()).toBeGreaterThanOrEqual(30);
  });

  test("agree with three loops where zeros are on the right", () => {
    const problem = fc.record<Problem>({
      ...{ type: fc.constant("f32"), count: fc.constant(1), mode: fc.constant("plain") },
      ...{ n: fc.integer({ min: 16, max: 210 }), m: fc.integer({ min: 96, max: 260 }) },
      ...{ k: fc.integer({ min: 1, max: 300 }), gap: fc.constantFrom(0, 3), oneOfB: fc.constantFrom(5, 7, 20) },
      ...{ transposeA: fc.boolean(), transposeB: fc.boolean() },
    });
    const big = problem.filter(({ m, n, k }) => m * n * k >= 2 ** 21) as fc.Arbitrary<Problem>;
    fc.assert(fc.property(big, check), { numRuns: 30 });
    expect(calls()).toBeGreaterThanOrEqual(30);
  });

  test("the sparser side is listed", () => {
    vi.mocked(threads.parallel).mockClear();
    check({ ...base, m: 192, oneOf: 2, oneOfB: 20 });
    check({ ...base, m: 192, oneOf: 20, oneOfB: 2 });
    const turned = vi.mocked(threads.parallel).mock.calls.filter(([, name]) => name === "multiply");
    expect(turned.map(([, , , args]) => args.at(-1))).toEqual([1, 0]);
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
    check({ ...dense, m: 192, mode: "bias", oneOfB: 4 });
    expect(calls()).toBe(0);
  });

  test.each([Number.NaN, Number.NEGATIVE_INFINITY])("zero times %d is NaN", (odd) => {
    const { multiply, b, c } = zeros();
    b.fill(1);
    b[7] = odd;
    multiply();
    expect(calls()).toBe(1);
    expect([c[6], c[7], c[207], c[208]]).toEqual([2, Number.NaN, Number.NaN, 0]);
    // The next call starts from a clean slate.
    b[7] = 1;
    multiply();
    expect([c[7], c[207]]).toEqual([2, 0]);
  });

  test("a number that is not finite on the left goes its way", () => {
    const { multiply, a, b, c } = zeros();
    b.fill(1);
    a[0] = Number.POSITIVE_INFINITY;
    multiply();
    expect([c[0], c[199], c[200]]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0]);
  });

  test("the same bits on one thread and on several", async () => {
    const { multiply, a, b, c } = zeros();
    a.forEach((_, i) => void (a[i] = i % 5 === 0 ? Math.sin(i) : 0));
    b.forEach((_, i) => void (b[i] = Math.sin(i * 12.9898)));
    const [alone, together] = await onOneAndThree(() => {
      multiply();
      return c.slice();
    });
    expect(together).toEqual(alone);
  });
});
