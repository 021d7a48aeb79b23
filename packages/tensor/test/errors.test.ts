import "./reference.ts";
import { addcmul, einsum, equal, ones, rand, TensorError, tensor, vstack, zeros } from "@dl/tensor";
import { expect, test } from "vitest";

const [a, b] = [ones(2, 3), zeros(2, 3, { dtype: "float64" })];

test.each([
  ["max", () => a.max(5)],
  ["max", () => zeros(0).max()],
  ["min", () => a.min(ones(4))],
  ["std", () => a.std(5)],
  ["var", () => tensor([1, 2]).var()],
  ["norm", () => a.norm(2, 5)],
  ["logsumexp", () => a.logsumexp(5)],
  ["mv", () => a.mv(ones(4))],
  ["dot", () => ones(3).dot(ones(4))],
  ["addmm", () => a.addmm(a, b.t())],
  ["addcmul", () => addcmul(a, a, b)],
  ["lerp", () => a.lerp(ones(4), 0.5)],
  ["clamp", () => a.clamp(ones(4))],
  ["vstack", () => vstack([a, ones(2, 4)])],
  ["einsum", () => einsum("ij,kj->ik", a, b)],
  ["equal", () => equal(a, b)],
  ["equal", () => a.equal(3 as never)],
  ["dot", () => ones(3).dot(undefined as never)],
  ["mv", () => a.mv([1, 2, 3] as never)],
  ["at", () => a.at(":" as never)],
  ["at", () => a.at(0, undefined as never)],
  ["at", () => a.at(5)],
  ["set_", () => a.set_(0, ones(7))],
  ["tile", () => a.tile(-1)],
  ["take", () => a.take(tensor([0.5]))],
  ["rand", () => rand([2], { dtype: "int64" as never })],
  ["addcmul_", () => ones(2).addcmul_(ones(3), ones(2))],
  ["scatter_", () => a.scatter_(1, zeros(2, 3, { dtype: "int64" }), b)],
] as const)("%s names itself, not what it is made of", (name, call) => {
  expect(call).toThrow(TensorError);
  expect(call).toThrow(new RegExp(`^${name}: `));
});

test("the trace begins with the same message", () => {
  try {
    a.max(3);
    expect.unreachable();
  } catch (error) {
    expect((error as Error).stack).toContain("max: dimension 3 is out of range");
    expect((error as Error).stack).not.toContain("argmax: dimension");
  }
});
