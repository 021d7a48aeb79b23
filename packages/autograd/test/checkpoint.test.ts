/** Checkpoints: the same gradients for less memory. */
import { checkpoint, grad, gradcheck, gradgradcheck } from "@dl/autograd";
import "@dl/backend-cpu";
import { floatTensor, manualSeed, memory, noGrad, ones, rand, randLike, randn, scope, type Tensor } from "@dl/tensor";
import { expect, test } from "vitest";

const leaf = (...values: number[]): Tensor => floatTensor(values, { requiresGrad: true });
const block = (x: Tensor): Tensor => x.exp().sin().exp().tanh();
const dropout = (x: Tensor): Tensor => x.mul(randLike(x.detach()).gt(0.5).to(x.dtype)).exp();

test("gradients are those of the plain call, to any order", () => {
  const x = rand(3, { dtype: "float64", requiresGrad: true });
  gradcheck((v) => checkpoint(block, v), x);
  gradgradcheck((v) => checkpoint(block, v), x);
});

test("parameters that the function closes over get theirs", () => {
  const [x, w] = [leaf(1, 2), leaf(3, 4)];
  const y = checkpoint((v: Tensor) => v.mul(w).square(), x);
  y.sum().backward();
  expect([x.grad!.toArray(), w.grad!.toArray()]).toEqual([
    [18, 64],
    [6, 32],
  ]);
});

test("arguments that are no tensors, lists of results, results with a history before", () => {
  const x = leaf(1, 2);
  const [a, b] = checkpoint((v: Tensor, k: number) => [v.mul(v), v.mul(v).mul(k)] as const, x.mul(2), 10);
  a.sum().add(b.sum()).backward();
  expect(x.grad!.toArray()).toEqual([88, 176]);
});

test("what the function saves is dropped until backward, and after it", () => {
  const x = randn(1000, { requiresGrad: true });
  const kept = (f: (x: Tensor) => Tensor): readonly number[] =>
    scope(() => {
      const before = memory().bytes;
      const loss = scope(() => f(x).sum());
      const waiting = memory().bytes - before;
      grad(loss, x)[0]!.dispose();
      return [waiting, memory().bytes - before];
    });
  const [plain, afterPlain] = kept(block) as [number, number];
  const [checkpointed, after] = kept((v) => checkpoint(block, v)) as [number, number];
  expect(plain).toBeGreaterThanOrEqual(3 * 4000);
  expect(checkpointed).toBeLessThan(1000);
  expect(after).toBe(afterPlain);
});

test("a graph that nobody passes gives its arguments back", () => {
  const before = memory().bytes;
  scope(() => void checkpoint(block, randn(1000, { requiresGrad: true })));
  expect(memory().bytes).toBe(before);
});

test("a value that is freed early does not free the arguments", () => {
  const x = leaf(1, 2);
  const early = (v: Tensor): Tensor => {
    scope(() => void v.exp());
    return v.square();
  };
  const y = scope(() => checkpoint(early, x.mul(1)));
  y.sum().backward();
  expect(x.grad!.toArray()).toEqual([2, 4]);
});

test("random numbers are the same the second time, and the stream goes on as if there were no second call", () => {
  const x = ones(64, { requiresGrad: true });
  const run = (f: (x: Tensor) => Tensor): unknown[] => {
    manualSeed(3);
    const y = f(x);
    const between = rand(2).toArray();
    const [g] = grad(y.sum(), x);
    return [y.detach().toArray(), between, g!.toArray(), rand(2).toArray()];
  };
  expect(run((v) => checkpoint(dropout, v))).toEqual(run(dropout));
});

test("checkpoints nest, and the inner one's arguments are dropped too", () => {
  const x = randn(1000, { requiresGrad: true });
  const nested = (v: Tensor): Tensor => checkpoint((u: Tensor) => checkpoint(block, u.exp()).sin(), v);
  const [expected] = grad(block(x.exp()).sin().sum(), x);
  const before = memory().bytes;
  const loss = scope(() => nested(x).sum());
  expect(memory().bytes - before).toBeLessThan(1000);
  expect(grad(loss, x)[0]!.equal(expected!)).toBe(true);
});

test("a retained graph passes again without a third call", () => {
  let calls = 0;
  const x = leaf(1, 2);
  const counted = (v: Tensor): Tensor => {
    calls++;
    return v.square();
  };
  const y = checkpoint(counted, x).sum();
  y.backward({ retainGraph: true });
  y.backward();
  expect([calls, x.grad!.toArray()]).toEqual([2, [4, 8]]);
  expect(() => y.backward()).toThrow("retainGraph: true");
});

test("inside noGrad it is a plain call", () => {
  expect(noGrad(() => checkpoint(block, leaf(1))).requiresGrad).toBe(false);
});

test("functions that change, and arguments that do, are refused", async () => {
  let calls = 0;
  const fickle = (v: Tensor): Tensor => (calls++ === 0 ? v.square() : v.square().exp());
  expect(() => checkpoint(fickle, leaf(1)).sum().backward()).toThrow(
    "checkpoint: the first call saved 1 values, the second 2",
  );
  const h = leaf(1, 2).mul(2);
  const y = checkpoint(block, h);
  h.add_(1);
  expect(() => y.sum().backward()).toThrow("changed in place");
  // @ts-expect-error a function that returns a promise
  const broken = (): unknown => checkpoint(async (v: Tensor) => v.exp(), leaf(1)) satisfies Tensor;
  expect(broken).toThrow("returned a promise");
});
