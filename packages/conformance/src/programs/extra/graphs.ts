/** Graphs, hooks, ties. The comments are the recorded names. */
import { grad, hessian, jacobian } from "@dl/autograd";
import { arange, floatTensor, maximum, noGrad, ones, type Tensor, where, zeros } from "@dl/tensor";
import type { Programs } from "../program.ts";

const leaf = (...values: number[]): Tensor => floatTensor(values, { requiresGrad: true });
const watched = (...shape: number[]): Tensor => ones(...shape, { requiresGrad: true });
const back = (x: Tensor): void => x.sum().backward();

export const graphs: Programs = {
  // accumulate
  "programs/x0": () => {
    const x = leaf(1, 2);
    back(x.mul(x));
    back(x.mul(3));
    return x.grad;
  },
  // twice raises
  "programs/x1": () => {
    const x = watched(2);
    const y = x.mul(x).sum();
    y.backward();
    y.backward();
  },
  // retain_graph
  "programs/x2": () => {
    const x = leaf(1, 2);
    const y = x.mul(x).sum();
    y.backward(null, { retainGraph: true });
    y.backward();
    return x.grad;
  },
  // nonscalar raises
  "programs/x3": () => watched(2).mul(2).backward(),
  // gradient arg
  "programs/x4": () => {
    const x = watched(2);
    x.mul(2).backward(floatTensor([1, 3]));
    return x.grad;
  },
  // retain_grad
  "programs/x5": () => {
    const x = watched(2);
    const y = x.mul(3);
    y.retainGrad();
    back(y.mul(y));
    return [y.grad, x.grad];
  },
  // hook modifies
  "programs/x6": () => {
    const x = watched(2);
    const y = x.mul(3);
    y.registerHook((g) => g.mul(10));
    back(y.mul(y));
    return x.grad;
  },
  // hook on leaf, order
  "programs/x7": () => {
    const x = watched(2);
    const log: number[] = [];
    x.registerHook((g) => void log.push(g.sum().item()));
    x.registerHook((g) => g.mul(2));
    back(x.mul(3));
    return [log, x.grad];
  },
  // removed hook
  "programs/x8": () => {
    const x = watched(2);
    const h = x.registerHook((g) => g.mul(10));
    h.remove();
    back(x.mul(3));
    return x.grad;
  },
  // saved changed raises
  "programs/x9": () => {
    const y = watched(2).exp();
    y.add_(1);
    back(y);
  },
  // saved input changed raises
  "programs/x10": () => {
    const y = watched(2).mul(1);
    const z = y.mul(y);
    y.mul_(2);
    back(z);
  },
  // add does not save
  "programs/x11": () => {
    const x = watched(2);
    const y = x.mul(1);
    const z = y.add(y);
    y.mul_(2);
    back(z);
    return x.grad;
  },
  // detach modifies saved raises
  "programs/x12": () => {
    const y = watched(3).mul(1);
    const z = y.mul(y);
    y.detach().mul_(2);
    back(z);
  },
  // saved leaf changed under no_grad raises
  "programs/x13": () => {
    const x = watched(2);
    const y = x.mul(x).sum();
    noGrad(() => x.mul_(2));
    y.backward();
  },
  // requires_grad_ on nonleaf false raises
  "programs/x14": () => {
    watched(3).mul(2).requiresGrad = false;
  },
  // grad shape mismatch raises
  "programs/x15": () => {
    watched(2).grad = ones(3);
  },
  // max(dim) ties first
  "programs/x16": () => {
    const x = floatTensor([[2, 2, 1]], { requiresGrad: true });
    const [v, i] = x.max(1);
    back(v);
    return [i, x.grad];
  },
  // amax ties shared
  "programs/x17": () => {
    const x = floatTensor([[2, 2, 1]], { requiresGrad: true });
    back(x.amax(1));
    return x.grad;
  },
  // maximum ties halves
  "programs/x18": () => {
    const [a, b] = [leaf(1, 2), leaf(1, 3)];
    back(maximum(a, b));
    return [a.grad, b.grad];
  },
  // where nan
  "programs/x19": () => {
    const x = leaf(0, 4);
    back(where(x.gt(0), x.sqrt(), zeros(2)));
    return x.grad;
  },
  // prod zeros
  "programs/x20": () => {
    const x = leaf(2, 0, 3);
    x.prod().backward();
    const y = leaf(0, 0, 3);
    y.prod().backward();
    return [x.grad, y.grad];
  },
  // create_graph backward
  "programs/x21": () => {
    const x = floatTensor(3, { requiresGrad: true });
    x.pow(3).backward(null, { createGraph: true });
    const g = x.grad!;
    x.grad = null;
    g.mul(g).backward();
    return [g.detach(), x.grad];
  },
  // unbind backward
  "programs/x22": () => {
    const x = arange(6, { dtype: "float32" }).view(2, 3).requiresGrad_();
    const [a, b] = x.unbind(0);
    back(a!.mul(b!));
    return x.grad;
  },
  // in-place dropout-like mul chain
  "programs/x23": () => {
    const x = leaf(1, 2);
    const y = x.tanh();
    const z = y.mul(2);
    z.mul_(3).add_(y);
    back(z);
    return x.grad;
  },
  // second order through relu
  "programs/x24": () => {
    const x = leaf(1, -1);
    const y = x.relu().pow(3).sum();
    const [g] = grad(y, [x], { createGraph: true });
    g!.sum().backward();
    return x.grad;
  },
  // grad for intermediate
  "programs/x25": () => {
    const x = watched(2);
    const y = x.mul(2);
    const z = y.mul(y).sum();
    return grad(z, [y, x]);
  },
  // is_leaf rules
  "programs/x26": () => {
    const [a, b] = [ones(1), watched(1)];
    return [a.isLeaf, a.mul(2).isLeaf, b.isLeaf, b.mul(2).isLeaf, b.detach().isLeaf, b.at(0).isLeaf];
  },
  // zero_ cuts history
  "programs/x27": () => {
    const x = watched(2);
    const y = x.mul(2);
    y.zero_();
    back(y);
    return x.grad;
  },
  // jacobian
  "programs/x28": () => jacobian((x: Tensor) => x.pow(2).add(x.sum()), floatTensor([1, 2])),
  // hessian
  "programs/x29": () => hessian((x: Tensor) => x.pow(3).sum().mul(x.at(0)), floatTensor([1, 2])),
};
