import "./reference.ts";
import { addcmul, einsum, equal, full, ones, rand, showValue, TensorError, tensor, vstack, zeros } from "@dl/tensor";
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

test.each<[string, unknown, string]>([
  ["a string", "mean", '"mean"'],
  ["a bigint", 5n, "5n"],
  ["a symbol", Symbol("dim"), "Symbol(dim)"],
  ["nothing", undefined, "undefined"],
  ["null", null, "null"],
  ["a tensor", zeros(2, 3), "a tensor [2, 3]"],
  ["a list", [1, [ones(2), "a"]], '[1, [a tensor [2], "a"]]'],
  ["a long list", Array(9).fill(0), "[0, 0, 0, 0, 0, 0, 0, 0, …]"],
  ["a function", () => 1, "a function"],
  ["a class's instance", new Map(), "a Map"],
  ["a typed array", new Int8Array(2), "an Int8Array"],
  ["an object", { shape: [2] }, "an object"],
  ["an object without a prototype", Object.create(null), "an object"],
])("errors say what %s is", (_, value, text) => {
  expect(showValue(value)).toBe(text);
});

test.each<[string, () => unknown, string]>([
  ["at", () => ones(2).at((() => 0) as never), "at: index 0 is a function. Slices are [start, stop, step]"],
  ["at", () => ones(2).at({} as never), "at: index 0 is an object"],
  ["einsum", () => einsum(ones(2) as never), 'einsum: needs an equation first, got a tensor [2]. Write einsum("ij'],
  ["full", () => full([2], undefined as never), "full: needs a number, got undefined"],
  ["full", () => full([2], [1] as never, { dtype: "int64" }), "full: needs a number, got [1]"],
  ["sum", () => ones(2).sum(Symbol("a") as never), "sum: "],
])("%s refuses what it cannot use", (_, run, message) => {
  expect(run).toThrow(TensorError);
  expect(run).toThrow(message);
});
