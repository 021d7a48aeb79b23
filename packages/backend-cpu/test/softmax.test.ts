import type { DType, Shape, SoftmaxOp } from "@dl/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { getNumThreads, setNumThreads } from "../src/runtime/index.ts";
import { agree, anyView, type Draw, floatDTypes, outputsOf, plainView, precision, type Spec } from "./oracle.ts";

const ops = ["softmax", "logSoftmax", "softmaxBackward", "logSoftmaxBackward"] as const;
const scores: Draw = (random) => random() * 8 - 4;
/** One sign, so that sums do not cancel out. */
const negative: Draw = (random) => random() * 4 - 4;
const operands = (op: SoftmaxOp): number => (op.endsWith("Backward") ? 2 : 1);

function check(
  op: SoftmaxOp,
  shape: Shape,
  dim: number,
  dtype: DType,
  draw: Draw = operands(op) === 2 ? negative : scores,
): void {
  const inputs = Array.from({ length: operands(op) }, (_, i) => plainView(shape, dtype, 7 + i, draw));
  agree(op, inputs, { dim }, [{ shape, dtype }], precision[dtype]);
}

describe.each(ops)("%s", (op) => {
  test.each(floatDTypes)("along any dimension of any view of %s", (dtype) => {
    const problem = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }).chain((shape) => {
      const views = Array.from({ length: operands(op) }, () =>
        anyView(shape, dtype, operands(op) === 2 ? negative : scores),
      );
      return fc.tuple(fc.tuple(...views), fc.nat({ max: shape.length - 1 }));
    });
    fc.assert(
      fc.property(problem, ([inputs, dim]) => {
        agree(op, inputs, { dim }, [{ shape: inputs[0]!.shape, dtype }], 3 * precision[dtype]!);
      }),
      { numRuns: 40 },
    );
  });

  test("of long lines and of many", () => {
    check(op, [3, 1003], 1, "float32");
    check(op, [1003, 3], 0, "float32");
    check(op, [5, 41, 37], 1, "float64");
    check(op, [3, 1003], 1, "float64");
    check(op, [40, 7], 1, "float64");
    check(op, [200, 10], 1, "float32");
    check(op, [], 0, "float32");
    check(op, [0, 3], 1, "float32");
  });

  test("of columns that are too long to be kept", () => {
    check(op, [140_000, 5], 0, "bfloat16");
    check(op, [270_000, 3], 0, "float32");
  });

  test("of 16-bit floats", () => {
    check(op, [3, 400_000], 1, "bfloat16");
    check(op, [1031, 1100], 0, "bfloat16");
    check(op, [9, 1300, 100], 0, "bfloat16");
    check(op, [], 0, "bfloat16");
    const turned = Array.from({ length: operands(op) }, (_, i): Spec => {
      return { ...plainView([1000, 1100], "float16", 3 + i, negative), shape: [1100, 1000], strides: [1, 1100] };
    });
    agree(op, turned, { dim: 1 }, [{ shape: [1100, 1000], dtype: "float16" }], precision.float16);
  });
});

test("large, infinite and undefined scores", () => {
  const awkward: Draw = (random) => {
    const x = random();
    return x < 0.1 ? -Infinity : x < 0.2 ? 300 : x * 1000 - 500;
  };
  check("softmax", [20, 13], 1, "float32", awkward);
  check("logSoftmax", [20, 13], 0, "float32", awkward);
  check("softmax", [20, 13], 1, "float64", awkward);
  check("softmax", [4, 6], 1, "float32", () => -Infinity);
  check("logSoftmax", [4, 6], 1, "float64", (random) => (random() < 0.2 ? Number.NaN : 1));
});

test("small powers are precise, and vanish where they are no normal numbers", () => {
  const spread: Draw = (random) => -random() * 100;
  for (const seed of [1, 2, 3]) {
    const x = plainView([1, 400], "float32", seed, spread);
    const y = outputsOf("softmax", [x], { dim: 1 }, [{ shape: x.shape, dtype: "float32" }])[0]!;
    const scores = x.values.map(Math.fround);
    const top = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(Math.fround(score - top)));
    const total = powers.reduce((sum, power) => sum + power, 0);
    powers.forEach((power, i) => {
      const wanted = power / total;
      const error = Math.abs(y[i]! - wanted);
      if (!(error <= 1e-6 * wanted || (wanted < 2e-38 && y[i]! < 2e-38))) expect(y[i]).toBe(wanted);
    });
  }
});

test("long lines are added up in no long chain", () => {
  const n = 2 ** 16;
  const x: Spec = { ...plainView([n], "float32", 1), values: Array.from({ length: n }, (_, i) => (i === 0 ? 1 : 0)) };
  const [first] = outputsOf("softmax", [x], { dim: 0 }, [{ shape: [n], dtype: "float32" }])[0]!;
  expect(Math.abs(first! * (1 + (n - 1) / Math.E) - 1)).toBeLessThan(2e-6);
});

test("the number of threads changes nothing", () => {
  const x = plainView([300, 70], "float32", 1, scores);
  const run = (): number[][] =>
    [0, 1].map((dim) => outputsOf("softmax", [x], { dim }, [{ shape: x.shape, dtype: "float32" }])[0]!);
  const before = getNumThreads();
  setNumThreads(1);
  const alone = run();
  setNumThreads(4);
  expect(run()).toEqual(alone);
  setNumThreads(before);
});
