/** Functions with a derivative of their own, as torch.autograd.Function. */
import { backward, customFunction, type FunctionContext, grad, gradcheck, gradgradcheck } from "@dl/autograd";
import "@dl/backend-cpu";
import { floatTensor, memory, noGrad, ones, randn, scope, type Tensor, tensor } from "@dl/tensor";
import { describe, expect, test } from "vitest";

const leaf = (...values: number[]): Tensor => floatTensor(values, { requiresGrad: true });

const cube = customFunction({
  name: "Cube",
  forward(context, x: Tensor) {
    context.saveForBackward(x);
    return x.pow(3);
  },
  backward({ savedTensors: [x] }, g) {
    return g.mul(x!.square().mul(3));
  },
});

test("the derivative is the given one, to any order that it can be differentiated", () => {
  const x = tensor([1, -2], { dtype: "float64", requiresGrad: true });
  expect(cube(x).gradFn!.name).toBe("CubeBackward");
  gradcheck(cube, x);
  gradgradcheck(cube, x);
});

test("outputs may be saved", () => {
  const exp = customFunction({
    forward(context, x: Tensor) {
      const y = x.exp();
      context.saveForBackward(y);
      return y;
    },
    backward: ({ savedTensors: [y] }, g) => g.mul(y!),
  });
  const x = tensor([0.5, -1], { dtype: "float64", requiresGrad: true });
  gradcheck(exp, x);
  gradgradcheck(exp, x);
});

test("a straight-through estimator: the derivative need not be the slope", () => {
  const binarize = customFunction({ forward: (_, x: Tensor) => x.gt(0).to(x.dtype), backward: (_, g) => g });
  const x = leaf(-1, 2);
  const y = binarize(x);
  y.mul(floatTensor([3, 4]))
    .sum()
    .backward();
  expect([y.detach().toArray(), x.grad!.toArray()]).toEqual([
    [0, 1],
    [3, 4],
  ]);
});

describe("arguments", () => {
  const scaled = customFunction({
    forward(context: FunctionContext & { k: number; needs?: readonly boolean[] }, x: Tensor, w: Tensor, k: number) {
      context.saveForBackward(x, w);
      context.k = k;
      seen.push(context.needsInputGrad);
      return x.mul(w).mul(k);
    },
    backward({ savedTensors: [x, w], needsInputGrad, k }, g) {
      seen.push(needsInputGrad);
      return [g.mul(w!).mul(k), g.mul(x!).mul(k), null];
    },
  });
  const seen: (readonly boolean[])[] = [];

  test("get a gradient each, null for those without; fields of the context pass values on", () => {
    seen.length = 0;
    const [x, w] = [leaf(1, 2), leaf(3, 4)];
    scaled(x, w, 10).sum().backward();
    expect([x.grad!.toArray(), w.grad!.toArray()]).toEqual([
      [30, 40],
      [10, 20],
    ]);
    expect(seen).toEqual([
      [true, true, false],
      [true, true, false],
    ]);
  });

  test("that nobody asks about are named by needsInputGrad", () => {
    seen.length = 0;
    const [x, w] = [leaf(1, 2), leaf(3, 4)];
    expect(grad(scaled(x, w, 1).sum(), w)[0]!.toArray()).toEqual([1, 2]);
    scaled(ones(2), w, 1);
    expect(seen).toEqual([
      [true, true, false],
      [false, true, false],
      [false, true, false],
    ]);
  });

  test("that were changed since they were saved are noticed", () => {
    const h = leaf(1, 2).mul(1);
    const y = cube(h);
    h.add_(1);
    expect(() => y.sum().backward()).toThrow(
      "CubeBackward: backward needs a float32 tensor of shape [2] that was changed",
    );
  });

  test("that are returned come back with a history of their own", () => {
    const scale = customFunction({ forward: (_, x: Tensor) => x, backward: (_, g) => g.mul(5) });
    const x = leaf(1, 2);
    const y = scale(x);
    expect([y === x, x.isLeaf]).toEqual([false, true]);
    y.sum().backward();
    expect(x.grad!.toArray()).toEqual([5, 5]);
  });
});

describe("several outputs", () => {
  const order = (materialize: boolean, seen: unknown[]) =>
    customFunction({
      forward(context, x: Tensor) {
        const [values, positions] = x.sort();
        const largest = x.amax();
        context.setMaterializeGrads(materialize);
        context.markNonDifferentiable(largest);
        return [values, positions, largest, x.mul(2)];
      },
      backward(_, ...grads) {
        seen.push(...grads.map((g) => g?.toArray()));
        return grads[3] ? grads[3].mul(2) : null;
      },
    });

  test("take part if they are floats and not marked", () => {
    const outputs = order(true, [])(leaf(2, 1));
    expect(outputs.map(({ requiresGrad }) => requiresGrad)).toEqual([true, false, false, true]);
  });

  test("whose gradients never came get zeros, or null", () => {
    for (const materialize of [true, false]) {
      const seen: unknown[] = [];
      const x = leaf(2, 1);
      order(materialize, seen)(x)[3]!.sum().backward();
      const zeros = materialize ? [0, 0] : undefined;
      expect(seen[0]).toEqual(zeros);
      expect(x.grad!.toArray()).toEqual([2, 2]);
    }
  });

  test("all reach backward at once", () => {
    const seen: unknown[] = [];
    const outputs = order(false, seen)(leaf(2, 1));
    backward([outputs[0]!.sum(), outputs[3]!.sum()]);
    expect(seen).toEqual([[1, 1], undefined, undefined, [1, 1]]);
  });
});

test("a function that is differentiable once says so instead of giving zeros", () => {
  const square = customFunction({
    name: "Square",
    onceDifferentiable: true,
    forward(context, x: Tensor) {
      context.saveForBackward(x);
      return x.square();
    },
    backward: ({ savedTensors: [x] }, g) => floatTensor((x!.toArray() as number[]).map((v) => 2 * v)).mul(g),
  });
  const x = leaf(1, 2);
  const [first] = grad(square(x).sum(), x, { createGraph: true });
  expect(first!.detach().toArray()).toEqual([2, 4]);
  expect(() => grad(first!.sum(), x)).toThrow("SquareBackward: its backward is marked as differentiable once");
});

test("every saved output leads back to itself", () => {
  const both = customFunction({
    forward(context, x: Tensor) {
      const outputs = [x.square(), x.exp()] as const;
      context.saveForBackward(x, outputs[1]);
      return outputs;
    },
    backward: ({ savedTensors: [x, e] }, first, second) => first.mul(x!.mul(2)).add(second.mul(e!)),
  });
  const x = tensor([0.3, 1.2], { dtype: "float64", requiresGrad: true });
  expect(gradgradcheck((y) => both(y)[1], x)).toBe(true);
});

test("backward is checked: how many gradients, and of what shape", () => {
  const giving = (result: Tensor | Tensor[]) =>
    customFunction({ forward: (_, x: Tensor) => x.mul(1), backward: () => result });
  const pass = (result: Tensor | Tensor[]) => (): void => giving(result)(leaf(1, 2)).sum().backward();
  expect(pass([ones(2), ones(2)])).toThrow("CustomFunctionBackward: backward gave 2 gradients for 1 arguments");
  expect(pass(ones(3))).toThrow("backward gave a gradient of shape [3] for an argument of shape [2]");
  expect(pass(ones([]))).toThrow("backward gave a gradient of shape [] for an argument of shape [2]");
  const [x, own] = [leaf(1, 2), ones(3, 2)];
  giving(own)(x).sum().backward();
  expect(x.grad!.toArray()).toEqual([3, 3]);
  expect(own.isDisposed).toBe(false);
  const [z, same] = [leaf(1, 2).mul(1), ones(2)];
  giving(same)(z).sum().backward();
  expect(same.isDisposed).toBe(false);
});

test("nothing is recorded without need, and passed graphs are freed", () => {
  expect(cube(ones(2)).requiresGrad).toBe(false);
  expect(noGrad(() => cube(leaf(1))).requiresGrad).toBe(false);
  const x = randn(1000, { requiresGrad: true });
  const before = memory().bytes;
  const y = scope(() => cube(x.mul(1)).sum());
  expect(memory().bytes - before).toBeGreaterThanOrEqual(4000);
  grad(y, x)[0]!.dispose();
  expect(memory().bytes - before).toBeLessThan(1000);
  expect(() => grad(y, x)).toThrow("the graph was passed before");
});
