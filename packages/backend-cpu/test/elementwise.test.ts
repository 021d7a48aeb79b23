import { type BinaryOp, binaryOps, type DType, dtypes, isFloat, type UnaryOp, unaryOps } from "@dl/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { getNumThreads, setNumThreads } from "../src/runtime/index.ts";
import { agree, allDTypes, anyView, type Draw, outputsOf, plainView, precision, type Spec } from "./oracle.ts";

type Op = UnaryOp | BinaryOp;

const wholeOnly = new Set<Op>(["bitwiseNot", "bitwiseAnd", "bitwiseOr", "bitwiseXor", "gcd"]);
const shifts = new Set<Op>(["bitwiseLeftShift", "bitwiseRightShift"]);
const divisions = new Set<Op>(["floorDivide", "remainder", "fmod"]);
/** The core refuses or casts them; the reference flips all bits of a bool. */
const notOfBools = new Set<Op>([
  ...divisions,
  ...shifts,
  "gcd",
  "bitwiseNot",
  "neg",
  "sub",
  "pow",
  "hypot",
  "sign",
  "abs",
]);

/** Quarters, which every float dtype holds. */
const quarters: Draw = (random) => Math.floor(random() * 25) / 4 - 3;
const positive: Draw = (random) => Math.floor(random() * 12) / 4 + 0.25;
const counts: Draw = (random) => Math.floor(random() * 7);

/** Away from poles, where a rounding of the argument is magnified without bound. */
const draws: { readonly [K in Op]?: Draw } = { lgamma: positive, digamma: positive, trigamma: positive };

function takes(op: Op, rule: string, dtype: DType): boolean {
  if (rule === "float" || op === "geluBackward") return isFloat(dtype);
  if (wholeOnly.has(op) && isFloat(dtype)) return false;
  if (shifts.has(op) && isFloat(dtype)) return false;
  return dtype !== "bool" || !notOfBools.has(op);
}

const resultOf = (rule: string, dtype: DType): DType => (rule === "bool" || rule === "logical" ? "bool" : dtype);

function drawFor(op: Op, dtype: DType, second: boolean): Draw {
  if (second && shifts.has(op)) return counts;
  if (second && divisions.has(op) && !isFloat(dtype)) return (random) => Math.floor(random() * 3) + 1;
  return draws[op] ?? quarters;
}

const sizes = fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 4 });

describe.each(allDTypes)("%s", (dtype) => {
  const unary = (Object.keys(unaryOps) as UnaryOp[]).filter((op) => takes(op, unaryOps[op].dtype, dtype));
  test.each(unary)("%s of any view", (op) => {
    const views = sizes.chain((shape) => anyView(shape, dtype, drawFor(op, dtype, false)));
    const output = resultOf(unaryOps[op].dtype, dtype);
    fc.assert(
      fc.property(views, (x) => {
        agree(op, [x], {}, [{ shape: x.shape, dtype: output }], precision[dtype]);
      }),
      { numRuns: 8 },
    );
  });

  const binary = (Object.keys(binaryOps) as BinaryOp[]).filter((op) => takes(op, binaryOps[op].dtype, dtype));
  test.each(binary)("%s of any two views", (op) => {
    const views = sizes.chain((shape) =>
      fc.tuple(anyView(shape, dtype, drawFor(op, dtype, false)), anyView(shape, dtype, drawFor(op, dtype, true))),
    );
    const output = resultOf(binaryOps[op].dtype, dtype);
    fc.assert(
      fc.property(views, ([a, b]) => {
        agree(op, [a, b], {}, [{ shape: a.shape, dtype: output }], precision[dtype]);
      }),
      { numRuns: 8 },
    );
  });

  test("where, with views and numbers", () => {
    const views = sizes.chain((shape) =>
      fc.tuple(anyView(shape, "bool", counts), anyView(shape, dtype), fc.oneof(anyView(shape, dtype), fc.constant(1))),
    );
    fc.assert(
      fc.property(views, ([c, a, b]) => {
        agree("where", [c, a, b], {}, [{ shape: a.shape, dtype }]);
        agree("where", [c, b, a], {}, [{ shape: a.shape, dtype }]);
      }),
    );
  });

  test.each(allDTypes)("cast to %s", (to) => {
    const views = sizes.chain((shape) => anyView(shape, dtype, isFloat(dtype) ? quarters : undefined));
    fc.assert(
      fc.property(views, (x) => {
        agree("cast", [x], { dtype: to }, [{ shape: x.shape, dtype: to }]);
      }),
      { numRuns: 8 },
    );
  });

  test("copy, full", () => {
    fc.assert(
      fc.property(
        sizes.chain((shape) => anyView(shape, dtype)),
        (x) => {
          agree("copy", [x], {}, [{ shape: x.shape, dtype }]);
          const attrs = { shape: x.shape, dtype, value: 1 };
          agree("full", [], attrs, [attrs]);
        },
      ),
    );
  });
});

test.each(allDTypes.filter((dtype) => dtype !== "bool"))("numbers on either side in %s", (dtype) => {
  const x = plainView([13], dtype, 5);
  for (const inputs of [
    [x, 2],
    [3, x],
  ]) {
    agree("add", inputs, {}, [{ shape: [13], dtype }], precision[dtype]);
    agree("lt", inputs, {}, [{ shape: [13], dtype: "bool" }]);
  }
});

describe("layouts that matter for speed", () => {
  const big: Draw = (random) => Math.floor(random() * 2000) - 1000;
  const matrix = plainView([96, 128], "float32", 3, big);
  const turned: Spec = { ...plainView([128, 96], "float32", 4, big), shape: [96, 128], strides: [1, 96] };
  const row: Spec = { ...plainView([128], "float32", 5, big), shape: [96, 128], strides: [0, 1] };
  const column: Spec = { ...plainView([96], "float32", 6, big), shape: [96, 128], strides: [1, 0] };
  const single: Spec = { ...plainView([1], "float32", 7, big), shape: [96, 128], strides: [0, 0] };
  const operands = { matrix, turned, row, column, single };
  const pairs = Object.entries(operands).flatMap(([a, x]) =>
    Object.entries(operands).map(([b, y]) => [`${a}, ${b}`, x, y] as const),
  );
  test.each(pairs)("%s", (_, x, y) => {
    agree("sub", [x, y], {}, [{ shape: [96, 128], dtype: "float32" }]);
  });

  test.each(allDTypes)("short rows of %s", (dtype) => {
    for (const run of [9, 16, 23, 50, 68, 515]) {
      const shape = [11, run];
      const wide = plainView([11, run + 3], dtype, 11, counts);
      const part: Spec = { ...wide, shape, offset: 2 };
      const row: Spec = { ...plainView([run], dtype, 12, counts), shape, strides: [0, 1] };
      const column: Spec = { ...plainView([11], dtype, 13, counts), shape, strides: [1, 0] };
      for (const other of [part, row, column]) {
        agree("maximum", [part, other], {}, [{ shape, dtype }]);
        agree("eq", [other, part], {}, [{ shape, dtype: "bool" }]);
      }
      agree("copy", [part], {}, [{ shape, dtype }]);
      agree("maximum", [column, row], {}, [{ shape, dtype }]);
    }
  });

  const orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]; // biome-ignore format: one line
  test.each(orders)("copies of dimensions in order %i %i %i", (...order) => {
    for (const sizes of [
      [3, 37, 22],
      [18, 16, 4],
      [1, 300, 5],
      [33, 2, 65],
    ]) {
      const plain = plainView(sizes, "int32", 8, big);
      const strides = [sizes[1]! * sizes[2]!, sizes[2]!, 1];
      const shape = order.map((dim) => sizes[dim]!);
      const view = { ...plain, shape, strides: order.map((dim) => strides[dim]!) };
      agree("copy", [view], {}, [{ shape, dtype: "int32" }]);
      agree("add", [view, plainView(shape, "int32", 9, big)], {}, [{ shape, dtype: "int32" }]);
    }
  });

  test.each(allDTypes)("runs of %s in reverse, and short ones that cross others", (dtype) => {
    const to = dtype === "float64" ? "float32" : "float64";
    for (const [rows, run] of [
      [3, 37],
      [2, 600],
      [1024, 3],
      [700, 2],
    ] as const) {
      const plain = plainView([rows, 2 * run], dtype, 10, counts);
      const cut = { ...plain, shape: [rows, run], offset: run };
      const reverse = { ...cut, strides: [2 * run, -1], offset: run - 1 };
      for (const view of [cut, reverse]) {
        agree("copy", [view], {}, [{ shape: [rows, run], dtype }]);
        agree("cast", [view], { dtype: to }, [{ shape: [rows, run], dtype: to }]);
        agree("eq", [view, cut], {}, [{ shape: [rows, run], dtype: "bool" }]);
      }
    }
  });

  test.each([1, 2, 3, 4, 5, 15, 16, 17, 31, 32, 33, 1023])("%i elements", (size) => {
    for (const dtype of allDTypes) {
      const x = plainView([size], dtype, size);
      agree("mul", [x, x], {}, [{ shape: [size], dtype }], precision[dtype]);
      agree("eq", [x, x], {}, [{ shape: [size], dtype: "bool" }]);
    }
  });
});

const narrow = ["int8", "uint8", "int16", "bool"] as const;
const inPairs: readonly BinaryOp[] = [
  ...(["add", "sub", "mul", "maximum", "minimum", "bitwiseAnd", "bitwiseOr", "bitwiseXor"] as const),
  ...(["eq", "ne", "lt", "le", "gt", "ge", "logicalAnd", "logicalOr", "logicalXor"] as const),
];

test.each(narrow)("%s side by side wraps and compares like numbers, all pairs of bytes", (dtype) => {
  const all = (of: (i: number) => number): Spec => {
    const values = Array.from({ length: 65536 + 3 }, (_, i) => of(i & 0xffff));
    return { shape: [values.length], dtype, strides: [1], offset: 0, values };
  };
  const [least, range] = { int8: [-128, 256], uint8: [0, 256], int16: [-32768, 65536], bool: [0, 2] }[dtype] as [
    number,
    number,
  ];
  const x = all((i) => least + (i % range));
  const y = all((i) => least + (range > 256 ? Math.imul(i, 40503) & 0xffff : Math.floor(i / range) % range));
  const output = (rule: string, { shape } = x) => [{ shape, dtype: rule === "same" ? dtype : ("bool" as const) }];
  const some = { ...x, shape: [1003] };
  const ends = [least, least + range - 1].map((value): Spec => ({ ...some, strides: [0], values: [value] }));
  for (const op of inPairs) {
    const rule = binaryOps[op].dtype;
    if (!takes(op, rule, dtype)) continue;
    agree(op, [x, y], {}, output(rule));
    for (const end of ends) agree(op, [some, end], {}, output(rule, some));
  }
  for (const op of ["neg", "abs", "sign", "relu", "square", "bitwiseNot", "logicalNot", "signbit"] as const) {
    const rule = unaryOps[op].dtype;
    if (takes(op, rule, dtype)) agree(op, [x], {}, output(rule));
  }
  const condition: Spec = { ...all((i) => (i >> 3) & 1), dtype: "bool" };
  agree("where", [condition, x, y], {}, output("same"));
});

test("powers with exponents that have ways of their own", () => {
  for (const dtype of ["float32", "float64", "float16"] as const) {
    const x = plainView([37], dtype, 4, quarters);
    for (const exponent of [2, 3, 0.5, -0.5, -1, -2, 1, 0, 2.5, 4, 5, -3]) {
      agree("pow", [x, exponent], {}, [{ shape: [37], dtype }], precision[dtype]);
    }
  }
});

test("the number of threads changes nothing", () => {
  const shape = [300, 1000];
  const x = plainView(shape, "float32", 9, (random) => random() * 20 - 10);
  const turned = { ...x, strides: [1, 300] };
  const apart = { ...x, shape: [149_999], strides: [2] };
  const run = (): number[][][] =>
    (["exp", "sin", "tan", "lgamma"] as const).flatMap((op) =>
      [x, turned, apart].map((view) => outputsOf(op, [view], {}, [{ shape: view.shape, dtype: "float32" }])),
    );
  const before = getNumThreads();
  try {
    setNumThreads(1);
    const one = run();
    setNumThreads(2);
    for (let round = 0; round < 3; round++) expect(run()).toEqual(one);
  } finally {
    setNumThreads(before);
  }
});

describe("whole numbers", () => {
  const whole = allDTypes.filter((dtype) => dtypes[dtype].kind === "int");
  test.each(whole)("%s divided by zero is refused", (dtype) => {
    const x = plainView([3], dtype, 1, () => 6);
    const zero: Spec = { ...x, values: [1, 0, 2] };
    for (const op of ["floorDivide", "remainder", "fmod"] as const) {
      for (const divisor of [zero, 0]) {
        const run = (): unknown => outputsOf(op, [x, divisor], {}, [{ shape: [3], dtype }]);
        expect(run).toThrow(`${op}: a whole number is divided by zero`);
      }
    }
  });

  test("wrap around, also where the instruction would trap", () => {
    const out = [{ shape: [1], dtype: "int32" as const }];
    const lowest = plainView([1], "int32", 1, () => -(2 ** 31));
    expect(outputsOf("floorDivide", [lowest, -1], {}, out)).toEqual([[-(2 ** 31)]]);
    expect(outputsOf("remainder", [lowest, -1], {}, out)).toEqual([[0]]);
    expect(outputsOf("neg", [lowest], {}, out)).toEqual([[-(2 ** 31)]]);
    expect(outputsOf("sub", [lowest, 1], {}, out)).toEqual([[2 ** 31 - 1]]);
    expect(outputsOf("pow", [plainView([1], "int32", 1, () => 3), 40], {}, out)).toEqual([
      [Number((3n ** 40n) & 0xffffffffn) | 0],
    ]);
    const byte = plainView([1], "uint8", 1, () => 200);
    expect(outputsOf("add", [byte, 100], {}, [{ shape: [1], dtype: "uint8" }])).toEqual([[44]]);
  });

  test("bools flip", () => {
    const x = plainView([2], "bool", 1, (random) => Math.round(random()));
    const out = [{ shape: [2], dtype: "bool" as const }];
    expect(outputsOf("bitwiseNot", [x], {}, out)).toEqual(outputsOf("logicalNot", [x], {}, out));
  });

  test("shifts by a number are those by as many numbers", () => {
    for (const dtype of ["int8", "uint8", "int16", "int32", "int64"] as const) {
      const x = plainView([37], dtype, 3, (random) => Math.floor((random() - 0.5) * 2 ** (8 * dtypes[dtype].bytes)));
      const out = [{ shape: [37], dtype }];
      for (const by of [0, 1, 7, 8, 31, 32, 63]) {
        const numbers = plainView([37], dtype, 1, () => by);
        for (const op of ["bitwiseLeftShift", "bitwiseRightShift"] as const) {
          expect(outputsOf(op, [x, by], {}, out), `${op} ${dtype} ${by}`).toEqual(outputsOf(op, [x, numbers], {}, out));
        }
      }
    }
  });

  test("of a shift the low bits count, as in PyTorch: five, or six for int64", () => {
    for (const [dtype, bits] of [
      ["int8", 32],
      ["int16", 32],
      ["int32", 32],
      ["int64", 64],
    ] as const) {
      const out = [{ shape: [37], dtype }];
      const x = plainView([37], dtype, 1, (random) => Math.floor((random() - 0.5) * 200));
      for (const op of ["bitwiseLeftShift", "bitwiseRightShift"] as const) {
        for (const by of [-1, -3, bits, bits + 1, 127]) {
          const numbers = plainView([37], dtype, 1, () => by);
          const expected = outputsOf(op, [x, by & (bits - 1)], {}, out);
          expect(outputsOf(op, [x, by], {}, out), `${op} ${dtype} ${by}`).toEqual(expected);
          expect(outputsOf(op, [x, numbers], {}, out), `${op} ${dtype} of ${by}s`).toEqual(expected);
        }
      }
    }
  });
});
