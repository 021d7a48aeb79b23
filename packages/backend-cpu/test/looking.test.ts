/** Looking at a tensor does not lend its memory: what is made of it later may still wait. */
import "../src/index.ts";
import { rand, type Tensor } from "@dl/tensor";
import { describe, expect, test } from "vitest";
import type { CpuStorage } from "../src/storage.ts";

const isLent = (x: Tensor): boolean => (x.storage as CpuStorage).isExposed;

describe("a tensor", () => {
  test("is not lent by being read", () => {
    const x = rand(300, 400);
    const read = [String(x), x.toArray(), x.at(0, 0).item(), x.nonzero().shape];
    expect(read).toHaveLength(4);
    expect(isLent(x)).toBe(false);
    expect((x.exp().storage as CpuStorage).pending).not.toBeNull();
  });

  test("is lent by numpy(), and read at once from then on", () => {
    const x = rand(3, 4);
    const sum = x.add(1);
    x.numpy().data[0] = 7;
    expect(isLent(x)).toBe(true);
    expect(sum.at(0, 0).item()).toBeLessThan(2);
    const later = x.add(1);
    x.numpy().data[0] = 9;
    expect(later.at(0, 0).item()).toBe(8);
  });
});
