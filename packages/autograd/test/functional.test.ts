/** Derivatives of functions. The expected numbers are PyTorch 1.13's. */
import { hessian, hvp, jacobian, jvp, valueAndGrad, vjp } from "@dl/autograd";
import "@dl/backend-cpu";
import { noGrad, ones, outer, type Tensor, tensor } from "@dl/tensor";
import { describe, expect, test } from "vitest";

const vector = (...values: number[]): Tensor => tensor(values, { dtype: "float64" });
const leaf = (...values: number[]): Tensor => vector(...values).requiresGrad_();
const [x, y] = [vector(1, 2), vector(3, 4, 5)];
const scalar = (a: Tensor, b: Tensor): Tensor => a.prod().square().mul(b.sin().sum());
const several = (a: Tensor, b: Tensor): [Tensor, Tensor] => [outer(a, b).exp().sum(1).div(100), a.mul(2)];

/** Rounded to PyTorch's four printed decimals. */
function printed(got: unknown): unknown {
  if (typeof got === "number") return Math.round(got * 1e4) / 1e4 + 0;
  if (Array.isArray(got)) return got.map(printed);
  return printed((got as Tensor).toArray());
}

describe("jacobian", () => {
  test("is shaped [...output, ...input]", () => {
    const j = jacobian((v) => v.unsqueeze(1).mul(vector(1, 10, 100)), x);
    expect(j.shape).toEqual([2, 3, 2]);
    expect(printed(j.at(1))).toEqual([
      [0, 1],
      [0, 10],
      [0, 100],
    ]);
  });

  test("of several outputs for several inputs is a list of lists", () => {
    const table = jacobian((a: Tensor, b: Tensor) => [a.square(), b.sum()], [x, y]);
    const zeros = [0, 0, 0];
    expect(printed(table)).toEqual([
      [
        [
          [2, 0],
          [0, 4],
        ],
        [zeros, zeros],
      ],
      [
        [0, 0],
        [1, 1, 1],
      ],
    ]);
  });

  test("of nothing, and of what does not depend on the input", () => {
    expect(jacobian((v) => v.narrow(0, 0, 0), x).shape).toEqual([0, 2]);
    expect(jacobian(() => ones(1), x).dtype).toBe("float64");
    expect(printed(jacobian(() => ones(1), x))).toEqual([[0, 0]]);
  });
});

test("hessian of several inputs", () => {
  const table = hessian(scalar, [x, y]);
  expect(printed(table)).toEqual([
    [
      [
        [-12.5969, -12.5969],
        [-12.5969, -3.1492],
      ],
      [
        [-7.9199, -5.2291, 2.2693],
        [-3.96, -2.6146, 1.1346],
      ],
    ],
    [
      [
        [-7.9199, -3.96],
        [-5.2291, -2.6146],
        [2.2693, 1.1346],
      ],
      [
        [-0.5645, 0, 0],
        [0, 3.0272, 0],
        [0, 0, 3.8357],
      ],
    ],
  ]);
  expect(() => hessian((v) => v.square(), x)).toThrow("hessian: the function gave a tensor of shape [2]");
});

test("hvp, vjp and jvp multiply by a vector", () => {
  const second = hvp(scalar, [x, y], [ones(2, { dtype: "float64" }), vector(1, 2, 3)]);
  expect(printed([second.output, second.hvp])).toEqual([
    -6.2984,
    [
      [-36.7641, -21.5312],
      [-12.4444, -1.7893, 14.911],
    ],
  ]);
  const back = vjp(several, [x, y], [vector(1, 0.5), vector(1, -1)]);
  const output = [
    [2.231, 254.1085],
    [2, 4],
  ];
  expect(printed([back.output, back.vjp])).toEqual([
    output,
    [
      [12.2072, 614.3322],
      [4.2351, 30.3556, 221.7488],
    ],
  ]);
  const forth = jvp(several, [x, y], [vector(1, 0.5), vector(1, -1, 0)]);
  expect(printed([forth.output, forth.jvp])).toEqual([
    output,
    [
      [9.862, 564.7817],
      [2, 1],
    ],
  ]);
});

test("v may be left out for a single element, and must be alike otherwise", () => {
  expect(printed(vjp((v) => v.square().sum(), x).vjp)).toEqual([2, 4]);
  expect(printed(jvp((v) => v.mul(x), vector(3)).jvp)).toEqual([1, 2]);
  expect(() => vjp((v) => v.square(), x)).toThrow("vjp: needs v, shaped like the output");
  expect(() => vjp((v) => v.square(), x, y)).toThrow("vjp: v has shape [3], its output [2]");
  expect(() => hvp(scalar, [x, y], [x])).toThrow("hvp: got 1 tensors as v for 2 inputs");
});

test("valueAndGrad gives the value and a gradient for each argument", () => {
  const { value, grads } = valueAndGrad(scalar)(x, y);
  expect(printed([value, grads[0]])).toEqual([-6.2984, [-12.5969, -6.2984]]);
  expect(value.requiresGrad || grads[1].requiresGrad).toBe(false);
  expect(() => valueAndGrad((v: Tensor) => v.mul(2))(x)).toThrow("valueAndGrad: the function gave");
});

test("arguments are values: their .grad and their graph stay as they were", () => {
  const w = leaf(1, 2);
  jacobian((v) => v.square(), w.mul(3));
  expect(w.grad).toBe(null);
  expect(jacobian((v) => v.square(), w).requiresGrad).toBe(false);
});

test("derivatives are recorded inside noGrad, as in PyTorch", () => {
  const j = noGrad(() => jacobian((v) => v.square(), x));
  const h = noGrad(() => hessian((v) => v.pow(3).sum(), x));
  expect(printed([j, h])).toEqual([
    [
      [2, 0],
      [0, 4],
    ],
    [
      [6, 0],
      [0, 12],
    ],
  ]);
});

describe("createGraph: results can be differentiated", () => {
  const cube = (v: Tensor): Tensor => v.pow(3);
  const options = { createGraph: true };
  const one = ones(2, { dtype: "float64" });

  test.each<[string, (w: Tensor) => Tensor, number[]]>([
    ["jacobian", (w) => jacobian(cube, w, options), [6, 12]],
    ["jacobian of what saves its results", (w) => jacobian((v) => v.exp().div(10), w, options), [0.2718, 0.7389]],
    ["hessian", (w) => hessian((v) => cube(v).sum(), w, options), [6, 6]],
    ["hvp", (w) => hvp((v) => v.pow(4).sum(), w, one, options).hvp, [24, 48]],
    ["jvp", (w) => jvp(cube, w, one, options).jvp, [6, 12]],
    ["vjp", (w) => vjp(cube, w, one, options).vjp, [6, 12]],
    ["the output of vjp", (w) => vjp(cube, w, one, options).output, [3, 12]],
  ])("%s", (_, f, expected) => {
    const w = leaf(1, 2);
    f(w).sum().backward();
    expect(printed(w.grad)).toEqual(expected);
  });
});
