/** A page without cross-origin isolation: memory is not shared, one thread does everything. */
import { getNumThreads, setNumThreads } from "@dl/backend-cpu";
import { rand, zeros } from "@dl/tensor";
import { expect, test } from "vitest";

test("there is one thread, however many are asked for", () => {
  expect(globalThis.crossOriginIsolated).toBe(false);
  setNumThreads(4);
  expect(getNumThreads()).toBe(1);
});

test("kernels that would split their work run whole", async () => {
  const [x, y] = [rand(300, 200), rand(200, 300)];
  const product = await x.matmul(y).data();
  const row = Array.from(await x.select(0, 299).data(), Number);
  const column = Array.from(await y.select(1, 299).data(), Number);
  const last = row.reduce((sum, value, i) => sum + value * column[i]!, 0);
  expect(product[product.length - 1]).toBeCloseTo(last, 3);
});

test("beyond 4 GiB, the remedy is to ask for wide memory", () => {
  expect(() => zeros(40000, 36000)).toThrow(/take a smaller dtype, or raise the limit with DL_MEMORY64=1$/);
});
