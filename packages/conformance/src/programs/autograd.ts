/** Graphs, leaves, gradients. The comments are the recorded names. */
import { grad } from "@dl/autograd";
import { arange, enableGrad, floatTensor, noGrad, ones, type Tensor } from "@dl/tensor";
import type { Programs } from "./program.ts";

const leaf = (...values: number[]): Tensor => floatTensor(values, { requiresGrad: true });
const scalar = (value: number): Tensor => floatTensor(value, { requiresGrad: true });

export const autograd: Programs = {
  // diamond graph
  "programs/3": () => {
    const x = scalar(2);
    const [a, b] = [x.mul(3), x.add(1)];
    const [c, d] = [a.mul(b), a.sub(b)];
    c.mul(d).backward();
    return x.grad;
  },
  // no_grad blocks graph
  "programs/4": () => {
    const x = ones(2, { requiresGrad: true });
    const y = noGrad(() => x.mul(2));
    return [y.requiresGrad, y.isLeaf, y.gradFn === null];
  },
  // enable_grad inside no_grad
  "programs/5": () => {
    const x = ones(2, { requiresGrad: true });
    return [noGrad(() => enableGrad(() => x.mul(2))).requiresGrad];
  },
  // detach
  "programs/6": () => {
    const y = ones(2, { requiresGrad: true }).mul(2).detach();
    return [y.requiresGrad, y.isLeaf];
  },
  // requires_grad propagation
  "programs/8": () => {
    const [a, b] = [ones(2), ones(2, { requiresGrad: true })];
    return [a.add(b), a.mul(2), b.gt(0), b.argmax()].map((x) => x.requiresGrad);
  },
  // non-leaf grad is None
  "programs/11": () => {
    const y = ones(2, { requiresGrad: true }).mul(3);
    y.mul(y).sum().backward();
    return [y.grad === null];
  },
  // backward without graph raises
  "programs/15": () => ones(1).backward(),
  // autograd.grad
  "programs/16": () => {
    const x = leaf(1, 2);
    return grad(x.pow(3).sum(), [x]);
  },
  // autograd.grad leaves .grad alone
  "programs/17": () => {
    const x = leaf(1, 2);
    grad(x.pow(3).sum(), [x]);
    return [x.grad === null];
  },
  // autograd.grad unused raises
  "programs/18": () => {
    const [x, z] = [ones(1, { requiresGrad: true }), ones(1, { requiresGrad: true })];
    return grad(x.mul(2).sum(), [z]);
  },
  // autograd.grad allow_unused
  "programs/19": () => {
    const [x, z] = [ones(1, { requiresGrad: true }), ones(1, { requiresGrad: true })];
    return grad(x.mul(2).sum(), [x, z], { allowUnused: true }).map((g) => g === null);
  },
  // double backward
  "programs/20": () => {
    const x = scalar(2);
    const [g] = grad(x.pow(4), [x], { createGraph: true });
    const [g2] = grad(g!, [x], { createGraph: true });
    const [g3] = grad(g2!, [x]);
    return [g!.detach(), g2!.detach(), g3];
  },
  // gradient penalty
  "programs/21": () => {
    const [x, w] = [leaf(1, -2, 0.5), leaf(0.3, 0.7, -1)];
    const [g] = grad(x.mul(w).tanh().sum(), [x], { createGraph: true });
    g!.norm().sub(1).pow(2).backward();
    return [w.grad, x.grad];
  },
  // weight tying accumulates
  "programs/77": () => {
    const w = ones(2, 2, { requiresGrad: true });
    floatTensor([1, 2]).matmul(w).matmul(w).sum().backward();
    return w.grad;
  },
  // broadcast gradient reduces
  "programs/82": () => {
    const [a, b] = [ones(3, 1, { requiresGrad: true }), ones(4, { requiresGrad: true })];
    a.mul(b).mul(2).sum().backward();
    return [a.grad, b.grad];
  },
  // sum of max ties
  "programs/84": () => {
    const x = floatTensor(
      [
        [1, 1],
        [0, 2],
      ],
      { requiresGrad: true },
    );
    x.max(1)[0].sum().backward();
    return x.grad;
  },
  // float comparison grads none
  "programs/86": () => [leaf(1).gt(0).dtype === "bool"],
  // cumsum reverse grad
  "programs/90": () => {
    const x = ones(4, { requiresGrad: true });
    x.cumsum(0)
      .mul(arange(1, 5, { dtype: "float32" }))
      .sum()
      .backward();
    return x.grad;
  },
};
