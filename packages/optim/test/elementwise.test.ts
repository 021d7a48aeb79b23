/** Optimizers step by a kernel where the device has one for their rule, else op by op: both ways are the same. */
import "@dl/autograd";
import "@dl/backend-cpu";
import { getBackend, type Tensor, tensor } from "@dl/tensor";
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

const gradients = [1, -2, 0.5, 0.7, -0.1, 0.3, 0.2].map((first) => [first, 2, -first]);
type Class = new (params: Tensor[], options: object) => optim.Optimizer;
// biome-ignore lint/performance/noDynamicNamespaceImportAccess: one test for all.
const classOf = (name: string): Class => optim[name as "SGD"] as Class;

/** Where a step for each gradient leads. */
function path(Class: Class, options: object, gradients: readonly number[][]): number[] {
  const x = tensor([3, -2, 0.5], { dtype: "float64", requiresGrad: true });
  const optimizer = new Class([x], { lr: 0.1, ...options });
  for (const gradient of gradients) {
    x.grad = tensor(gradient, { dtype: "float64" });
    optimizer.step();
  }
  return x.toArray() as number[];
}

function withoutKernel<T>(body: () => T): T {
  const backend = getBackend("cpu");
  const { update } = backend;
  Object.assign(backend, { update: undefined });
  try {
    return body();
  } finally {
    Object.assign(backend, { update });
  }
}

const near = (values: readonly number[]): number[] => values.map((value) => expect.closeTo(value, 12) as number);

describe.each(Object.entries(variants))("%s", (name, options) => {
  it.each(options)("takes the same steps where the device has no kernel for it: %j", (each) => {
    const wanted = withoutKernel(() => path(classOf(name), each, gradients));
    expect(path(classOf(name), each, gradients)).toEqual(near(wanted));
  });

  it.each(options)("takes those of a subclass that overrides `update`: %j", (each) => {
    type Update = { update(param: Tensor, grad: Tensor, state: unknown, group: unknown): void };
    class Clipped extends classOf(name) {
      protected override update(param: Tensor, grad: Tensor, state: object, group: object): void {
        (classOf(name).prototype as unknown as Update).update.call(this, param, grad.clamp(-0.4, 0.4), state, group);
      }
    }
    const clipped = gradients.map((gradient) => gradient.map((value) => Math.min(0.4, Math.max(-0.4, value))));
    expect(path(Clipped, each, gradients)).toEqual(near(path(classOf(name), each, clipped)));
  });
});
