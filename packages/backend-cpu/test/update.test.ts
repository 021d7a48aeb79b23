import { isContiguous, type Shape, type UpdateRule, type View } from "@dl/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpu } from "../src/backend.ts";
import { getMemoryLimit, setMemoryLimit } from "../src/index.ts";
import { getNumThreads, setNumThreads } from "../src/runtime/index.ts";
import { anyView, plainView, realize, type Spec } from "./oracle.ts";

type Attrs = Readonly<Record<string, number | boolean>>;
type Step = (p: number, g: number, states: number[], attrs: Attrs) => number[];

/** The steps as PyTorch documents them: the parameter and its states, in float64. */
const steps: { readonly [R in UpdateRule]: Step } = {
  sgd: (p, gradient, [buffer], attrs) => {
    const { lr, momentum, dampening, weightDecay } = attrs as Record<string, number>;
    const g = (attrs["maximize"] ? -gradient : gradient) + weightDecay! * p;
    if (momentum === 0) return [p - lr! * g];
    const b = attrs["firstStep"] ? g : momentum! * buffer! + (1 - dampening!) * g;
    return [p - lr! * (attrs["nesterov"] ? g + momentum! * b : b), b];
  },
  adam: (p, gradient, [mean, square, most], attrs) => {
    const { lr, beta1, beta2, eps, weightDecay, step } = attrs as Record<string, number>;
    const up = attrs["maximize"] ? -gradient : gradient;
    const g = attrs["decoupled"] ? up : up + weightDecay! * p;
    const start = attrs["decoupled"] ? p - lr! * weightDecay! * p : p;
    const m = beta1! * mean! + (1 - beta1!) * g;
    const v = beta2! * square! + (1 - beta2!) * g * g;
    const top = attrs["amsgrad"] ? Math.max(most!, v) : v;
    const size = lr! / (1 - beta1! ** step!);
    const next = start - (size * m) / (Math.sqrt(top / (1 - beta2! ** step!)) + eps!);
    return attrs["amsgrad"] ? [next, m, v, top] : [next, m, v];
  },
};

const flag = fc.boolean();
const sgd = fc.record({
  lr: fc.constant(0.1),
  momentum: fc.constantFrom(0, 0.9),
  dampening: fc.constantFrom(0, 0.5),
  nesterov: flag,
  weightDecay: fc.constantFrom(0, 0.01),
  maximize: flag,
  firstStep: flag,
});
const adam = fc.record({
  lr: fc.constant(0.01),
  beta1: fc.constant(0.9),
  beta2: fc.constant(0.99),
  eps: fc.constant(1e-8),
  weightDecay: fc.constantFrom(0, 0.1),
  decoupled: flag,
  amsgrad: flag,
  maximize: flag,
  step: fc.integer({ min: 1, max: 100 }),
});

const positive = (random: () => number): number => random() + 0.1;
const stateCount = (rule: UpdateRule, attrs: Attrs): number =>
  rule === "sgd" ? Number(attrs["momentum"] !== 0) : attrs["amsgrad"] ? 3 : 2;
const read = (view: View): number[] => Array.from(cpu.readSync!(view) as Float64Array);

function check(rule: UpdateRule, attrs: Attrs, shapes: readonly Shape[], dtype: "float32" | "float64"): void {
  const lists = Array.from({ length: 1 + stateCount(rule, attrs) }, (_, k) =>
    shapes.map((shape, i) => realize(plainView(shape, dtype, 10 * k + i + 1, positive))),
  );
  const gradients = shapes.map((shape, i) => realize(plainView(shape, dtype, 99 + i, positive)));
  const before = lists.map((list) => list.map(read));
  expect(cpu.update!({ rule, targets: lists, gradients, attrs })).toBe(true);
  const tolerance = dtype === "float32" ? 2e-6 : 1e-13;
  gradients.forEach((gradient, i) => {
    const after = lists.map((list) => read(list[i]!));
    read(gradient).forEach((g, e) => {
      const [p, ...states] = before.map((list) => list[i]![e]!);
      steps[rule](p!, g, states, attrs).forEach((wanted, k) => {
        if (!(Math.abs(after[k]![e]! - wanted) <= tolerance)) expect(after[k]![e], `state ${k}`).toBe(wanted);
      });
    });
  });
}

describe.each(["float32", "float64"] as const)("in %s", (dtype) => {
  const shapes = [[3, 7], [], [0], [64], [1, 2, 3]];
  test("sgd steps as documented", () => {
    fc.assert(
      fc.property(sgd, (attrs) => {
        check("sgd", attrs, shapes, dtype);
      }),
      { numRuns: 50 },
    );
  });
  test("adam steps as documented", () => {
    fc.assert(
      fc.property(adam, (attrs) => {
        check("adam", attrs, shapes, dtype);
      }),
      { numRuns: 50 },
    );
  });
});

const plain = { lr: 1, momentum: 0, dampening: 0, nesterov: false, weightDecay: 0, maximize: false, firstStep: true };

test("the number of threads changes nothing", () => {
  const before = getNumThreads();
  setNumThreads(4);
  check("sgd", plain, [[100_003]], "float32");
  setNumThreads(before);
});

test("gradients may lie anyhow", () => {
  fc.assert(
    fc.property(anyView([4, 5], "float32"), (spec: Spec) => {
      const [parameter, gradient] = [realize(plainView([4, 5], "float32", 1, () => 0)), realize(spec)];
      cpu.update!({ rule: "sgd", targets: [[parameter]], gradients: [gradient], attrs: plain });
      expect(read(parameter).map((x) => 0 - x)).toEqual(read(gradient).map((x) => 0 + x));
    }),
    { numRuns: 20 },
  );
});

test("where memory runs out, no parameter is stepped", () => {
  const limit = getMemoryLimit();
  const small = [1, 2].map((seed) => realize(plainView([4], "float32", seed))) as [View, View];
  const big = realize(plainView([2 ** 11, 2 ** 10], "float32"));
  const before = read(small[0]);
  const turned = { ...big, strides: [1, 2 ** 11] };
  const step = (): unknown =>
    cpu.update!({ rule: "sgd", targets: [[small[0], big]], gradients: [small[1], turned], attrs: plain });
  setMemoryLimit(cpu.memory().reserved);
  try {
    expect(step).toThrow("setMemoryLimit");
  } finally {
    setMemoryLimit(limit);
  }
  expect(read(small[0])).toEqual(before);
  expect(step()).toBe(true);
  expect(read(small[0])).not.toEqual(before);
});

test("other dtypes and strided parameters are left alone", () => {
  const view = (dtype: "float16" | "float32"): View => realize(plainView([2, 3], dtype));
  const strided = { ...view("float32"), shape: [3, 2], strides: [1, 3] };
  expect(isContiguous(strided.shape, strided.strides)).toBe(false);
  const run = (targets: View[], gradients: View[]): boolean =>
    cpu.update!({ rule: "sgd", targets: [targets], gradients, attrs: plain });
  expect(run([view("float16")], [view("float16")])).toBe(false);
  const untouched = view("float32");
  const values = read(untouched);
  expect(run([untouched, strided], [view("float32"), strided])).toBe(false);
  expect(read(untouched)).toEqual(values);
});
