/** Anomaly mode names the call that went wrong, and where it was made. */
import { customFunction, detectAnomaly, isAnomalyEnabled, setDetectAnomaly } from "@dl/autograd";
import "@dl/backend-cpu";
import { floatTensor, type Tensor } from "@dl/tensor";
import { expect, test } from "vitest";

const leaf = (...values: number[]): Tensor => floatTensor(values, { requiresGrad: true });

/** 0 · ∞ on the way back. */
function unstable(x: Tensor): Tensor {
  return x.sqrt().mul(0).sum();
}

test("a NaN is silent without it, and an error that shows the line with it", () => {
  const x = leaf(0, 1);
  unstable(x).backward();
  expect(x.grad!.at(0).item()).toBeNaN();
  const caught = detectAnomaly(() => {
    try {
      unstable(leaf(0, 1)).backward();
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  });
  expect(caught).toContain("backward: SqrtBackward0 gave NaN as the gradient of its input 0. It was recorded at");
  expect(caught).toContain("unstable");
});

test("other errors of backward say where the call was made, too", () => {
  const spoilt = (): void => {
    const h = leaf(1).mul(2);
    const y = h.exp();
    y.add_(1);
    y.sum().backward();
  };
  expect(spoilt).toThrow(/^exp: backward needs .* without _$/);
  expect(() => detectAnomaly(spoilt)).toThrow(/changed in place.*It was recorded at.*spoilt/s);
  const foreign = customFunction({
    forward: (_, x: Tensor) => x.mul(1),
    backward: () => {
      throw new RangeError("mine");
    },
  });
  expect(() => detectAnomaly(() => foreign(leaf(1)).sum().backward())).toThrow(RangeError);
});

test("the place is shown through many calls", () => {
  const nested = (depth: number): Tensor => (depth === 0 ? unstable(leaf(0)) : nested(depth - 1));
  function outermost(): void {
    nested(30).backward();
  }
  expect(() => detectAnomaly(outermost)).toThrow("outermost");
});

test("calls recorded before it are named without a place", () => {
  const loss = unstable(leaf(0));
  expect(() => detectAnomaly(() => loss.backward())).toThrow(/gradient of its input 0$/);
});

test("it ends with its scope, after errors too, and refuses promises", () => {
  setDetectAnomaly(true);
  expect(isAnomalyEnabled()).toBe(true);
  setDetectAnomaly(false);
  {
    using _ = detectAnomaly();
    expect(isAnomalyEnabled()).toBe(true);
  }
  expect(isAnomalyEnabled()).toBe(false);
  const failing = (): never => {
    throw new RangeError("mine");
  };
  expect(() => detectAnomaly(failing)).toThrow("mine");
  expect(isAnomalyEnabled()).toBe(false);
  // @ts-expect-error promises are refused by the compiler as well
  expect(() => detectAnomaly(async () => 1)).toThrow("detectAnomaly: its body returned a promise");
});
