/** Kernels of another package in the place of ours: in training, in part, in layers, and taken away again. */
import "@dl/autograd";
import { type NativeCall, type NativeView, replaceKernels } from "@dl/backend-cpu";
import * as nn from "@dl/nn";
import { SGD } from "@dl/optim";
import { add, arange, manualSeed, ones, randn, type Tensor } from "@dl/tensor";
import { afterEach, beforeEach, expect, test } from "vitest";

const undo: (() => void)[] = [];
const replace: typeof replaceKernels = (natives) => {
  const restore = replaceKernels(natives);
  undo.push(restore);
  return restore;
};
beforeEach(() => manualSeed(0));
afterEach(() => {
  for (const restore of undo.splice(0)) restore();
});

/** A strided matrix of float32, read and written in place. */
function matrix({ buffer }: NativeCall["memory"], { address, strides: [rows = 0, columns = 0] }: NativeView) {
  const all = new Float32Array(buffer);
  const place = (i: number, j: number): number => address / 4 + i * rows + j * columns;
  return {
    at: (i: number, j: number): number => all[place(i, j)]!,
    put: (i: number, j: number, x: number): void => void (all[place(i, j)] = x),
  };
}

/** Products of two matrices of float32; all others are left alone. */
function product({ memory, inputs, outputs: [out] }: NativeCall<"matmul">): boolean {
  const [left, right, bias] = inputs as [NativeView, NativeView, NativeView?];
  if (left.shape.length !== 2 || left.dtype !== "float32") return false;
  const [a, b, c] = [left, right, out!].map((view) => matrix(memory, view));
  // A vector is read as a column.
  const added = bias && matrix(memory, bias);
  const [m = 0, n = 0] = out!.shape;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = added?.at(j, 0) ?? 0;
      for (let k = 0; k < left.shape[1]!; k++) sum += a!.at(i, k) * b!.at(k, j);
      c!.put(i, j, sum);
    }
  }
  return true;
}

/** The losses of a few steps of training. */
function train(): number[] {
  manualSeed(1);
  const model = new nn.Sequential(new nn.Linear(6, 5), new nn.Tanh(), new nn.Linear(5, 3));
  const optimizer = new SGD(model.parameters(), { lr: 0.1 });
  const [x, y] = [randn(7, 6), randn(7, 3)];
  return Array.from({ length: 5 }, () => {
    optimizer.zeroGrad();
    const loss = model(x).sub(y).square().mean();
    loss.backward();
    optimizer.step();
    return loss.item() as number;
  });
}

test("a network trains on another's product, and on ours again", () => {
  const own = train();
  let calls = 0;
  const restore = replace({ matmul: (call) => product(call) && ++calls > 0 });
  const theirs = train();
  expect(calls).toBe(5 * (2 + 3)); // forward; backward has no gradient for x
  for (const [i, loss] of theirs.entries()) expect(loss).toBeCloseTo(own[i]!, 5);
  restore();
  restore();
  expect(train()).toEqual(own);
  expect(calls).toBe(25);
});

test("what a kernel leaves goes to the one before it, and at last to ours", () => {
  const seen: string[] = [];
  const layer = (name: string, dtype?: string) => ({
    matmul: ({ inputs }: NativeCall<"matmul">): boolean => {
      seen.push(name);
      return (inputs[0] as NativeView).dtype === dtype;
    },
  });
  const restore = replace(layer("first"));
  replace(layer("second", "float64"));
  const square = (dtype: "float32" | "float64"): Tensor => ones(2, 2, { dtype }).matmul(ones(2, 2, { dtype }));
  expect(square("float32").toArray()).toEqual([
    [2, 2],
    [2, 2],
  ]);
  expect(seen).toEqual(["second", "first"]);
  square("float64");
  expect(seen).toEqual(["second", "first", "second"]);
  restore();
  square("float32");
  expect(seen.slice(3)).toEqual(["second"]);
});

test("element-wise calls come one by one, however long, with views, numbers and targets", () => {
  const calls: NativeCall<"add">[] = [];
  replace({ add: (call) => calls.push(call) < 0 });
  const x = arange(2 ** 16, { dtype: "float32" }).view(256, 256);
  const sum = add(x, x.t()).mul(3);
  expect(calls).toMatchObject([
    {
      op: "add",
      inputs: [{ strides: [256, 1] }, { shape: [256, 256], strides: [1, 256], dtype: "float32" }],
      outputs: [{ strides: [256, 1] }],
    },
  ]);
  expect(sum.at(1, 2).item()).toBe(3 * (256 + 2 + 2 * 256 + 1));
  x.add_(x);
  expect(calls[1]!.outputs[0]!.address).toBe((calls[1]!.inputs[0] as NativeView).address);
  expect(x.at(0, 5).item()).toBe(10);
});
