/** Views, aliases, writing in place. The comments are the recorded names. */
import { arange, floatTensor, noGrad, ones, tensor, zeros } from "@dl/tensor";
import type { Programs } from "./program.ts";

const range = (end: number) => arange(end, { dtype: "float32" });

export const memory: Programs = {
  // in-place add on non-leaf
  "programs/22": () => {
    const x = ones(3, { requiresGrad: true });
    const y = x.mul(2);
    y.add_(1);
    y.mul_(3);
    y.sum().backward();
    return [y.detach(), x.grad];
  },
  // in-place on leaf raises
  "programs/23": () => ones(3, { requiresGrad: true }).add_(1),
  // in-place on leaf under no_grad
  "programs/24": () => {
    const x = ones(3, { requiresGrad: true });
    noGrad(() => x.add_(1));
    return [x.detach(), x.requiresGrad, x.isLeaf];
  },
  // in-place through view
  "programs/27": () => {
    const x = zeros(2, 3, { requiresGrad: true });
    const y = x.mul(1);
    y.at(0).fill_(5);
    y.at([], 1).mul_(2);
    y.mul(range(6).reshape(2, 3)).sum().backward();
    return [y.detach(), x.grad];
  },
  // view shares memory
  "programs/28": () => {
    const x = range(6);
    const v = x.view(2, 3);
    v.set_(1, 2, 100);
    x.set_(0, -1);
    return [x, v];
  },
  // reshape copies when needed
  "programs/30": () => {
    const x = range(6).view(2, 3);
    const r = x.t().reshape(6);
    r.set_(0, 100);
    return [x, r];
  },
  // expand in-place raises
  "programs/31": () => zeros(1, 3).expand(2, 3).add_(ones(2, 3)),
  // slice assignment
  "programs/32": () => {
    const x = zeros(3, 4);
    x.set_([1], [null, null, 2], 7);
    x.set_(0, range(4));
    return x;
  },
  // boolean mask assignment
  "programs/33": () => {
    const x = range(6).view(2, 3);
    x.set_(x.gt(2), 0);
    return x;
  },
  // copy_ broadcasting and dtype
  "programs/35": () => zeros(2, 3).copy_(tensor([1, 2, 3])),
  // in-place div on int raises
  "programs/38": () => ones(2, { dtype: "int64" }).div_(2),
  // strides of slices and expand
  "programs/88": () => {
    const x = zeros(4, 6);
    const sliced = x.at([null, null, 2], [1, 5, 3]);
    return [sliced.stride(), x.at([1], [2]).storageOffset(), x.at([0, 1]).expand(5, 6).stride(), x.t().stride()];
  },
};

export const reading: Programs = {
  // bool of multi-element raises
  "programs/42": () => Boolean(ones(2).item()),
  // view wrong size raises
  "programs/46": () => arange(6).view(4, 2),
  // index out of range raises
  "programs/47": () => arange(6).at(6),
  // too many indices raises
  "programs/48": () => arange(6).at(0, 0),
  // numpy of requires_grad raises
  "programs/63": () => ones(2, { requiresGrad: true }).numpy(),
  // tolist
  "programs/93": () =>
    tensor([
      [1, 2],
      [3, 4],
    ]).tolist(),
  // item types
  "programs/94": () => [tensor(3), floatTensor(2.5), tensor(true)].map((x) => x.item()),
  // iteration
  "programs/95": () =>
    arange(6)
      .view(3, 2)
      .unbind()
      .map((row) => row.tolist()),
};
