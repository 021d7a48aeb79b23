import "./reference.ts";
import { arange, floatTensor, manualSeed, ones, type Tensor, tensor, zeros } from "@dl/tensor";
import { expect, test } from "vitest";

test("functions are written into their first argument, which stays itself", () => {
  const x = floatTensor([1, 2, 3]);
  const row = floatTensor(
    [
      [0, 0, 0],
      [1, 2, 3],
    ].flat(),
  )
    .view(2, 3)
    .select(0, 1);
  expect(row.lerp_(x.mul(3), 0.5)).toBe(row);
  expect(row.toArray()).toEqual([2, 4, 6]);
  expect(x.addcmul_(x, x, { value: 2 }).toArray()).toEqual([3, 10, 21]);
  expect(
    zeros(2)
      .scatterAdd_(0, tensor([1, 1]), floatTensor([1, 2]))
      .toArray(),
  ).toEqual([0, 3]);
  expect(floatTensor([1.26, -7]).round_({ decimals: 1 }).toArray()).toEqual([expect.closeTo(1.3, 6), -7]);
  expect(floatTensor([7, -7]).div_(2, { roundingMode: "trunc" }).toArray()).toEqual([3, -3]);
  expect(x.clamp_(5, x).toArray()).toEqual([3, 10, 21]);
  expect(tensor([1, 5]).greater_(2).toArray()).toEqual([0, 1]);
});

test("what does not fit is refused, and the target stays as it was", () => {
  const x = tensor([1, 2]);
  expect(() => x.floatPower_(2)).toThrow("floatPower_: the result is float64 and cannot be kept in int64");
  expect(() => floatTensor([1]).addcmul_(floatTensor([1, 2]), floatTensor([1, 2]))).toThrow(
    "addcmul_: the result has shape [2], the target [1]",
  );
  expect(x.toArray()).toEqual([1, 2]);
});

test("dtypes that a function refuses are refused in place too", () => {
  const [floats, wholes, bools] = [floatTensor([1, 2.5]), tensor([6, 4]), tensor([true, false])];
  for (const name of ["bitwiseAnd_", "bitwiseOr_", "bitwiseXor_", "bitwiseLeftShift_", "bitwiseRightShift_"] as const) {
    expect(() => floats[name](2)).toThrow(`${name}: needs whole numbers`);
    expect(() => wholes[name](2.5)).toThrow(`${name}: needs whole numbers`);
  }
  expect(() => floats.gcd_(floats)).toThrow("gcd_: needs whole numbers");
  expect(() => floats.bitwiseNot_()).toThrow("bitwiseNot_: needs whole numbers");
  expect(() => tensor([3], { dtype: "uint8" }).pow_(-1)).toThrow("pow_: needs a float dtype");
  expect(() => wholes.hypot_(wholes)).toThrow("hypot_: needs a float dtype");
  for (const name of ["neg_", "abs_", "floor_", "relu_"] as const) {
    expect(() => bools[name]()).toThrow(`${name}: bool tensors have no arithmetic`);
  }
  expect(() => bools.sub_(bools)).toThrow("sub_: bool tensors do not subtract");
  expect([floats, wholes, bools].map((x) => x.toArray())).toEqual([
    [1, 2.5],
    [6, 4],
    [true, false],
  ]);
  expect(bools.bitwiseXor_(tensor([true, true])).toArray()).toEqual([false, true]);
  expect(wholes.gcd_(tensor([4, 6])).toArray()).toEqual([2, 2]);
});

test("what is no operand is refused by name, with the function and in place", () => {
  const binary = ["mul", "pow", "fmod", "remainder", "floorDivide", "maximum", "atan2", "copysign"] as const;
  const logical = ["eq", "lt", "logicalAnd"] as const;
  for (const dtype of ["float32", "int64"] as const) {
    const x = tensor([1, 2], { dtype });
    for (const name of [...binary, ...logical]) {
      for (const call of [name, `${name}_`] as const) {
        expect(() => x[call](undefined as never), call).toThrow(new RegExp(`^${name}_?: needs tensors.* undefined`));
        expect(() => x[call]([1, 2] as never), call).toThrow(new RegExp(`^${name}_?: needs tensors`));
      }
    }
    for (const value of [undefined, null, [1, 2], "1", ones(2)]) {
      expect(() => x.fill_(value as never)).toThrow("fill_: needs a number or a 0-d tensor, got");
    }
    expect(x.toArray()).toEqual([1, 2]);
    expect(x.fill_(tensor(3, { dtype })).toArray()).toEqual([3, 3]);
  }
});

test("triangles in place are those of a new tensor, whatever rows they leave alone", () => {
  for (const [rows, columns] of [
    [3, 5],
    [5, 3],
    [4, 4],
    [0, 2],
    [2, 0],
  ] as const) {
    for (let offset = -6; offset <= 6; offset++) {
      const x = arange(1, 1 + 2 * rows * columns, { dtype: "float32" }).view(2, rows, columns);
      const expected = [x.tril(offset), x.triu(offset)].map((each) => each.toArray());
      expect([x.clone().tril_(offset), x.clone().triu_(offset)].map((each) => each.toArray())).toEqual(expected);
      const turned = x.clone().mT;
      const below = turned.tril(offset).toArray();
      expect(turned.tril_(offset).toArray()).toEqual(below);
    }
  }
  expect(ones(2, 2).to("bool").triu_(1).toArray()).toEqual([
    [false, true],
    [false, false],
  ]);
});

test("diagonals are filled, wrapped in tall matrices", () => {
  expect(zeros(2, 3).fillDiagonal_(1).toArray()).toEqual([
    [1, 0, 0],
    [0, 1, 0],
  ]);
  const ends = (wrap: boolean) => zeros(5, 2).fillDiagonal_(1, { wrap }).sum(1).toArray();
  expect(ends(true)).toEqual([1, 1, 0, 1, 1]);
  expect(ends(false)).toEqual([1, 1, 0, 0, 0]);
  expect(zeros(2, 2, 2).fillDiagonal_(4).sum().item()).toBe(8);
  expect(() => zeros(2, 3, 2).fillDiagonal_(1)).toThrow("needs a matrix, or dimensions of one size");
});

test("draws in place have their distributions' moments", () => {
  manualSeed(5);
  const x = zeros(20000);
  const mean = (drawn: Tensor) => drawn.mean().item();
  expect(mean(x.uniform_(-1, 3))).toBeCloseTo(1, 1);
  expect([x.amin().item() >= -1, x.amax().item() < 3]).toEqual([true, true]);
  expect(mean(x.normal_(2, 3))).toBeCloseTo(2, 1);
  expect(x.std().item()).toBeCloseTo(3, 1);
  expect(mean(x.exponential_(4))).toBeCloseTo(0.25, 2);
  expect(mean(x.logNormal_(0, 0.5))).toBeCloseTo(Math.exp(0.125), 1);
  expect(mean(x.geometric_(0.25))).toBeCloseTo(4, 0);
  expect(x.amin().item()).toBe(1);
  expect(x.cauchy_(3).median().item()).toBeCloseTo(3, 1);
  expect(mean(x.bernoulli_(0.3))).toBeCloseTo(0.3, 1);
  expect(mean(x.random_(2, 5))).toBeCloseTo(3, 1);
  expect([x.amin().item(), x.amax().item()]).toEqual([2, 4]);
  const far = zeros(100, { dtype: "int64" }).random_(2 ** 40, 2 ** 40 + 4);
  expect([far.amin().item(), far.amax().item()]).toEqual([2 ** 40, 2 ** 40 + 3]);
  expect(() => tensor([1]).normal_()).toThrow("normal_: needs a float dtype, got int64");
  expect(() => x.uniform_(1, 0)).toThrow("uniform_: needs from ≤ to, got 1 and 0");
});

test("one value may be written where elements share a place, many may not", () => {
  expect(zeros(1).expand(3).fill_(4).toArray()).toEqual([4, 4, 4]);
  expect(ones(2, 1).expand(2, 3).zero_().sum().item()).toBe(0);
  expect(() => zeros(1).expand(3).add_(1)).toThrow("several elements of an expanded tensor share one place");
});

test("a tensor takes the shape of its own view", () => {
  const x = arange(6).view(1, 2, 3);
  const twin = x.view(6);
  expect(x.squeeze_(0).t_().unsqueeze_(-1)).toBe(x);
  expect([x.shape, x.strides]).toEqual([
    [3, 2, 1],
    [1, 3, 1],
  ]);
  x.set_(0, 1, 9);
  expect(twin.toArray(), "over the same memory").toEqual([0, 1, 2, 9, 4, 5]);
  expect(x.transpose_(0, 2).swapaxes_({ axis0: 0, axis1: 1 }).shape).toEqual([2, 1, 3]);
  expect(() => x.t_()).toThrow("t: needs at most 2 dimensions");
  expect(ones(2).expand(3, 2).t_().shape, "nothing is written").toEqual([2, 3]);
});
