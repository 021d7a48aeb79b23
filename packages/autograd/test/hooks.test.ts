/** Hooks on gradients, gradients of results, and the graph as it can be looked at. */
import { grad } from "@dl/autograd";
import "@dl/backend-cpu";
import { floatTensor, isGradEnabled, ones, type Tensor } from "@dl/tensor";
import { describe, expect, test } from "vitest";

const leaf = (...values: number[]): Tensor => floatTensor(values, { requiresGrad: true });

describe("registerHook", () => {
  test("on a leaf sees its whole gradient of the pass, once", () => {
    const x = leaf(1, 2);
    const seen: unknown[] = [];
    x.registerHook((g) => void seen.push(g.toArray()));
    x.mul(2).add(x.square()).sum().backward();
    expect(seen).toEqual([[4, 6]]);
    x.sum().backward();
    expect([seen[1], x.grad!.toArray()]).toEqual([
      [1, 1],
      [5, 7],
    ]);
  });

  test("on a result may replace the gradient that flows on; hooks run in their order", () => {
    const x = leaf(1, 2);
    const h = x.mul(3);
    h.registerHook((g) => g.mul(2));
    h.registerHook((g) => g.add(1));
    h.sum().backward();
    expect(x.grad!.toArray()).toEqual([9, 9]);
  });

  test("may start a pass through calls that still wait for gradients of its own pass", () => {
    const x = leaf(1, 2);
    const h = x.mul(2);
    const inner = h.sum();
    const [u, v] = [h.mul(3), h.mul(5)];
    // v is visited first, so that h waits when u's gradient is seen.
    u.registerHook(() => inner.backward({ retainGraph: true }));
    u.add(v).sum().backward();
    expect(x.grad!.toArray()).toEqual([18, 18]);
  });

  test("that throws leaves nothing behind for the next pass", () => {
    const x = leaf(1, 2);
    const h = x.mul(2);
    const [u, v] = [h.mul(3), h.mul(5)];
    const hook = u.registerHook(() => {
      throw new Error("stop");
    });
    const sum = u.add(v).sum();
    expect(() => sum.backward({ retainGraph: true })).toThrow("stop");
    hook.remove();
    sum.backward();
    expect(x.grad!.toArray()).toEqual([16, 16]);
  });

  test("can be removed, and refuses other shapes", () => {
    const x = leaf(1, 2);
    const hook = x.registerHook(() => ones(3));
    expect(() => x.sum().backward()).toThrow("a hook replaced a gradient of float32 [2] by one of float32 [3]");
    hook.remove();
    hook.remove();
    x.sum().backward();
    expect(x.grad!.toArray()).toEqual([1, 1]);
    expect(() => ones(2).registerHook(() => {})).toThrow("registerHook: this tensor does not require grad");
  });

  test("counts for grad() too, and is recorded only with createGraph", () => {
    const x = leaf(1, 2);
    const recording: boolean[] = [];
    x.registerHook((g) => {
      recording.push(isGradEnabled());
      return g.mul(10);
    });
    expect(grad(x.square().sum(), x)[0]!.toArray()).toEqual([20, 40]);
    grad(x.square().sum(), x, { createGraph: true });
    expect(recording).toEqual([false, true]);
  });

  test("stays with the value it was set on when the tensor is written in place", () => {
    const h = leaf(1, 2).mul(1);
    const seen: unknown[] = [];
    h.registerHook((g) => void seen.push(g.toArray()));
    h.mul_(10);
    h.sum().backward();
    expect(seen).toEqual([[10, 10]]);
  });

  test("may keep the gradient it saw", () => {
    const x = leaf(1, 2);
    const h = x.mul(2);
    const kept: Tensor[] = [];
    h.registerHook((g) => void kept.push(g));
    h.square().sum().backward();
    expect(kept[0]!.toArray()).toEqual([4, 8]);
  });
});

describe("retainGrad", () => {
  test("fills .grad of results, accumulates, and does nothing to leaves", () => {
    const x = leaf(1, 2);
    x.retainGrad();
    const h = x.mul(3);
    h.retainGrad();
    const y = h.square().sum();
    y.backward({ retainGraph: true });
    y.backward();
    expect([h.grad!.toArray(), x.grad!.toArray()]).toEqual([
      [12, 24],
      [36, 72],
    ]);
    expect(() => ones(1).retainGrad()).toThrow("retainGrad: this tensor does not require grad");
  });

  test("is about the latest value after in-place work, and comes after hooks", () => {
    const h = leaf(1, 2).mul(1);
    h.retainGrad();
    h.mul_(10);
    h.registerHook((g) => g.mul(7));
    h.sum().backward();
    expect(h.grad!.toArray()).toEqual([7, 7]);
  });
});

test("gradFn is the recorded call, and leads to those of its inputs", () => {
  const x = leaf(1, 2);
  const y = x.exp().mul(x);
  const node = y.gradFn!;
  expect([node.name, ...node.nextFunctions.map((next) => next?.name)]).toEqual([
    "MulBackward0",
    "ExpBackward0",
    "AccumulateGrad",
  ]);
  expect(String(y)).toContain("grad_fn=<MulBackward0>");
  const inspected = (node as unknown as Record<symbol, () => string>)[Symbol.for("nodejs.util.inspect.custom")]!();
  expect([String(node), inspected]).toEqual(["<MulBackward0>", "<MulBackward0>"]);
});
