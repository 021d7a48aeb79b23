/** Recording on and off. */
import "@dl/autograd";
import "@dl/backend-cpu";
import { enableGrad, floatTensor, isGradEnabled, noGrad, setGradEnabled, type Tensor } from "@dl/tensor";
import { expect, test } from "vitest";

const x = floatTensor([1, 2], { requiresGrad: true });
const records = (): boolean => x.mul(2).requiresGrad;

test("noGrad and enableGrad nest, and give the body's result", () => {
  expect([records(), noGrad(records), noGrad(() => enableGrad(records)), enableGrad(() => noGrad(records))]).toEqual([
    true,
    false,
    true,
    false,
  ]);
});

test("as guards they end with the block", () => {
  {
    using _ = noGrad();
    expect(records()).toBe(false);
    {
      using __ = enableGrad();
      expect(records()).toBe(true);
    }
    expect(records()).toBe(false);
  }
  expect(records()).toBe(true);
});

test("they end when the body throws", () => {
  const failing = (): never => {
    throw new RangeError("mine");
  };
  expect(() => noGrad(failing)).toThrow("mine");
  expect(isGradEnabled()).toBe(true);
});

test("promises are refused, by the compiler and at run time, and the switch is back", () => {
  // @ts-expect-error the body is async
  expect(() => noGrad(async () => x.mul(2))).toThrow("noGrad: its body returned a promise");
  // @ts-expect-error the body is async
  expect(() => enableGrad(() => Promise.resolve(1))).toThrow("Put enableGrad(() => …) inside the async function");
  expect(isGradEnabled()).toBe(true);
});

test("setGradEnabled holds until told otherwise", () => {
  setGradEnabled(false);
  expect(records()).toBe(false);
  setGradEnabled(true);
  expect(records()).toBe(true);
});

test("tensors that require grad can be made inside noGrad, and are leaves", () => {
  const made = noGrad(() => floatTensor([1], { requiresGrad: true }) as never) as Tensor;
  expect([made.requiresGrad, made.isLeaf, made.mul(2).requiresGrad]).toEqual([true, true, true]);
});

test("what was recorded before stays recorded inside noGrad", () => {
  const y = x.square().sum();
  noGrad(() => y.backward());
  expect(x.grad!.toArray()).toEqual([2, 4]);
});
