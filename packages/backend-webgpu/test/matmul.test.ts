import { test } from "vitest";
import { agrees, noise, type Source } from "./both.ts";
import { onDevice } from "./device.ts";

const matrix = (rows: number, columns: number, seed = 1): Source => ({
  dtype: "float32",
  data: noise(rows * columns, seed),
  shape: [rows, columns],
});
const transposed = (rows: number, columns: number): Source => ({
  ...matrix(columns, rows),
  shape: [rows, columns],
  strides: [1, rows],
});

onDevice("matmul", () => {
  test.each([
    [1, 1, 1],
    [3, 5, 7],
    [16, 16, 16],
    [17, 33, 19],
    [65, 20, 70],
    [130, 64, 40],
    [1, 300, 5],
    [40, 3, 1],
    [4, 3000, 4],
    [40, 2100, 40],
  ])("[%i, %i] × […, %i]", async (n, k, m) => {
    const outputs = [{ shape: [n, m], dtype: "float32" }] as const;
    await agrees("matmul", [matrix(n, k), matrix(k, m, 2)], {}, outputs, 1e-4, 1e-5);
    await agrees("matmul", [transposed(n, k), matrix(k, m, 2)], {}, outputs, 1e-4, 1e-5);
    await agrees("matmul", [matrix(n, k), transposed(k, m)], {}, outputs, 1e-4, 1e-5);
  });

  test("batches, expanded and strided", async () => {
    const a: Source = { dtype: "float32", data: noise(3 * 4 * 5), shape: [2, 3, 4, 5], strides: [0, 20, 5, 1] };
    const b: Source = {
      dtype: "float32",
      data: noise(2 * 5 * 6 * 2),
      shape: [2, 3, 5, 6],
      strides: [60, 0, 12, -2],
      offset: 11,
    };
    await agrees("matmul", [a, b], {}, [{ shape: [2, 3, 4, 6], dtype: "float32" }], 1e-5, 1e-6);
  });

  test("a bias for every row", async () => {
    const bias: Source = { dtype: "float32", data: noise(40, 3), shape: [40], strides: [-1], offset: 39 };
    const inputs = [matrix(17, 33), transposed(33, 40), bias];
    await agrees("matmul", inputs, {}, [{ shape: [17, 40], dtype: "float32" }], 1e-4, 1e-5);
  });

  test("whole numbers", async () => {
    const a = { dtype: "int64", data: [1, 2, 3, 4, 5, 6], shape: [2, 3] } as const;
    const b = { dtype: "int64", data: [1, -2, 3, -4, 5, -6], shape: [3, 2] } as const;
    await agrees("matmul", [a, b], {}, [{ shape: [2, 2], dtype: "int64" }]);
  });

  test("nothing", async () => {
    await agrees("matmul", [matrix(3, 0), matrix(0, 2)], {}, [{ shape: [3, 2], dtype: "float32" }]);
    await agrees("matmul", [matrix(0, 3), matrix(3, 2)], {}, [{ shape: [0, 2], dtype: "float32" }]);
  });
});
