/** Writing in place: histories follow the memory, and backward refuses values that are gone. As in PyTorch 1.13. */
import { grad, gradcheck, gradgradcheck } from "@dl/autograd";
import "@dl/backend-cpu";
import { floatTensor, noGrad, type Tensor, tensor, zeros } from "@dl/tensor";
import { describe, expect, test } from "vitest";

const leaf = (...values: number[]): Tensor => floatTensor(values, { requiresGrad: true });
const gradientOf = (f: (x: Tensor) => Tensor, ...values: number[]): unknown => {
  const x = leaf(...values);
  f(x).sum().backward();
  return x.grad!.toArray();
};

describe("values that backward needs", () => {
  test.each<[string, (x: Tensor) => Tensor]>([
    ["exp", (x) => x.exp().add_(1)],
    ["sigmoid", (x) => x.sigmoid().mul_(2)],
    [
      "mul",
      (x) => {
        const h = x.mul(1);
        const y = h.mul(x);
        h.add_(1);
        return y;
      },
    ],
    [
      "exp",
      (x) => {
        const y = x.exp();
        y.detach().add_(1);
        return y;
      },
    ],
    [
      "exp",
      (x) => {
        const y = x.exp();
        y.at([0, 1]).zero_();
        return y;
      },
    ],
  ])("of %s were changed", (op, f) => {
    expect(() => f(leaf(1, 2)).sum().backward()).toThrow(
      `${op}: backward needs a float32 tensor of shape [2] that was changed in place: it is at version 1, version 0 was saved`,
    );
  });

  test("are a parameter's too: it was updated between forward and backward", () => {
    const [x, w] = [leaf(1, 2), leaf(3, 4)];
    const y = x.mul(w).sum();
    noGrad(() => x.add_(1));
    expect(() => y.backward()).toThrow("changed in place");
  });

  test("were replaced by index", () => {
    const other = floatTensor([3, 4]);
    const y = leaf(1, 2).mul(other).sum();
    other.indexCopy_(0, tensor([1]), floatTensor([5]));
    expect(() => y.backward()).toThrow("changed in place");
  });

  test("may change where no formula reads them", () => {
    expect(gradientOf((x) => x.mul(2).add_(1).neg_(), 1, 2)).toEqual([-2, -2]);
    expect(gradientOf((x) => x.mul(3).relu_(), -1, 2)).toEqual([0, 3]);
    expect(gradientOf((x) => x.add(0).mul_(x), 1, 2)).toEqual([2, 4]);
  });

  test("are kept by copy where the call itself overwrites them", () => {
    expect(gradientOf((x) => x.mul(1).square_(), 1, 2)).toEqual([2, 4]);
    const x = tensor([0.3, 0.7], { dtype: "float64", requiresGrad: true });
    const f = (v: Tensor): Tensor => {
      const h = v.mul(2);
      return h.mul_(h).sin_();
    };
    gradcheck((v) => f(v!), x);
    gradgradcheck((v) => f(v!), x);
  });
});

describe("writes through views", () => {
  test("change the base's history, and that of its other views", () => {
    expect(
      gradientOf(
        (x) => {
          const y = x.mul(2);
          const view = y.at([0, 2]);
          y.mul_(3);
          return view;
        },
        1,
        2,
        3,
      ),
    ).toEqual([6, 6, 0]);
    expect(
      gradientOf(
        (x) => {
          const y = x.mul(2);
          const [first, last] = [y.at([0, 2]), y.at([1, 3])];
          first.mul_(10);
          last.mul_(100);
          return y;
        },
        1,
        2,
        3,
      ),
    ).toEqual([20, 2000, 200]);
  });

  test("put a history on memory that had none", () => {
    const x = leaf(1, 2);
    const y = zeros(2);
    y.at(0).copy_(x.at(1));
    y.set_(1, x.at(0).mul(5));
    expect([y.requiresGrad, y.isLeaf]).toEqual([true, false]);
    y.sum().backward();
    expect(x.grad!.toArray()).toEqual([5, 1]);
  });

  test("that overwrite cut what was there", () => {
    expect(gradientOf((x) => x.mul(2).zero_(), 1, 2)).toEqual([0, 0]);
    const x = leaf(1, 2);
    const y = x.mul(2);
    y.at(0).fill_(7);
    expect(grad(y.sum(), x)[0]!.toArray()).toEqual([0, 2]);
  });

  test("of one view, by another: the other half of a matrix", () => {
    const x = tensor(
      [
        [0.1, 0.2],
        [0.3, 0.4],
      ],
      { dtype: "float64", requiresGrad: true },
    );
    const f = (v: Tensor): Tensor => {
      const y = v.mul(2);
      y.t().select(0, 0).mul_(y.select(1, 1).clone());
      return y.exp();
    };
    gradcheck((v) => f(v!), x);
    gradgradcheck((v) => f(v!), x);
  });
});

describe("views in place", () => {
  test("carry the history on, for views made before too", () => {
    const x = noGrad(() => leaf(1, 2, 3).view(1, 3)).requiresGrad_();
    const y = x.mul(2);
    const row = y.at(0);
    y.squeeze_().mul_(floatTensor([1, 2, 3]));
    expect(y.shape).toEqual([3]);
    row
      .mul(floatTensor([1, 10, 100]))
      .sum()
      .backward();
    expect(x.grad!.toArray()).toEqual([[2, 40, 600]]);
  });

  test("views of views are written as what they have become", () => {
    const x = leaf(1, 2, 3, 4);
    const y = x.mul(1).view(2, 2);
    const view = y.at([], [0, 1]).t_();
    view.mul_(3);
    y.square().sum().backward();
    expect([view.shape, x.grad!.toArray()]).toEqual([
      [1, 2],
      [18, 4, 54, 8],
    ]);
  });

  test("not of leaves, but outside recording", () => {
    const x = leaf(1, 2);
    expect(() => x.unsqueeze_(0)).toThrow("unsqueeze_: a leaf that requires grad is changed in place");
    noGrad(() => x.unsqueeze_(0));
    x.square().sum().backward();
    expect([x.isLeaf, x.grad!.toArray()]).toEqual([true, [[2, 4]]]);
  });
});

describe("what cannot be written", () => {
  test("leaves that require grad, and views of them, outside noGrad", () => {
    const x = leaf(1, 2);
    expect(() => x.add_(1)).toThrow("add_: a leaf that requires grad is changed in place");
    expect(() => x.set_(0, 3)).toThrow("a view of a leaf that requires grad");
    noGrad(() => x.add_(1));
    expect([x.detach().toArray(), x.isLeaf]).toEqual([[2, 3], true]);
  });

  test("recorded tensors, through views that have no history", () => {
    const y = leaf(1, 2).mul(1);
    const view = noGrad(() => y.at([0, 1]));
    expect(() => view.mul_(2)).toThrow("mul_: a view of a recorded tensor, made under noGrad, is changed in place");
    noGrad(() => view.mul_(2));
    expect(y.detach().toArray()).toEqual([2, 2]);
  });

  test("expanded elements", () => {
    expect(() => leaf(1, 2).mul(1).expand(3, 2).mul_(2)).toThrow("Call .clone() before writing");
  });
});
