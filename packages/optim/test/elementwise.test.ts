/** Optimizers step by a kernel where the device has one for their rule, else op by op: both ways are the same. */
import "@dl/autograd";
import "@dl/backend-cpu";
import { type Backend, getBackend, type Tensor, tensor } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import * as optim from "../src/index.ts";

const decay = { weightDecay: 0.1 };
const variants: { readonly [name: string]: readonly object[] } = {
  ASGD: [{}, { ...decay, t0: 2 }],
  Adadelta: [{}, { ...decay, maximize: true }],
  Adagrad: [{}, { ...decay, lrDecay: 0.1, initialAccumulatorValue: 0.5, maximize: true }],
  Adam: [{}, { ...decay, amsgrad: true, maximize: true }],
  AdamW: [{}, { ...decay, amsgrad: true, maximize: true }],
  Adamax: [{}, { ...decay, maximize: true }],
  NAdam: [{}, decay],
  RAdam: [{}, { ...decay, betas: [0.9, 0.99] }],
  RMSprop: [{}, { centered: true }, { momentum: 0.9 }, { ...decay, centered: true, momentum: 0.9, maximize: true }],
  Rprop: [{}, { maximize: true }],
  SGD: [{}, { ...decay, momentum: 0.9, nesterov: true }, { momentum: 0.9, dampening: 0.5, maximize: true }],
};

/** Where some steps with the backend's kernel, or with `undefined`, lead. */
function path(name: string, options: object, kernel: Backend["update"]): number[] {
  // biome-ignore lint/performance/noDynamicNamespaceImportAccess: one test for all.
  const Class = optim[name as "SGD"] as new (params: Tensor[], options: object) => optim.Optimizer;
  const backend = getBackend("cpu");
  const { update } = backend;
  const x = tensor([3, -2, 0.5], { dtype: "float64", requiresGrad: true });
  const optimizer = new Class([x], { lr: 0.1, ...options });
  Object.assign(backend, { update: kernel });
  try {
    for (const gradient of [1, -2, 0.5, 0.7, -0.1, 0.3, 0.2]) {
      x.grad = tensor([gradient, 2, -gradient], { dtype: "float64" });
      optimizer.step();
    }
  } finally {
    Object.assign(backend, { update });
  }
  return x.toArray() as number[];
}

describe.each(Object.entries(variants))("%s", (name, options) => {
  it.each(options)("takes the same steps where the device has no kernel for it: %j", (each) => {
    const { update } = getBackend("cpu");
    const wanted = path(name, each, undefined);
    expect(path(name, each, update)).toEqual(wanted.map((value) => expect.closeTo(value, 12) as number));
  });
});
