/** Gradients where several elements, or an element and its limit, are equal; PyTorch's choices. */
import "@dl/autograd";
import "@dl/backend-cpu";
import { type Tensor, tensor } from "@dl/tensor";
import { expect, test } from "vitest";

const inf = Number.POSITIVE_INFINITY;
const nan = Number.NaN;
const third = Math.fround(1 / 3);

function slopes(f: (x: Tensor) => Tensor, values: number[]): { value: unknown; grad: unknown } {
  const x = tensor(values, { dtype: "float32" }).requiresGrad_();
  const y = f(x);
  y.sum().backward();
  return { value: y.toArray(), grad: x.grad!.toArray() };
}

const median = (x: Tensor): Tensor => x.median();
const nanmedian = (x: Tensor): Tensor => x.nanmedian();
const max = (x: Tensor): Tensor => x.max();
const min = (x: Tensor): Tensor => x.min();

test.each<[string, (x: Tensor) => Tensor, number[], number, number[]]>([
  ["median", median, [1, 2, 2, 2, 3], 2, [0, third, third, third, 0]],
  ["median", median, [inf, inf, 1], inf, [0.5, 0.5, 0]],
  ["median", median, [0.1, 0.1, 0.1], Math.fround(0.1), [third, third, third]],
  ["median", median, [nan, nan, 1], nan, [0.5, 0.5, 0]],
  ["nanmedian", nanmedian, [nan, 1, 1, 2], 1, [0, 0.5, 0.5, 0]],
  ["max", max, [5, 5, 1], 5, [0.5, 0.5, 0]],
  ["max", max, [3, nan, 1, nan], nan, [0, 0.5, 0, 0.5]],
  ["min", min, [nan, 1, 2], nan, [1, 0, 0]],
])("%s of all elements spreads its gradient over those that are it", (_, f, values, value, grad) => {
  expect(slopes(f, values)).toEqual({ value, grad });
});

test("along a dimension one element is picked", () => {
  expect(slopes((x) => x.max(0).values, [5, 5, 1]).grad).toEqual([1, 0, 0]);
  expect(slopes((x) => x.median(0).values, [2, 2, 2, 2]).grad).toEqual([0, 1, 0, 0]);
});

test("what equals its limit keeps the gradient; maximum shares it", () => {
  const limit = tensor([0, 0, 1], { dtype: "float32" }).requiresGrad_();
  expect(slopes((x) => x.clamp(limit), [0, -1, 2]).grad).toEqual([1, 0, 1]);
  expect(limit.grad!.toArray()).toEqual([0, 1, 0]);
  expect(slopes((x) => x.clamp(null, limit.detach()), [0, -1, 2]).grad).toEqual([1, 1, 0]);
  expect(slopes((x) => x.clampMin(limit.detach()), [0, nan, 1])).toEqual({ value: [0, nan, 1], grad: [1, 1, 1] });
  expect(slopes((x) => x.maximum(limit.detach()), [0, -1, 2]).grad).toEqual([0.5, 0, 1]);
});
