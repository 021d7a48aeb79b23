import { type ReduceOp, reduceOps, type ScanOp, type Shape, type SoftmaxOp, scanOps, stridesOf } from "@dl/tensor";
import { test } from "vitest";
import { agrees, noise, type Source } from "./both.ts";
import { onDevice } from "./device.ts";

const size = (shape: Shape): number => shape.reduce((product, extent) => product * extent, 1);
const floats = (shape: Shape, seed = 1): Source => ({ dtype: "float32", data: noise(size(shape), seed), shape });
/** Another window on more memory: every second column from the last to the first of a transposed matrix. */
const strided = (rows: number, columns: number): Source => ({
  dtype: "float32",
  data: noise(rows * columns * 2 + 3),
  shape: [rows, columns],
  strides: [-1, 2 * rows],
  offset: rows + 2,
});

const dtypeOf = { acc: "float32", same: "float32", index: "int64", logical: "bool" } as const;
const without = (shape: Shape, dims: readonly number[]): number[] => shape.filter((_, dim) => !dims.includes(dim));
const reductions = Object.entries(reduceOps) as [ReduceOp, { dtype: keyof typeof dtypeOf }][];
const scans = Object.keys(scanOps) as ScanOp[];

onDevice("reductions", () => {
  const cases: [Source, number[]][] = [
    [floats([7]), [0]],
    [floats([3, 70]), [1]],
    [floats([70, 3]), [0]],
    [floats([4, 5, 600]), [0, 2]],
    [floats([3, 2000]), [1]],
    [floats([2, 3, 4, 5]), [1, 3]],
    [strided(9, 11), [0]],
    [strided(9, 11), [1]],
    [floats([]), []],
    [floats([5, 1]), [1]],
  ];
  test.each(reductions)("%s", async (op, { dtype }) => {
    for (const [source, dims] of cases) {
      const outputs = [{ shape: without(source.shape, dims), dtype: dtypeOf[dtype] }];
      await agrees(op, [source], { dims, keepdim: false }, outputs, 2e-5);
    }
  });

  test("long lone lines are cut into pieces", async () => {
    const source = floats([100_003]);
    for (const op of ["sum", "amax", "argmin"] as const) {
      const outputs = [{ shape: [], dtype: dtypeOf[reduceOps[op].dtype] }];
      await agrees(op, [source], { dims: [0], keepdim: false }, outputs, 1e-4);
    }
  });

  test("NaN and ties as PyTorch", async () => {
    const data = [1, Number.NaN, 3, Number.NaN, 3, -1];
    for (const [op, { dtype }] of reductions) {
      await agrees(op, [{ dtype: "float32", data, shape: [6] }], { dims: [0], keepdim: false }, [
        { shape: [], dtype: dtypeOf[dtype] },
      ]);
    }
    const ties = { dtype: "int32", data: [2, 5, 5, 1, 1], shape: [5] } as const;
    await agrees("argmax", [ties], { dims: [0], keepdim: false }, [{ shape: [], dtype: "int64" }]);
    await agrees("argmin", [ties], { dims: [0], keepdim: false }, [{ shape: [], dtype: "int64" }]);
  });

  test("whole numbers and bools", async () => {
    const whole = { dtype: "int32", data: [3, -4, 5, 0, 7, -9], shape: [2, 3] } as const;
    for (const op of ["sum", "prod"] as const) {
      await agrees(op, [whole], { dims: [1], keepdim: false }, [{ shape: [2], dtype: "int64" }]);
    }
    for (const op of ["amax", "amin"] as const) {
      await agrees(op, [whole], { dims: [0], keepdim: false }, [{ shape: [3], dtype: "int32" }]);
    }
    const flags = { dtype: "bool", data: [1, 0, 1, 1, 1, 1], shape: [2, 3] } as const;
    for (const op of ["any", "all"] as const) {
      await agrees(op, [flags], { dims: [1], keepdim: false }, [{ shape: [2], dtype: "bool" }]);
    }
    await agrees("sum", [flags], { dims: [0, 1], keepdim: false }, [{ shape: [], dtype: "int64" }]);
  });

  test("of nothing", async () => {
    await agrees("sum", [floats([3, 0])], { dims: [1], keepdim: false }, [{ shape: [3], dtype: "float32" }]);
    await agrees("prod", [floats([0])], { dims: [0], keepdim: false }, [{ shape: [], dtype: "float32" }]);
    await agrees("sum", [floats([0, 3])], { dims: [1], keepdim: false }, [{ shape: [0], dtype: "float32" }]);
  });
});

onDevice("scans", () => {
  test.each(scans)("%s", async (op) => {
    for (const [source, dim] of [
      [floats([5]), 0],
      [floats([3, 4, 5]), 1],
      [floats([2, 700]), 1],
      [strided(9, 11), 0],
      [{ dtype: "float32", data: [1, 3, Number.NaN, 3, 5], shape: [5] }, 0],
      [{ dtype: "float32", data: [2, 2, 1, 2, 0, 0], shape: [6] }, 0],
    ] as [Source, number][]) {
      const values = { shape: source.shape, dtype: "float32" } as const;
      const places = { shape: source.shape, dtype: "int64" } as const;
      const outputs = op === "cummax" || op === "cummin" ? [values, places] : [values];
      await agrees(op, [source], { dim }, outputs, 1e-4, 1e-5);
    }
  });
});

onDevice("softmax and its kin", () => {
  const rows: SoftmaxOp[] = ["softmax", "logSoftmax", "softmaxBackward", "logSoftmaxBackward"];
  test.each(rows)("%s", async (op) => {
    const shapes: [Shape, number][] = [
      [[3, 10], 1],
      [[3, 10], 0],
      [[2, 3, 100], 2],
      [[2, 1500], 1],
      [[2, 3, 4], 1],
      [[], 0],
    ];
    for (const [shape, dim] of shapes) {
      const inputs = op.endsWith("Backward") ? [floats(shape), floats(shape, 2)] : [floats(shape)];
      await agrees(op, inputs, { dim }, [{ shape, dtype: "float32" }], 1e-5, 1e-6);
    }
    const view = strided(9, 11);
    const inputs = op.endsWith("Backward") ? [view, { ...floats([9, 11]), strides: stridesOf([9, 11]) }] : [view];
    await agrees(op, inputs, { dim: 0 }, [{ shape: [9, 11], dtype: "float32" }], 1e-5, 1e-6);
  });

  test("large numbers and infinities", async () => {
    const data = [1000, 1001, -1000, Number.NEGATIVE_INFINITY, 3, 3, Number.NaN, 0];
    const source = { dtype: "float32", data, shape: [2, 4] } as const;
    await agrees("softmax", [source], { dim: 1 }, [{ shape: [2, 4], dtype: "float32" }], 1e-5, 1e-6);
    await agrees("logSoftmax", [source], { dim: 1 }, [{ shape: [2, 4], dtype: "float32" }], 1e-5, 1e-6);
  });
});
