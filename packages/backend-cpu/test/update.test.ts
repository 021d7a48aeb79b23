import { isContiguous, type Shape, type UpdateCall, type UpdateRule, type View } from "@dl/tensor";
import { updateCases } from "@dl/tensor/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpu } from "../src/backend.ts";
import { getMemoryLimit, setMemoryLimit } from "../src/index.ts";
import { getNumThreads, setNumThreads } from "../src/runtime/index.ts";
import { anyView, plainView, realize, type Spec } from "./oracle.ts";

const read = (view: View): number[] => Array.from(cpu.readSync!(view) as Float64Array);

const positive = (random: () => number): number => random() + 0.1;

function check(
  rule: UpdateRule,
  attrs: UpdateCall["attrs"],
  shapes: readonly Shape[],
  dtype: "float32" | "float64",
): void {
  const lists = Array.from({ length: 1 + updateCases[rule].states(attrs) }, (_, k) =>
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
      updateCases[rule].step(p!, g, states, attrs).forEach((wanted, k) => {
        if (!(Math.abs(after[k]![e]! - wanted) <= tolerance)) expect(after[k]![e], `state ${k}`).toBe(wanted);
      });
    });
  });
}

describe.each(["float32", "float64"] as const)("in %s", (dtype) => {
  const shapes = [[3, 7], [], [0], [64], [1, 2, 3]];
  test.each(Object.keys(updateCases) as UpdateRule[])("%s steps as documented", (rule) => {
    for (const attrs of updateCases[rule].attrs) check(rule, attrs, shapes, dtype);
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
