/** What waits is read twice, once in another layout, when what it reads is gone; and kernels that throw leave nothing. */
import "@dl/autograd";
import "@dl/backend-cpu";
import { full, linalg, memory, ones, randn, scope, setTypePromotion, type Tensor, tensor } from "@dl/tensor";
import { describe, expect, test } from "vitest";
import { F } from "../src/index.ts";

const side = 512;
/** Chains are compiled the second time. */
const rounds = [1, 2, 3];

/** It does not wait any more. */
function touched(x: Tensor): Tensor {
  x.narrow(0, 0, 1).toArray();
  return x;
}

/** The same with every step there before the next. */
function atOnce(steps: readonly ((x: Tensor) => Tensor)[], x: Tensor): Tensor {
  return steps.reduce((y, step) => touched(step(y).clone()), x);
}

function expectEqual(got: Tensor, wanted: Tensor): void {
  expect(touched(got).sub(wanted).abs().max().item()).toBeLessThan(1e-5);
}

describe("what waits beside something that needs it done", () => {
  const readers: Readonly<Record<string, (d: Tensor) => Tensor>> = {
    "its transpose": (d) => d.t(),
    "a convolution of it": (d) =>
      F.conv2d(d.view(1, 1, side, side), full([1, 1, 3, 3], 0.1, { dtype: "float32" }), null, { padding: 1 }).view(
        side,
        side,
      ),
    "its maxima": (d) => F.maxPool2d(d.view(1, 1, side, side), 3, { stride: 1, padding: 1 }).view(side, side),
  };
  test.each(Object.entries(readers))("%s", (_, reader) => {
    for (const _round of rounds) {
      const x = randn([side, side]);
      const got = scope(() => {
        const d = touched(x.clone()).relu();
        return d.add(reader(d));
      });
      const d = atOnce([(y) => y.relu()], x);
      expectEqual(got, d.add(atOnce([reader], d)));
    }
  });

  test("in place, without a scope", () => {
    for (const _round of rounds) {
      const a = randn([side, side]);
      const x = a.sin();
      x.cos_();
      x.mul_(2);
      const wanted = atOnce([(y) => y.sin(), (y) => y.cos(), (y) => y.mul(2)], a);
      expectEqual(x.add(x.t()), wanted.add(wanted.t().clone()));
    }
  });

  test("in the gradient of a factorization", () => {
    const n = 192;
    const a = randn([n, n]);
    const positive = a
      .matmul(a.t())
      .add(full([n], n, { dtype: "float32" }).diag())
      .detach()
      .requiresGrad_();
    linalg
      .cholesky(positive)
      .mul(randn([n, n]))
      .sum()
      .backward();
    expectEqual(positive.grad!, positive.grad!.t().clone());
  });
});

test("a logarithm of softmax that waits is picked from by places that are made of it", () => {
  const x = randn([512, 512]);
  const wanted = atOnce([(y) => y.logSoftmax(1)], x).narrow(1, 0, 1);
  const y = scope(() => x.clone().logSoftmax(1));
  expectEqual(y.gather(1, y.mul(0).abs().to("int64").narrow(1, 0, 1)), wanted);
});

test("what was pooled is looked at as backward finds it, whoever wrote there", () => {
  const [x, w] = [randn([16, 4, 32, 32]), randn([8, 4, 3, 3], { requiresGrad: true })];
  const gradient = (write: boolean): Tensor => {
    w.grad = null;
    const pooled = F.maxPool2d(F.relu(F.conv2d(x, w)), 2);
    if (write) (pooled.detach().numpy().data as Float32Array).fill(0);
    pooled.mul(ones(pooled.shape)).sum().backward();
    return w.grad!;
  };
  const wanted = gradient(false);
  expect(gradient(true).sub(wanted).abs().max().item()).toBeLessThan(1e-2);
});

describe("nothing stays behind", () => {
  const left = (body: () => void): number => {
    body();
    const before = memory().bytes;
    for (let i = 0; i < 10; i++) body();
    return memory().bytes - before;
  };
  const x = randn([300, 300]);
  const half = x.to("float16");
  const refused: Readonly<Record<string, () => unknown>> = {
    "a division by zero": () => x.to("int32").floorDivide(0),
    "an index out of range": () => x.gather(1, full([300, 300], 999, { dtype: "int64" })),
    "an index to write at": () => x.scatter(1, tensor([[999]]), 1),
  };
  test.each(Object.entries(refused))("of %s", (_, call) => {
    expect(left(() => scope(() => void expect(call).toThrow()))).toBeLessThan(1000);
  });

  const inPlace: Readonly<Record<string, () => unknown>> = {
    "the transpose of what changes": () => x.add_(x.t()).mul_(0.5),
    "another dtype": () => half.add_(x),
    "another dtype beside it": () => x.add_(half),
  };
  test.each(Object.entries(inPlace))("of %s, without a scope", (_, call) => {
    setTypePromotion(true);
    try {
      expect(left(() => void call())).toBeLessThan(1000);
    } finally {
      setTypePromotion(false);
    }
  });

  test("of what waited and is not read any more", () => {
    expect(left(() => scope(() => void randn([300, 300]).add(1).pow_(0).sum().item()))).toBeLessThan(1000);
  });
});
