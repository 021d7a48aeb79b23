/** Backward passes: what they reach, what they keep, what they refuse. */
import { backward, grad } from "@dl/autograd";
import "@dl/backend-cpu";
import { arange, floatTensor, memory, ones, randn, scope, type Tensor, tensor, where } from "@dl/tensor";
import { describe, expect, test } from "vitest";

const leaf = (...values: number[]): Tensor => floatTensor(values, { requiresGrad: true });

describe("backward", () => {
  test("accumulates into leaves until they are cleared", () => {
    const x = leaf(1, 2);
    for (let i = 0; i < 3; i++) x.square().sum().backward();
    expect(x.grad!.toArray()).toEqual([6, 12]);
    x.grad = null;
    x.sum().backward();
    expect(x.grad!.toArray()).toEqual([1, 1]);
  });

  test("takes its arguments by position and by name", () => {
    const x = leaf(3);
    const y = x.square();
    y.backward(null, true);
    y.backward({ retainGraph: true });
    y.backward(floatTensor([2]), { inputs: [x] });
    expect(x.grad!.toArray()).toEqual([24]);
    expect(() => y.backward(null, { retain_graph: true } as never)).toThrow('unknown option "retain_graph"');
  });

  test("adds to the same gradient tensor, which keeps its identity", () => {
    const x = leaf(1, 2);
    x.sum().backward();
    const first = x.grad;
    x.sum().backward();
    expect(x.grad).toBe(first);
    expect(first!.toArray()).toEqual([2, 2]);
  });

  test("a gradient that is dropped is freed by the scope, unless it is another tensor's by then", () => {
    const [x, y] = [randn([1000]), randn([1000])].map((t) => t.requiresGrad_()) as [Tensor, Tensor];
    const before = memory().bytes;
    for (let i = 0; i < 3; i++) {
      scope(() => {
        x.square().sum().backward();
        x.grad = null;
      });
      expect(memory().bytes).toBe(before);
    }
    scope(() => {
      x.square().sum().backward();
      y.grad = x.grad;
      x.grad = null;
    });
    expect(y.grad!.equal(x.detach().mul(2))).toBe(true);
  });

  test("a gradient that is set outlives the scope; what is kept anyway does so after it is dropped, too", () => {
    const [x, y] = [leaf(1, 2), leaf(3, 4).keep()];
    scope(() => {
      x.grad = tensor([5, 6]).to("float32");
    });
    expect(x.grad!.toArray()).toEqual([5, 6]);
    scope(() => {
      x.grad = y;
      x.grad = null;
    });
    expect(y.toArray()).toEqual([3, 4]);
  });

  test("passes a graph once, unless it is retained", () => {
    const x = leaf(1, 2);
    const y = x.square().sum();
    y.backward({ retainGraph: true });
    y.backward();
    expect(x.grad!.toArray()).toEqual([4, 8]);
    expect(() => y.backward()).toThrow("Give { retainGraph: true } to the first backward");
  });

  test("passes a graph that saved nothing as often as asked", () => {
    const x = leaf(1, 2);
    const y = x.add(1).sum();
    y.backward();
    y.backward();
    expect(x.grad!.toArray()).toEqual([2, 2]);
  });

  test("needs a gradient of the tensor's shape and dtype for more than one element", () => {
    const y = leaf(1, 2).mul(2);
    expect(() => y.backward()).toThrow("backward: needs a gradient for a tensor of shape [2]");
    expect(() => y.backward([1, 2] as never)).toThrow(
      "backward: the gradient is no tensor but object. Pass tensor([…])",
    );
    expect(() => y.backward(ones(3))).toThrow("the gradient is float32 [3], the tensor float32 [2]");
    expect(() => y.backward(ones(2, { dtype: "float64" }))).toThrow("the gradient is float64 [2]");
    expect(() => ones(1).backward()).toThrow("does not require grad");
  });

  test("goes on from a gradient that is given, and leaves it alone", () => {
    const [x, start] = [leaf(1, 2), floatTensor([10, 100])];
    x.mul(1).backward(start);
    x.mul(1).backward(start);
    expect([x.grad!.toArray(), start.toArray()]).toEqual([
      [20, 200],
      [10, 100],
    ]);
  });

  test("of several tensors is one pass", () => {
    const x = leaf(1, 2);
    const shared = x.square();
    backward([shared.sum(), shared.mul(2)], [null, floatTensor([1, 10])]);
    expect(x.grad!.toArray()).toEqual([2 + 4, 4 + 80]);
    expect(() => backward([x.sum(), x.sum()], [ones([])])).toThrow("got 1 gradients for 2 tensors");
  });

  test("reaches only the inputs it is given, results too", () => {
    const [x, w] = [leaf(1, 2), leaf(3, 4)];
    const h = x.mul(w);
    h.square()
      .sum()
      .backward({ inputs: [h, w] });
    expect([x.grad, h.grad!.toArray(), w.grad!.toArray()]).toEqual([null, [6, 16], [6, 32]]);
    expect(() => x.sum().backward({ inputs: [] })).toThrow("inputs is an empty list");
  });

  test("createGraph records the pass: a gradient penalty", () => {
    const x = leaf(1, 2);
    x.pow(3).sum().backward({ createGraph: true });
    const first = x.grad!;
    expect(first.requiresGrad).toBe(true);
    x.grad = null;
    first.sum().backward();
    expect(x.grad!.toArray()).toEqual([6, 12]);
  });

  test("recorded gradients accumulate with their histories", () => {
    const x = leaf(1, 2);
    for (let i = 0; i < 2; i++) x.pow(3).sum().backward({ createGraph: true });
    expect(grad(x.grad!.sum(), x)[0]!.toArray()).toEqual([12, 24]);
  });

  test("equal extremes share the gradient of amax; max along a dimension gives it to one", () => {
    const x = leaf(3, 1, 3);
    expect(grad(x.amax(), x)[0]!.toArray()).toEqual([0.5, 0, 0.5]);
    expect(grad(x.max(0)[0], x)[0]!.toArray()).toEqual([1, 0, 0]);
  });

  test("a tensor used twice, and a diamond, are summed", () => {
    const x = leaf(3);
    const [a, b] = [x.mul(2), x.add(1)];
    a.mul(b).add(a.mul(a)).sum().backward();
    expect(x.grad!.item()).toBe(2 * 4 + 6 + 8 * 3);
  });

  test("a graph of 20 000 calls neither recurses nor keeps its values", () => {
    const x = leaf(1);
    scope(() => {
      let y = x;
      for (let i = 0; i < 20_000; i++) y = y.mul(1);
      y.sum().backward();
    });
    expect(x.grad!.item()).toBe(1);
  });

  test("values saved for backward are freed as it passes", () => {
    const x = randn(1000, { requiresGrad: true });
    scope(() => {
      const before = memory().bytes;
      const loss = scope(() => x.exp().sin().exp().sum());
      const kept = memory().bytes;
      loss.backward();
      // The results of both exp; then the gradient.
      expect(kept - before).toBeGreaterThanOrEqual(2 * 4000);
      expect(memory().bytes - before).toBeLessThan(1.5 * 4000);
    });
  });
});

describe("through views", () => {
  test("each view's gradient lands in its place, overlaps are added", () => {
    const x = floatTensor(
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      { requiresGrad: true },
    );
    const parts = [x.select(0, 0).mul(10), x.t().narrow(0, 1, 2).mul(100), x.view(-1).unfold(0, 3, 3)];
    backward(parts.map((part) => part.sum()));
    expect(x.grad!.toArray()).toEqual([
      [11, 111, 111],
      [1, 101, 101],
    ]);
  });

  test("expanded elements gather what all their copies get", () => {
    const x = leaf(1, 2);
    x.unsqueeze(0)
      .expand(3, 2)
      .mul(tensor([[1], [2], [3]], { dtype: "float32" }))
      .sum()
      .backward();
    expect(x.grad!.toArray()).toEqual([6, 6]);
  });

  test("a view of repeated memory shares its gradient among the copies", () => {
    const x = leaf(1, 2);
    const y = x.expand(3, 2).asStrided([2, 2], [0, 1]);
    y.backward(
      floatTensor([
        [1, 10],
        [100, 1000],
      ]),
    );
    const [a, b] = x.grad!.toArray() as number[];
    expect([a, b!]).toEqual([expect.closeTo(101, 3), expect.closeTo(1010, 3)]);
  });
});

describe("leaves", () => {
  test("get their gradient in their own dtype", () => {
    const x = leaf(0, 1);
    x.to("float64").exp().sum().backward();
    expect([x.grad!.dtype, x.grad!.toArray()]).toEqual(["float32", [1, Math.fround(Math.E)]]);
  });

  test("what the user makes is a leaf; what a recorded op makes is none", () => {
    const x = leaf(1, 2);
    const y = x.mul(2);
    expect([x.isLeaf, x.gradFn, y.isLeaf, y.gradFn!.name]).toEqual([true, null, false, "MulBackward0"]);
    expect([ones(2).mul(2).isLeaf, x.detach().isLeaf, x.gt(1).isLeaf]).toEqual([true, true, true]);
  });

  test("only float tensors require grad, and results cannot stop to", () => {
    expect(() => tensor([1, 2], { dtype: "int64" }).requiresGrad_()).toThrow(
      "only float tensors can require gradients",
    );
    expect(() => leaf(1).mul(2).requiresGrad_(false)).toThrow("Use .detach()");
    expect(leaf(1).requiresGrad_(false).mul(2).requiresGrad).toBe(false);
  });

  test("a leaf that stopped to require grad gets none", () => {
    const [x, w] = [leaf(1, 2), leaf(3, 4)];
    const y = x.mul(w).sum();
    x.requiresGrad = false;
    y.backward();
    expect([x.grad, w.grad!.toArray()]).toEqual([null, [1, 2]]);
  });

  test("detach shares memory and no history", () => {
    const x = leaf(1, 2);
    const y = x.mul(2);
    const cut = y.detach();
    y.mul(cut).sum().backward();
    expect([cut.requiresGrad, cut.storage === y.storage, x.grad!.toArray()]).toEqual([false, true, [4, 8]]);
  });

  test("results have no .grad unless they retain it", () => {
    const y = leaf(1, 2).mul(2);
    y.sum().backward();
    expect(y.grad).toBe(null);
  });
});

test("grad takes its options by position, too, and refuses what it does not know", () => {
  const x = leaf(1, 2, 3);
  expect(grad(x.square().sum(), x, floatTensor(10))[0]!.toArray()).toEqual([20, 40, 60]);
  const [first] = grad(x.pow(3).sum(), x, null, true, true);
  expect(grad(first!.sum(), x)[0]!.toArray()).toEqual([6, 12, 18]);
  expect(() => grad(x.sum(), x, { createGrph: true } as never)).toThrow('grad: unknown option "createGrph"');
});

describe("grad", () => {
  test("gives gradients as values, in the order of the inputs, repeated ones too", () => {
    const [x, w] = [leaf(1, 2), leaf(3, 4)];
    const [gw, gx, again] = grad(x.mul(w).sum(), [w, x, w]);
    expect([gw, gx, again].map((g) => g!.toArray())).toEqual([
      [1, 2],
      [3, 4],
      [1, 2],
    ]);
    expect([x.grad, w.grad]).toEqual([null, null]);
  });

  test("asks results too, and computes only what leads to them", () => {
    const x = leaf(0, 2);
    const h = x.log();
    const [gh] = grad(h.exp().sum(), h, { gradOutputs: floatTensor(2).view([]) });
    expect(gh!.toArray()).toEqual([0, 4]);
  });

  test("of several outputs is their sum", () => {
    const x = leaf(1, 2);
    const gradOutputs = [null, floatTensor([1, 10])];
    expect(grad([x.sum(), x.square()], x, { gradOutputs })[0]!.toArray()).toEqual([3, 41]);
    expect(() => grad([x.sum(), x.prod()], x, { gradOutputs: [ones([])] })).toThrow("got 1 gradients for 2 tensors");
  });

  test("unused inputs are an error, null or zeros", () => {
    const [x, z] = [leaf(1, 2), leaf(3)];
    expect(() => grad(x.sum(), [x, z])).toThrow("grad: the outputs do not depend on input 1");
    expect(grad(x.sum(), [z], { allowUnused: true })).toEqual([null]);
    expect(grad(x.sum(), [z], { materializeGrads: true })[0]!.toArray()).toEqual([0]);
    expect(() => grad(x.sum(), ones(2))).toThrow("grad: an input does not require grad");
  });

  test("createGraph: derivatives of any order", () => {
    const x = leaf(2);
    let y = x.pow(4).sum();
    const orders = Array.from({ length: 4 }, () => {
      y = grad(y, x, { createGraph: true })[0]!.sum();
      return y.item();
    });
    expect(orders).toEqual([32, 48, 48, 24]);
  });
});

describe("the median of many", () => {
  const n = 2 ** 17 + 3;
  const misleading = arange(n).remainder(8).ne(0);
  const lines: { readonly [what: string]: () => Tensor } = {
    random: () => randn(n),
    sorted: () => arange(n).to("float32"),
    equal: () => ones(n),
    "a few numbers": () => randn(n).mul(2).round(),
    "another eighth": () => where(misleading, randn(n), 9),
    infinite: () => where(misleading, Number.NEGATIVE_INFINITY, randn(n)),
    "with NaN": () => where(misleading, randn(n), Number.NaN),
    "float64, an even number": () => randn(n + 1, { dtype: "float64" }),
  };
  test.each(Object.keys(lines))("is the element that sorting finds: %s", (what) => {
    const [x, y] = [lines[what]!(), lines[what]!()];
    y.copy_(x);
    const [all, line] = [x.requiresGrad_().median(), y.requiresGrad_().median(0).values];
    expect(all.item()).toBe(line.item());
    expect(all.shape).toEqual([]);
    all.backward();
    line.backward();
    const hits = x.detach().eq(all.detach()).logicalOr(x.detach().isnan().logicalAnd(all.detach().isnan()));
    expect(x.grad!.equal(hits.to(x.dtype).div(hits.sum().to(x.dtype)))).toBe(true);
    expect(y.grad!.mul(hits.to(y.dtype)).sum().item()).toBe(1);
    expect(x.detach().nanmedian().item()).toBe(x.detach().nanmedian(0).values.item());
  });
});

test("a tie between a tensor and its bound is the tensor's", () => {
  for (const limit of [(x: Tensor, b: Tensor) => x.clamp(b), (x: Tensor, b: Tensor) => x.clamp(null, b)]) {
    const [x, bound] = [leaf(1, 2), leaf(1, 2)];
    limit(x, bound).sum().backward();
    expect([x.grad!.toArray(), bound.grad!.toArray()]).toEqual([
      [1, 1],
      [0, 0],
    ]);
  }
});
