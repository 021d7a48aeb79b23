import "./reference.ts";
import { inspect } from "node:util";
import { arange, setPrintOptions, tensor, zeros } from "@dl/tensor";
import { afterEach, expect, test } from "vitest";

afterEach(() => setPrintOptions({ profile: "default" }));

const show = (data: Parameters<typeof tensor>[0], dtype?: "float64" | "float16" | "bool"): string =>
  tensor(data, { dtype }).toString();

test.each([
  [
    [
      [1, 2],
      [3, 4],
    ],
    "tensor([[1, 2],\n        [3, 4]])",
  ],
  [[1.5, -2], "tensor([ 1.5000, -2.0000])"],
  [3, "tensor(3)"],
  [[true, false], "tensor([ True, False])"],
  [[0.03125, 0.5], "tensor([0.0312, 0.5000])"],
  [[1e-5, 1], "tensor([1.0000e-05, 1.0000e+00])"],
  [[Number.NaN, 1, Number.NEGATIVE_INFINITY], "tensor([nan, 1., -inf])"],
  [[], "tensor([])"],
])("%j", (data, text) => {
  expect(show(data as never)).toBe(text);
});

test("dtype, size and grad follow", () => {
  expect(show([1, 2], "float64")).toBe("tensor([1., 2.], dtype=float64)");
  expect(zeros(2, 0).toString()).toBe("tensor([], size=(2, 0))");
  expect(tensor([1.5], { requiresGrad: true }).toString()).toBe("tensor([1.5000], requires_grad=True)");
});

test("large tensors show their edges, long lines break at 80 columns", () => {
  expect(arange(2000).toString()).toBe("tensor([   0,    1,    2,  ..., 1997, 1998, 1999])");
  expect(arange(30).toString().split("\n")).toHaveLength(2);
  expect(zeros(50, 50).toString().split("\n")).toHaveLength(7);
});

test("options change what is shown", () => {
  setPrintOptions({ precision: 2, sciMode: true });
  expect(show([12.5])).toBe("tensor([1.25e+01])");
  setPrintOptions({ precision: 3 });
  expect(show([12.5]), "sciMode is the range's again").toBe("tensor([12.500])");
  expect(() => setPrintOptions({ profile: "tiny" as never })).toThrow('unknown profile "tiny"');
});

test("console.log shows the same", () => {
  expect(inspect(tensor([1]))).toBe("tensor([1])");
});

test("zeros alone are never powers of ten", () => {
  setPrintOptions({ sciMode: true });
  expect(String(zeros(2))).toBe("tensor([0., 0.])");
});
