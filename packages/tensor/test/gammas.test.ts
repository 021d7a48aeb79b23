import "./reference.ts";
import { special, tensor } from "@dl/tensor";
import { expect, test } from "vitest";

/** Values of mpmath. */
test.each([
  [2, -7.127158473386171, 970.9787756639704],
  [2, -8.807883196259919, -279.25930685671096],
  [2, -7.56259352387724, -12.859633245639854],
  [3, -3.5970631266944793, 277.7262826015185],
  [5, -6.214828203205576, 1221323.589926641],
  [2, -2, Number.NEGATIVE_INFINITY],
  [3, -2, Number.POSITIVE_INFINITY],
])("polygamma(%i, %f), below 0, is mirrored", (n, x, value) => {
  const input = tensor([x], { dtype: "float64" });
  const result = input.polygamma(n).item();
  if (Number.isFinite(value)) expect(result / value).toBeCloseTo(1, 13);
  else expect(result).toBe(value);
});

test("derivatives of log Γ, and what is made of it", () => {
  const one = tensor([1], { dtype: "float64" });
  expect(one.polygamma(2).item()).toBeCloseTo(-2.4041138063191885, 12);
  expect(one.polygamma(3).item()).toBeCloseTo(Math.PI ** 4 / 15, 10);
  expect(special.zeta(tensor([2, 0.5], { dtype: "float64" }), 1).toArray()).toEqual([
    expect.closeTo(Math.PI ** 2 / 6, 13),
    Number.NaN,
  ]);
  expect(special.zeta(one.add(1), -12).toArray()).toEqual([Number.POSITIVE_INFINITY]);
  expect(special.zeta(one.add(1), -12.5).toArray()).toEqual([Number.NaN]);
  expect(tensor([3], { dtype: "float64" }).mvlgamma(2).item()).toBeCloseTo(1.5501949939575925, 12);
});
