/** Two copies of the package in one program, as two bundles on a page bring them. */
import { isTensor, tensor } from "@dl/tensor";
import { expect, test, vi } from "vitest";
import "./reference.ts";

test("a tensor of another copy is refused by what it is", async () => {
  const mine = tensor([1]);
  vi.resetModules();
  const other = await import("@dl/tensor");
  const told = /^@dl\/tensor: it is loaded twice in this program.*Deduplicate @dl\/tensor/;
  expect(() => other.isTensor(mine)).toThrow(told);
  expect(() => other.tensor([1]).matmul(mine)).toThrow(told);
  expect([isTensor(mine), other.isTensor({}), other.isTensor(null), other.isTensor("tensor")]).toEqual([
    true,
    false,
    false,
    false,
  ]);
});
