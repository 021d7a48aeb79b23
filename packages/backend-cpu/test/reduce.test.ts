import {
  type DType,
  dtypes,
  full,
  ones,
  type ReduceOp,
  randn,
  type Shape,
  scope,
  type Tensor,
  tensor,
} from "@dl/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { getNumThreads, setNumThreads } from "../src/index.ts";
import {
  agree,
  allDTypes,
  anyView,
  type Draw,
  floatDTypes,
  outputsOf,
  plainView,
  precision,
  type Spec,
} from "./oracle.ts";

type Fold = ReduceOp | "extremes";
const folds = ["sum", "prod", "amax", "amin", "any", "all", "extremes"] as const;

function dtypeOf(op: Fold, dtype: DType): DType {
  if (op === "any" || op === "all") return "bool";
  if (op === "argmax" || op === "argmin") return "int64";
  return (op === "sum" || op === "prod") && dtypes[dtype].kind !== "float" ? "int64" : dtype;
}

function outputOf(op: Fold, { shape, dtype }: Spec, dims: Shape): { shape: Shape; dtype: DType } {
  return { shape: shape.filter((_, dim) => !dims.includes(dim)), dtype: dtypeOf(op, dtype) };
}

function check(op: Fold, x: Spec, dims: Shape, tolerance = precision[x.dtype]): void {
  const output = outputOf(op, x, dims);
  agree(op, [x], { dims, keepdim: false }, op === "extremes" ? [output, output] : [output], tolerance);
}

describe.each(folds)("%s", (op) => {
  const ones = (random: () => number): number => (random() < 0.2 ? -1 : 1);
  test.each(allDTypes)("of %s over any dimensions of any view", (dtype) => {
    const size = ["amax", "amin", "extremes"].includes(op)
      ? fc.integer({ min: 1, max: 7 })
      : fc.integer({ min: 0, max: 7 });
    const shapes = fc.array(size, { maxLength: 5 }).filter((shape) => shape.reduce((a, b) => a * b, 1) < 700);
    const problem = shapes.chain((shape) => {
      return fc.tuple(anyView(shape, dtype, op === "prod" ? ones : undefined), fc.subarray([...shape.keys()]));
    });
    fc.assert(
      fc.property(problem, ([x, dims]) => check(op, x, dims)),
      { numRuns: 50 },
    );
  });

  test.each(allDTypes)("of long rows and columns of %s", (dtype) => {
    const draw = op === "prod" ? ones : op === "sum" ? (random: () => number) => Math.floor(random() * 2) : undefined;
    for (const shape of [
      [3, 533],
      [533, 3],
      [2, 300, 37],
      [17, 5, 19],
    ]) {
      const x = plainView(shape, dtype, 5, draw);
      for (const dim of shape.keys()) check(op, x, [dim]);
    }
  });
});

describe.each(["argmax", "argmin"] as const)("%s", (op) => {
  test.each(allDTypes)("of %s along one dimension or all, the first of equals", (dtype) => {
    const problem = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 4 }).chain((shape) => {
      const dims = [...shape.keys()];
      return fc.tuple(anyView(shape, dtype), fc.constantFrom(dims, ...dims.map((dim) => [dim])));
    });
    fc.assert(
      fc.property(problem, ([x, dims]) => check(op, x, dims)),
      { numRuns: 50 },
    );
  });

  test("gives the first NaN, and large rows to several threads", () => {
    const awkward = (random: () => number): number => (random() < 0.05 ? Number.NaN : random());
    for (const dims of [[0], [1], [0, 1]]) {
      check(op, plainView([40, 7], "float32", 9, awkward), dims);
      check(op, plainView([300, 150], "float64", 9), dims);
    }
  });

  test.each(allDTypes.filter((dtype) => dtype !== "bool"))(
    "of %s in lines side by side, the first of equals",
    (dtype) => {
      const alike = (random: () => number): number => Math.floor(3 * random());
      for (const shape of [
        [37, 5],
        [2, 300, 259],
        [3, 6, 19],
      ]) {
        check(op, plainView(shape, dtype, 7, alike), [shape.length - 2]);
      }
    },
  );

  test.each(floatDTypes)(
    "gives the first of equals, zeros of both signs too, and of NaNs in long lines of %s",
    (dtype) => {
      const few = [-Infinity, -1, -0, 0, 2];
      const alike =
        (from: number, to: number): Draw =>
        (random) =>
          random() < 0.02 ? Number.NaN : few[from + Math.floor((to - from) * random())]!;
      for (let length = 15; length < 70; length++) {
        for (const [from, to] of [
          [0, 5],
          [0, 4],
          [2, 5],
        ] as const) {
          check(op, plainView([12, length], dtype, length, alike(from, to)), [1]);
        }
        check(op, plainView([length, 41], dtype, length, alike(0, 5)), [0]);
      }
    },
  );

  test.each(allDTypes)("of %s in long lines, wherever the extreme is", (dtype) => {
    const rough = (random: () => number): number => Math.floor(120 * random());
    for (const length of [16, 17, 33, 64, 130, 263]) check(op, plainView([12, length], dtype, length, rough), [1]);
  });
});

test("large sums are cut into parts and lose next to nothing", () => {
  const fraction = (random: () => number): number => random();
  for (const [shape, dims] of [
    [[300_001], [0]],
    [[3, 70_001], [1]],
    [[5000, 33], [0]],
    [
      [40, 2, 1200],
      [0, 2],
    ],
    [[2, 900, 70], [1]],
    [
      [3, 30, 5, 30, 9],
      [1, 3],
    ],
  ] as const) {
    check("sum", plainView(shape, "float32", 3, fraction), dims, 1e-6);
    check("amax", plainView(shape, "float32", 4, fraction), dims, 0);
    check("extremes", plainView(shape, "float32", 5, fraction), dims, 0);
  }
});

test.each([
  ["float32", 4 * 2 ** -23],
  ["float64", 32 * 2 ** -52],
] as const)("sums of equal numbers of %s, whose errors add up, are no long chains", (dtype, limit) => {
  const sums: readonly (readonly [elements: number, sum: (x: Tensor) => Tensor])[] = [
    [2 ** 20, (x) => x.sum()],
    [2 ** 14, (x) => x.view(2 ** 14, 2 ** 6).sum(0)],
    [2 ** 15, (x) => x.view(2 ** 5, 2 ** 15).sum(1)],
    [2 ** 18, (x) => x.view(2 ** 2, 2 ** 18).sum(1)],
    [2 ** 16, (x) => x.view(2 ** 2, 2 ** 16, 2 ** 2).sum(1)],
    [
      2 ** 13,
      (x) =>
        x
          .view(2 ** 6, 2 ** 13, 2)
          .select(2, 1)
          .sum(1),
    ],
    [
      2 ** 13,
      (x) =>
        x
          .view(2 ** 13, 2, 2 ** 6)
          .select(1, 0)
          .sum(0),
    ],
  ];
  scope(() => {
    const x = full([2 ** 20], 0.1, { dtype });
    const exact = dtype === "float32" ? Math.fround(0.1) : 0.1;
    for (const [elements, sum] of sums) {
      const [first] = sum(x).flatten().toArray() as ArrayLike<number> & Iterable<number>;
      expect(Math.abs(first! / (elements * exact) - 1), `${sum}`).toBeLessThan(limit);
    }
  });
});

test("more elements are counted than a number of 32 bits with a sign can tell", () => {
  const count = 2 ** 31 + 64;
  expect(scope(() => ones(1, { dtype: "uint8" }).expand(count).sum().item())).toBe(count);
});

test("every element of a line counts in products of int64", () => {
  const size = 45;
  const factor = (i: number): number => (i % (size + 1) === 0 ? -(2 ** 33) - 5 : 1);
  const values = Array.from({ length: size * size }, (_, i) => factor(i));
  const rows: Spec = { shape: [size, size], dtype: "int64", strides: [size, 1], offset: 0, values };
  check("prod", rows, [1]);
  check("prod", rows, [0]);
  const apart = values.flatMap((x) => [x, 3]);
  check("prod", { ...rows, strides: [2 * size, 2], values: apart }, [1]);
  check("prod", { ...rows, shape: [40], strides: [1], values: Array(40).fill(-2) }, [0]);
});

test("products may leave the range of float32 on their way", () => {
  const large = Array.from({ length: 16 }, (_, i) => (i < 8 ? 1e30 : 1e-30));
  const rows: Spec = {
    shape: [3, 16],
    dtype: "float32",
    strides: [16, 1],
    offset: 0,
    values: [large, large, large].flat(),
  };
  const columns: Spec = { ...rows, shape: [16, 16], strides: [1, 16], values: large.flatMap(() => large) };
  const turned: Spec = { ...columns, strides: [16, 1], values: large.flatMap((x) => large.map(() => x)) };
  check("prod", rows, [1], 1e-5);
  check("prod", columns, [0], 1e-5);
  check("prod", turned, [0], 1e-5);
});

test.each([
  ["int8", -128, 127],
  ["uint8", 0, 255],
  ["int16", -32768, 32767],
  ["bool", 0, 1],
] as const)("extremes of %s in every lane, among numbers of the other sign", (dtype, least, most) => {
  for (const op of ["amax", "amin"] as const) {
    for (const [width, other, extreme] of [
      [131, least, least + 1],
      [128, most, most - 1],
      [65, 0, op === "amax" ? most : least],
    ] as const) {
      const values = Array.from({ length: width * width }, (_, i) => (i % (width + 1) === 0 ? extreme : other));
      const x: Spec = { shape: [width, width], dtype, strides: [width, 1], offset: 0, values };
      for (const dims of [[1], [0], [0, 1]]) check(op, x, dims);
    }
  }
});

test.each(["int8", "uint8", "int16", "bool"] as const)("whether any or all hold, where one differs, of %s", (dtype) => {
  const width = 131;
  for (const [op, most] of [
    ["any", 0],
    ["all", 1],
  ] as const) {
    const values = Array.from({ length: width * width }, (_, i) => (i % (2 * width + 2) === 0 ? 1 - most : most));
    const x: Spec = { shape: [width, width], dtype, strides: [width, 1], offset: 0, values };
    for (const dims of [[1], [0], [0, 1]]) check(op, x, dims);
  }
});

test.each([
  ["int8", -128, 127],
  ["uint8", 0, 255],
  ["int16", -32768, 32767],
  ["bool", 0, 1],
] as const)("sums of many %s at the ends of its range", (dtype, least, most) => {
  const size = 2 ** 17 + 77;
  for (const end of [least, most]) {
    const x = full([2, size], end, { dtype });
    expect(x.sum().item()).toBe(2 * size * end);
    expect(x.sum(1).toArray()).toEqual([size * end, size * end]);
    expect(x.narrow(1, 3, 100_001).sum(1).toArray()).toEqual([100_001 * end, 100_001 * end]);
  }
});

test("NaN wins, infinities count", () => {
  const awkward = (random: () => number): number => {
    const x = random();
    return x < 0.1 ? Number.NaN : x < 0.2 ? Infinity : x < 0.3 ? -Infinity : x;
  };
  const rarely = (random: () => number): number => (random() < 0.02 ? Number.NaN : Math.round(9 * random()));
  for (const op of ["sum", "amax", "amin", "any", "extremes"] as const) {
    for (const dims of [[0], [1], [0, 1]]) {
      check(op, plainView([5, 37], "float32", 9, awkward), dims);
      check(op, plainView([37, 5], "float64", 9, awkward), dims);
      for (const dtype of ["float16", "bfloat16"] as const) check(op, plainView([41, 29], dtype, 9, rarely), dims);
    }
  }
});

describe("short rows", () => {
  const ones = (random: () => number): number => (random() < 0.1 ? -1 : 1);

  test.each(["float32", "float64", "int32", "int16", "bool"] as const)("of %s, wherever they end", (dtype) => {
    for (const count of [1, 2, 3, 4, 5, 16, 31, 33, 63, 64, 65, 129, 511, 512, 513]) {
      for (const rows of [1, 3, 4, 6]) {
        for (const op of folds) check(op, plainView([rows, count], dtype, 7, op === "prod" ? ones : undefined), [1]);
      }
    }
  });

  test.each([5, 37, 64, 100, 300])("of equal numbers, %i of them, have equal results, and lie anywhere", (count) => {
    const sums = (x: Tensor): number[] => [...new Set((x.sum(1) as Tensor).toArray() as number[])];
    scope(() => {
      const wide = randn(count + 3)
        .expand(11, count + 3)
        .contiguous();
      const narrow = wide.narrow(1, 1, count);
      expect(sums(narrow)).toHaveLength(1);
      expect(sums(narrow.contiguous())).toEqual(sums(narrow));
    });
  });

  test("with NaN anywhere", () => {
    const numbers = (row: number): number[] => Array.from({ length: 21 }, (_, i) => (i === row ? Number.NaN : i));
    const x = tensor(Array.from({ length: 21 }, (_, row) => numbers(row)));
    const highest = (y: Tensor): number[] => scope(() => y.amax(1).toArray() as number[]);
    expect(highest(x)).toEqual(Array(21).fill(Number.NaN));
    expect(highest(x.narrow(1, 0, 20))).toEqual([...Array(20).fill(Number.NaN), 19]);
    x.dispose();
  });
});

test("as many elements as a view can have", () => {
  scope(() =>
    expect(
      ones([1], { dtype: "float64" })
        .expand(2 ** 32 - 1)
        .sum()
        .item(),
    ).toBe(2 ** 32 - 1),
  );
});

test("the number of threads changes nothing", () => {
  const fraction = (random: () => number): number => random() - 0.5;
  const x = plainView([300, 700], "float32", 1, fraction);
  const run = (): number[][] =>
    [[0], [1], [0, 1]].map((dims) => outputsOf("sum", [x], { dims, keepdim: false }, [outputOf("sum", x, dims)])[0]!);
  const before = getNumThreads();
  setNumThreads(1);
  const alone = run();
  setNumThreads(4);
  expect(run()).toEqual(alone);
  setNumThreads(before);
});
