/** Views, assignment, writing in place. The comments are the recorded names. */
import { arange, floatTensor, noGrad, ones, type Tensor, tensor, zeros } from "@dl/tensor";
import type { Programs } from "../program.ts";

const watched = (...shape: number[]): Tensor => ones(...shape, { requiresGrad: true });
const back = (x: Tensor): void => x.sum().backward();
const int64 = { dtype: "int64" } as const;

export const writing: Programs = {
  // in-place through chained views
  "programs/x30": () => {
    const x = arange(6, { dtype: "float32" }).requiresGrad_();
    const y = x.clone();
    const v = y.view(2, 3).t().at(1);
    v.mul_(10);
    back(y.mul(y));
    return [y.detach(), x.grad, v.detach()];
  },
  // view sees base change
  "programs/x31": () => {
    const x = watched(4);
    const y = x.mul(1);
    const v = y.at([null, 2]);
    y.mul_(3);
    back(v);
    return [v.detach(), x.grad];
  },
  // copy_ grad
  "programs/x32": () => {
    const x = watched(2);
    const y = zeros(2, 2);
    y.at(1).copy_(x.mul(3));
    back(y.mul(y));
    return [x.grad, y.requiresGrad];
  },
  // setitem grad to value
  "programs/x33": () => {
    const x = floatTensor(2, { requiresGrad: true });
    const y = zeros(3);
    y.set_(1, x.mul(x));
    back(y);
    return [x.grad];
  },
  // detach shares
  "programs/x34": () => {
    const y = watched(3).mul(1);
    y.detach().set_(0, 9);
    return [y.detach(), y.requiresGrad];
  },
  // in-place on view of leaf raises
  "programs/x35": () => watched(2, 2).at(0).mul_(2),
  // flatten view or copy
  "programs/x36": () => {
    const x = arange(4, { dtype: "float32" }).view(2, 2);
    x.flatten().set_(0, 9);
    x.t().flatten().set_(0, 5);
    x.ravel().set_(1, 3);
    return x;
  },
  // diagonal writes
  "programs/x37": () => {
    const x = zeros(3, 3);
    x.diagonal().fill_(2);
    x.diagonal(1).add_(1);
    return x;
  },
  // storage offset and as_strided
  "programs/x38": () => {
    const x = arange(8, { dtype: "float32" });
    const v = x.asStrided([2, 2], [3, 1], 1);
    v.mul_(10);
    return [v, x];
  },
  // transpose writes
  "programs/x39": () => {
    const x = zeros(2, 3);
    x.t().set_(2, 1, 5);
    x.T.set_(0, 7);
    return x;
  },
  // bool scalar index
  "programs/x40": () => {
    const x = arange(3, { dtype: "float32" });
    return [x.at(tensor(true)).shape, x.at(tensor(false)).shape];
  },
  // advanced index placement
  "programs/x41": () => {
    const x = arange(24, { dtype: "float32" }).view(2, 3, 4);
    const i = tensor([0, 1]);
    return [x.at(i, [], i).shape, x.at([], i, i).shape, x.at(i, 0).shape, x.at(0, [], i).shape];
  },
  // ellipsis and none
  "programs/x42": () => {
    const x = arange(24, { dtype: "float32" }).view(2, 3, 4);
    return [x.at("...", 0).shape, x.at(null).shape, x.at([], null, "...", [1]).shape, x.at(0, "...", -1).shape];
  },
  // setitem mask grads
  "programs/x43": () => {
    const x = arange(4, { dtype: "float32" }).requiresGrad_();
    const y = x.mul(1);
    y.set_(y.gt(1), 0);
    back(y.mul(y));
    return [y.detach(), x.grad];
  },
  // in-place on leaf view under no_grad
  "programs/x44": () => {
    const x = zeros(3, { requiresGrad: true });
    noGrad(() => {
      x.set_(1, 5);
      x.at([0, 1]).add_(2);
    });
    back(x.mul(x));
    return [x.detach(), x.grad];
  },
  // index_put accumulate
  "programs/x45": () => zeros(3).indexPut_([tensor([0, 0, 2])], floatTensor([1, 2, 3]), { accumulate: true }),
  // scatter_add
  "programs/x46": () => zeros(3).scatterAdd_(0, tensor([0, 0, 2]), floatTensor([1, 2, 3])),
  // in-place int plus float raises
  "programs/x47": () => ones(2, int64).add_(1.5),
  // in-place broadcast raises
  "programs/x48": () => ones(3).add_(ones(2, 3)),
  // setitem shape mismatch raises
  "programs/x49": () => zeros(3).set_([null, 2], ones(3)),
  // negative step raises
  "programs/x50": () => arange(4).at([null, null, -1]),
  // mask shape raises
  "programs/x51": () => ones(2, 3).at(ones(3, 2, { dtype: "bool" })),
  // index out of range tensors raises
  "programs/x52": () => ones(3).at(tensor([3])),
  // fill_ partial cuts
  "programs/x53": () => {
    const x = watched(3);
    const y = x.mul(2);
    y.at(0).fill_(5);
    back(y);
    return x.grad;
  },
  // in-place on expanded clone
  "programs/x54": () => {
    const x = zeros(1, 2).expand(3, 2).clone();
    x.set_(0, 0, 1);
    return x;
  },
};
