/** Who frees what: scopes, guards, `using`, views, and tensors that are used after their end. */
import { beforeEach, expect, test } from "vitest";
import {
  full,
  memory,
  noGrad,
  ones,
  registerBackend,
  resetPeakMemoryStats,
  scope,
  setTraceDisposal,
  type Tensor,
  tidy,
  zeros,
} from "../src/index.ts";
import { ReferenceBackend } from "../src/testing/index.ts";

const backend = new ReferenceBackend("cpu");
registerBackend(backend);
let start = 0;
beforeEach(() => {
  start = backend.live;
});

const dispose = (...tensors: Tensor[]): void => {
  for (const tensor of tensors) tensor.dispose();
};

test("scope keeps what it returns, however deep: lists, objects, maps, sets, cycles", () => {
  const result = scope(() => {
    const [a, b, c, d, e] = [ones(1), ones(1), ones(1), ones(1), ones(1)];
    const nested: Record<string, unknown> = { list: [a, [b]], map: new Map([["c", c]]), set: new Set([d]), text: "e" };
    nested["self"] = nested;
    e.add(1);
    return { nested, a, b, c, d };
  });
  expect(backend.live).toBe(start + 4);
  dispose(result.a, result.b, result.c, result.d);
  expect(backend.live).toBe(start);
});

test("what an inner scope returns belongs to the outer one", () => {
  scope(() => {
    const inner = scope(() => ones(2).add(1));
    expect(backend.live).toBe(start + 1);
    expect(inner.toArray()).toEqual([2, 2]);
  });
  expect(backend.live).toBe(start);
});

test("a body that throws leaves nothing, and the outer scope goes on", () => {
  const kept = scope(() => {
    const x = ones(2, 3);
    expect(() => scope(() => x.mul(2).matmul(ones(2)))).toThrow("matmul");
    expect(backend.live).toBe(start + 1);
    return x.add(1);
  });
  expect(backend.live).toBe(start + 1);
  expect(() => tidy(() => kept.mul(2).add(ones(5)))).toThrow("add");
  expect(() => noGrad(() => scope(() => kept.view(7)))).toThrow("view");
  expect(backend.live).toBe(start + 1);
  kept.dispose();
});

test("promises are refused, and what the body made before is freed", () => {
  expect(() => scope((async () => void ones(3)) as never)).toThrow(
    "scope: its body returned a promise. Put scope(() => …) inside the async function, around synchronous code",
  );
  expect(() => noGrad((async () => 1) as never)).toThrow("noGrad: its body returned a promise");
  expect(backend.live).toBe(start);
});

test("guards free at the end of a block, once", () => {
  let kept!: Tensor;
  {
    using guard = scope();
    using x = ones(3);
    kept = guard.keep(x.add(1));
    x.mul(2);
    expect(backend.live).toBe(start + 3);
  }
  expect(backend.live).toBe(start + 1);
  const guard = scope();
  guard[Symbol.dispose]();
  scope(() => {
    guard[Symbol.dispose]();
    ones(2);
  });
  expect(backend.live).toBe(start + 1);
  kept.dispose();
});

test("a storage lives as long as one view of it, whichever goes first", () => {
  const base = full([2, 3], 1);
  const [row, turned] = [base.at(0), base.t()];
  dispose(base, row, row, base);
  expect(backend.live).toBe(start + 1);
  expect(turned.sum().item()).toBe(6);
  expect(scope(() => zeros(2, 2).at(1)).toArray()).toEqual([0, 0]);
  turned.dispose();
  expect(turned.isDisposed).toBe(true);
});

test("a disposed tensor says so, and where it was disposed when that is traced", () => {
  const x = ones(2);
  dispose(x, x);
  expect(() => x.add(1)).toThrow("add: this tensor was disposed (setTraceDisposal(true) remembers where)");
  expect(() => x.numpy()).toThrow(
    "Return it from its scope, write it into a tensor from outside with copy_(), or clone() what is disposed by hand",
  );
  setTraceDisposal(true);
  const y = ones(2);
  y.dispose();
  setTraceDisposal(false);
  expect(() => y.toArray()).toThrow("memory.test.ts");
});

test("memory() tells bytes, buffers and the peak since it was reset", () => {
  const { bytes, buffers } = memory("cpu");
  resetPeakMemoryStats("cpu");
  const x = zeros(1000);
  expect(memory("cpu")).toMatchObject({ bytes: bytes + 4000, buffers: buffers + 1 });
  x.dispose();
  expect(memory("cpu")).toMatchObject({ bytes, buffers, peak: bytes + 4000 });
  resetPeakMemoryStats("cpu");
  expect(memory("cpu").peak).toBe(bytes);
  expect(() => resetPeakMemoryStats("none")).toThrow("no backend");
});
