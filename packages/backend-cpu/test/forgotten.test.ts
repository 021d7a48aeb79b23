/** Results that are forgotten in loops that never let other tasks run. */
import { full, memory, randn, type Tensor } from "@dl/tensor";
import { expect, test } from "vitest";
import { getMemoryLimit, setMemoryLimit } from "../src/index.ts";

const side = 1024;
const megabyte = 2 ** 20;

test("their memory is found before the limit is met, and what is still held stays as it was", () => {
  const before = getMemoryLimit();
  const held: Tensor[] = [];
  const x = randn([side, side]);
  setMemoryLimit(memory().bytes + 96 * megabyte);
  try {
    for (let i = 0; i < 120; i++) {
      const y = x.mul(i).add(i);
      if (i % 20 === 0) held.push(y);
      y.narrow(0, 0, 1).toArray();
    }
  } finally {
    setMemoryLimit(before);
  }
  for (const [k, y] of held.entries()) {
    const wanted = x.mul(20 * k).add(full([side, side], 20 * k, { dtype: "float32" }));
    expect(y.sub(wanted).abs().max().item()).toBeLessThan(1e-4);
  }
});

test("a weak reference of the user's own is there as long as its target is", () => {
  const target = { name: "target" };
  const reference = new WeakRef(target);
  const x = randn([side, side]);
  for (let i = 0; i < 40; i++) x.mul(i).narrow(0, 0, 1).toArray();
  expect(reference.deref()).toBe(target);
});
