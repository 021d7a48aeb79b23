/** Modules, optimizers, schedules. The comments are the recorded names. */
import * as nn from "@dl/nn";
import { Adam, SGD } from "@dl/optim";
import { arange, floatTensor, full, ones, type Tensor, tensor, zeros } from "@dl/tensor";
import type { Programs } from "../program.ts";

const { functional: F } = nn;
const leaf = (...values: number[]): Tensor => floatTensor(values, { requiresGrad: true });
const watched = (...shape: number[]): Tensor => ones(...shape, { requiresGrad: true });
const back = (x: Tensor): void => x.sum().backward();

export const training: Programs = {
  // optimizer skips None grads
  "programs/x79": () => {
    const [p, q] = [watched(1), watched(1)];
    const o = new SGD([p, q], { lr: 0.5 });
    p.grad = ones(1);
    o.step();
    return [p.detach(), q.detach()];
  },
  // optimizer groups
  "programs/x80": () => {
    const [p, q] = [watched(1), watched(1)];
    const o = new SGD([{ params: [p] }, { params: [q], lr: 0.1 }], { lr: 0.5, momentum: 0.9 });
    p.grad = ones(1);
    q.grad = ones(1);
    o.step();
    return [p.detach(), q.detach(), o.paramGroups.map((g) => g.lr), o.paramGroups.map((g) => g["momentum"])];
  },
  // param in two groups raises
  "programs/x81": () => {
    const p = watched(1);
    new SGD([{ params: [p] }, { params: [p] }], { lr: 0.5 });
  },
  // optimizer state round trip
  "programs/x82": () => {
    const p = watched(1);
    const o = new Adam([p], { lr: 0.1 });
    p.grad = ones(1);
    o.step();
    const s = o.stateDict();
    const q = p.detach().clone().requiresGrad_();
    const o2 = new Adam([q], { lr: 0.7 });
    o2.loadStateDict(s);
    p.grad = full([1], 0.5);
    o.step();
    q.grad = full([1], 0.5);
    o2.step();
    return [p.detach(), q.detach(), o2.paramGroups[0]!.lr];
  },
  // clip_grad_norm_ value
  "programs/x83": () => {
    const p = zeros(2, { requiresGrad: true });
    p.grad = floatTensor([3, 4]);
    const n = nn.utils.clipGradNorm_([p], 1);
    return [n, p.grad];
  },
  // clip norm inf
  "programs/x84": () => {
    const p = zeros(2, { requiresGrad: true });
    p.grad = floatTensor([-3, 4]);
    const n = nn.utils.clipGradNorm_([p], 2, { normType: Number.POSITIVE_INFINITY });
    return [n, p.grad];
  },
  // clip nonfinite raises
  "programs/x85": () => {
    const p = zeros(1, { requiresGrad: true });
    p.grad = floatTensor([Number.NaN]);
    nn.utils.clipGradNorm_([p], 1, { errorIfNonfinite: true });
  },
  // closure returns loss
  "programs/x86": () => {
    const p = watched(1);
    const o = new SGD([p], { lr: 0.1 });
    const l = o.step(() => {
      o.zeroGrad();
      const l = p.mul(p).sum();
      l.backward();
      return l;
    }) as Tensor;
    return [l.detach(), p.detach()];
  },
  // sgd momentum first step
  "programs/x87": () => {
    const p = zeros(1, { requiresGrad: true });
    const o = new SGD([p], { lr: 1, momentum: 0.9 });
    return [0, 1, 2].map(() => {
      p.grad = ones(1);
      o.step();
      return p.detach().clone();
    });
  },
  // weight decay
  "programs/x88": () => {
    const p = watched(1);
    const o = new SGD([p], { lr: 0.1, weightDecay: 0.5 });
    p.grad = zeros(1);
    o.step();
    return p.detach();
  },
  // forward hook
  "programs/x89": () => {
    const m = new nn.Identity();
    m.registerForwardHook((_m, _i, o) => (o as Tensor).mul(2));
    m.registerForwardPreHook((_m, i) => [(i as Tensor[])[0]!.add(1)]);
    return m(ones(2));
  },
  // full backward hook
  "programs/x90": () => {
    const m = new nn.Linear(2, 1, { bias: false });
    nn.init.ones_(m.weight);
    const g: Tensor[] = [];
    m.registerFullBackwardHook((_m, gi, go) => {
      g.push(gi[0]!.clone(), go[0]!.clone());
      return undefined;
    });
    back(m(watched(1, 2)));
    return g;
  },
  // batchnorm running
  "programs/x91": () => {
    const m = new nn.BatchNorm1d(2, { momentum: 0.5 });
    m(
      floatTensor([
        [1, 2],
        [3, 6],
      ]),
    );
    return [m.runningMean, m.runningVar, m.numBatchesTracked];
  },
  // batchnorm momentum none
  "programs/x92": () => {
    const m = new nn.BatchNorm1d(1, { momentum: null });
    m(floatTensor([[1], [3]]));
    m(floatTensor([[2], [6]]));
    return [m.runningMean, m.runningVar, m.numBatchesTracked];
  },
  // freezing
  "programs/x93": () => {
    const m = new nn.Linear(2, 1);
    m.weight.requiresGrad_(false);
    back(m(ones(1, 2)));
    return [m.weight.grad === null, m.bias!.grad];
  },
  // modulelist
  "programs/x94": () => {
    const m = new nn.ModuleList<nn.Module>([new nn.ReLU()]);
    m.append(new nn.Linear(1, 1));
    m.insert(0, new nn.Tanh());
    return [m.length, m.namedParameters().map(([n]) => n)];
  },
  // load copies
  "programs/x95": () => {
    const m = new nn.Linear(1, 1, { bias: false });
    const w = ones(1, 1);
    m.loadStateDict({ weight: w });
    w.fill_(5);
    const p = m.weight;
    return [m.weight.detach(), m.weight === p, m.weight.requiresGrad];
  },
  // state dict shares memory
  "programs/x96": () => {
    const m = new nn.Linear(1, 1);
    m.stateDict()["weight"]!.fill_(7);
    return [m.weight.detach(), m.stateDict()["weight"]!.requiresGrad];
  },
  // named_parameters prefix and recurse
  "programs/x97": () => {
    const m = new nn.Sequential(new nn.Linear(1, 1));
    return [m.namedParameters("net").map(([n]) => n), m.namedParameters("", false).map(([n]) => n)];
  },
  // shared module appears once in modules
  "programs/x98": () => {
    const a = new nn.ReLU();
    const m = new nn.Sequential(a, a);
    return [m.modules().length, m.children().length, m.length];
  },
  // cross entropy ignore all
  "programs/x99": () => [
    F.crossEntropy(ones(2, 3), tensor([-100, -100]))
      .isnan()
      .item(),
    F.crossEntropy(ones(2, 3), tensor([-100, 1])),
    F.crossEntropy(ones(2, 3), tensor([-100, -100]), { reduction: "sum" }),
  ],
  // bce log clamp
  "programs/x100": () => {
    const x = leaf(0, 1);
    const l = F.binaryCrossEntropy(x, floatTensor([1, 0]));
    l.backward();
    return [l.detach(), x.grad];
  },
  // bce out of range raises
  "programs/x101": () => F.binaryCrossEntropy(floatTensor([1.5]), floatTensor([1])),
  // conv channel mismatch raises
  "programs/x102": () => new nn.Conv2d(3, 4, 3)(ones(1, 2, 5, 5)),
  // dropout p raises
  "programs/x103": () => new nn.Dropout(1.5),
  // padding modes
  "programs/x104": () => {
    const x = floatTensor([[[1, 2, 3]]]);
    return [
      F.pad(x, [1, 2]),
      F.pad(x, [2, 1], { mode: "reflect" }),
      F.pad(x, [1, 1], { mode: "replicate" }),
      F.pad(x, [1, 1], { mode: "circular" }),
      F.pad(x, [-1, 0]),
    ];
  },
  // pool ceil
  "programs/x105": () => {
    const x = arange(5, { dtype: "float32" }).view(1, 1, 5);
    return [
      F.maxPool1d(x, 2),
      F.maxPool1d(x, 2, { ceilMode: true }),
      F.avgPool1d(x, 2, { ceilMode: true }),
      F.avgPool1d(x, 3, 1, 1),
      F.avgPool1d(x, 3, 1, 1, { countIncludePad: false }),
    ];
  },
};
