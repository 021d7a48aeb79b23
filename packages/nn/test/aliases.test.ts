/** What shares memory or history with what: gradients that are handed out, results that are views of nothing, leaves that are views. */
import "@dl/backend-cpu";
import "@dl/autograd";

import { grad } from "@dl/autograd";
import { arange, floatTensor, type Index, noGrad, ones, type Tensor, tensor, zeros } from "@dl/tensor";
import { describe, expect, it, test } from "vitest";
import { functional as F } from "../src/index.ts";

const leaf = (values: Parameters<typeof tensor>[0]): Tensor =>
  tensor(values as number[], { dtype: "float64", requiresGrad: true });
const weight = (): Tensor => ones([2, 2], { dtype: "float64" });

describe("gradients that are spread over many elements", () => {
  it("may be written one by one by hooks, and as a whole", () => {
    const x = leaf([1, 2, 3]);
    const h = x.mul(2);
    h.registerHook((g) => void g.set_(0, 0));
    h.mean().backward();
    expect(x.grad!.toArray()).toEqual([0, 2 / 3, 2 / 3]);
    const y = leaf([1, 2, 3]);
    y.registerHook((g) => g.clamp_(-0.25, 0.25));
    y.mean().backward();
    expect(y.grad!.toArray()).toEqual([0.25, 0.25, 0.25]);
  });

  it("are the caller's to write into", () => {
    const x = leaf([1, 2]);
    const [g] = grad(x.sum(), x);
    g!.at(0).fill_(5);
    expect(g!.toArray()).toEqual([5, 1]);
    const none = zeros([0, 3], { dtype: "float64", requiresGrad: true });
    expect(grad(none.sum(), none)[0]!.shape).toEqual([0, 3]);
  });
});

const fresh: [string, () => [x: Tensor, y: Tensor]][] = [
  [
    "linear",
    () =>
      pair(
        leaf([
          [
            [1, 2],
            [3, 4],
          ],
        ]),
        (x) => F.linear(x, weight()),
      ),
  ],
  [
    "matmul",
    () =>
      pair(
        leaf([
          [
            [1, 2],
            [3, 4],
          ],
        ]),
        (x) => x.matmul(weight()),
      ),
  ],
  [
    "logsumexp",
    () =>
      pair(
        leaf([
          [1, 2],
          [3, 4],
        ]),
        (x) => x.logsumexp(1),
      ),
  ],
  [
    "layerNorm",
    () =>
      pair(
        leaf([
          [1, 2],
          [3, 4],
        ]),
        (x) => F.layerNorm(x, [2]),
      ),
  ],
  ["an index of positions", () => pair(leaf([1, 2, 3]), (x) => x.at(tensor([0, 2])))],
  ["a mask", () => pair(leaf([1, -2, 3]), (x) => x.at(x.gt(0)))],
];

function pair(x: Tensor, make: (x: Tensor) => Tensor): [Tensor, Tensor] {
  return [x, make(x)];
}

describe.each(fresh)("the result of %s", (_, make) => {
  it("is written in place as one that is no view", () => {
    const [x, y] = make();
    const before = grad(y.at(0).relu().sum(), x, { retainGraph: true })[0]!.mul(2);
    const v = y.at(0);
    y.relu_();
    y.retainGrad();
    y.registerHook((g) => g.mul(2));
    v.sum().backward();
    expect(y.grad!.at(0).toArray()).toEqual(v.detach().mul(0).add(2).toArray());
    expect(x.grad!.toArray()).toEqual(before.toArray());
  });
});

describe("a leaf that is a view", () => {
  const leaves: [string, () => Tensor][] = [
    ["of a list", () => floatTensor([1, 2, 3, 4]).view(2, 2).requiresGrad_()],
    ["of numbers in order", () => arange(4, { dtype: "float32" }).view(2, 2).requiresGrad_()],
  ];
  it.each(leaves)("%s is not written through its parts", (_, make) => {
    const x = make();
    expect(() => x.set_(0, [], 0.5)).toThrow("set_: a view of a leaf that requires grad is changed in place");
    expect(() => x.at(0).fill_(0.5)).toThrow("fill_: a view of a leaf");
    expect(() => x.add_(1)).toThrow("add_: a leaf that requires grad is changed in place");
    noGrad(() => void x.at(0).fill_(0.5));
    const y = x.mul(2);
    y.at(0).fill_(3);
    y.sum().backward();
    expect([x.isLeaf, x.grad!.toArray()]).toEqual([
      true,
      [
        [0, 0],
        [2, 2],
      ],
    ]);
  });

  test("parts of what requires none take what does", () => {
    const w = leaf([1, 2]);
    const x = zeros([2, 2], { dtype: "float64" });
    x.at(0).add_(w);
    x.at(1).mul_(2).add_(w);
    x.sum().backward();
    expect(w.grad!.toArray()).toEqual([2, 2]);
  });
});

describe("a slice of all", () => {
  const slices: Index[][] = [[[0, 3]], [[]], ["..."], []];
  it.each(slices.map((slice) => ({ slice })))("$slice is a view, not the tensor itself", ({ slice }) => {
    const x = arange(3);
    const y = x.at(...slice);
    y.set_(0, 9);
    y.dispose();
    expect(x.toArray()).toEqual([9, 1, 2]);
  });
});

test("padding that only cuts gives a tensor of its own", () => {
  const x = floatTensor([
    [1, 2],
    [3, 4],
  ]);
  F.pad(x, [0, -1]).fill_(0);
  expect(x.sum().item()).toBe(10);
});
