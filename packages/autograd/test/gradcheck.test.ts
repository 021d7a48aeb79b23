/** gradcheck finds what is wrong, and only that. */
import { customFunction, gradcheck, gradgradcheck } from "@dl/autograd";
import "@dl/backend-cpu";
import { floatTensor, memory, noGrad, randn, type Tensor, tensor } from "@dl/tensor";
import { expect, test } from "vitest";

const x = tensor([0.5, -1.5, 2], { dtype: "float64", requiresGrad: true });
const y = tensor([2, 3, 4], { dtype: "float64", requiresGrad: true });

const wrong = customFunction({
  forward(context, a: Tensor) {
    context.saveForBackward(a);
    return a.square();
  },
  backward: ({ savedTensors: [a] }, g) => g.mul(a!.mul(2).add(tensor([0, 0.1, 0], { dtype: "float64" }))),
});

/** The derivative is right, its own is not. */
const wrongTwice = customFunction({
  forward(context, a: Tensor) {
    context.saveForBackward(a);
    return a.square();
  },
  backward: ({ savedTensors: [a] }, g) => g.mul(a!.detach().mul(2)),
});

test("right derivatives pass", () => {
  expect(gradcheck((a, b) => [a!.mul(b!).sum(), a!.exp()], [x, y])).toBe(true);
  expect(gradgradcheck((a, b) => a!.pow(2).mul(b!.exp()), [x, y])).toBe(true);
});

test("a wrong one is an error that names the place and both numbers, or false", () => {
  const where = "gradcheck: element 1 of input 0, element 1 of output 0: the slope is -";
  expect(() => gradcheck(wrong, x)).toThrow(where);
  expect(() => gradcheck((b, a) => [b!, wrong(a!)], [y, x])).toThrow("element 1 of input 1, element 1 of output 1");
  expect(gradcheck(wrong, x, { raiseException: false })).toBe(false);
  expect(gradcheck(wrong, x, { atol: 0.2 })).toBe(true);
});

test("a wrong second derivative is gradgradcheck's to find", () => {
  expect(gradcheck(wrongTwice, x)).toBe(true);
  expect(gradgradcheck(wrongTwice, x, null, { raiseException: false })).toBe(false);
  expect(gradgradcheck(wrongTwice, x, x.detach().requiresGrad_(), { raiseException: false })).toBe(false);
});

test("a history that was cut, and a slope that is no number, are found", () => {
  expect(gradcheck((a) => a!.detach().square(), x, { raiseException: false })).toBe(false);
  expect(gradcheck((a) => a!.log(), x, { raiseException: false })).toBe(false);
});

test("errors of the function itself pass through", () => {
  const broken = (): Tensor => {
    throw new RangeError("mine");
  };
  expect(() => gradcheck(broken, x, { raiseException: false })).toThrow("mine");
});

test("inputs without gradients are not checked, views are, float32 is refused", () => {
  expect(gradcheck((a, b) => wrong(a!.detach()).add(b!.exp()), [x.detach(), y])).toBe(true);
  expect(gradcheck((a) => a!.exp(), y.detach().view(3, 1).expand(3, 2).t().narrow(1, 0, 2).requiresGrad_())).toBe(true);
  expect(() => gradcheck((a) => a!, floatTensor([1], { requiresGrad: true }))).toThrow(
    "slopes need float64, got float32",
  );
  expect(() => gradcheck((a) => a!, y.detach())).toThrow("none of the inputs requires grad");
});

test("it records inside noGrad, and leaves inputs, gradients and memory as they were", () => {
  const a = randn(4, { dtype: "float64", requiresGrad: true });
  const [before, bytes] = [a.detach().toArray(), memory().bytes];
  expect(noGrad(() => gradcheck((v) => v!.exp().sin(), a))).toBe(true);
  expect([a.detach().toArray(), a.grad, memory().bytes]).toEqual([before, null, bytes]);
});
