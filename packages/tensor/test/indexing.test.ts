import "./reference.ts";
import { arange, floatTensor, tensor, zeros } from "@dl/tensor";
import fc from "fast-check";
import { expect, test } from "vitest";

const grid = () => arange(12).view(3, 4);

test("numbers, slices, new dimensions and the rest", () => {
  expect(grid().at(1).toArray()).toEqual([4, 5, 6, 7]);
  expect(grid().at(-1, -1).item()).toBe(11);
  expect(grid().at([0, 2], [1, null, 2]).toArray()).toEqual([
    [1, 3],
    [5, 7],
  ]);
  expect(grid().at("...", 0).toArray()).toEqual([0, 4, 8]);
  expect(grid().at(null, 0).shape).toEqual([1, 4]);
  expect(grid().at([5, 9]).shape).toEqual([0, 4]);
});

test("a slice is what JavaScript's slice gives, for any bounds", () => {
  const bound = fc.option(fc.integer({ min: -9, max: 9 }));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 6 }), bound, bound, (size, start, stop) => {
      const list = Array.from({ length: size }, (_, i) => i);
      const wanted = list.slice(start ?? 0, stop ?? size);
      expect(arange(size).at([start, stop]).toArray()).toEqual(wanted);
    }),
  );
});

test("a slice is a view: writing through it writes to the tensor", () => {
  const x = zeros(5);
  x.at([1, 3]).fill_(7);
  expect(x.toArray()).toEqual([0, 7, 7, 0, 0]);
});

test("iteration goes over views of the rows", () => {
  const x = grid();
  expect([...x].map((row) => row.sum().item())).toEqual([6, 22, 38]);
  const [first] = x;
  first!.fill_(0);
  expect(x.at(0, 3).item()).toBe(0);
  expect(() => [...tensor(1)]).toThrow("iterator: a 0-d tensor has no rows to go over");
});

test("masks and index tensors pick copies", () => {
  const x = grid();
  expect(x.at(x.gt(8)).toArray()).toEqual([9, 10, 11]);
  expect(x.at(tensor([2, 0])).toArray()).toEqual([
    [8, 9, 10, 11],
    [0, 1, 2, 3],
  ]);
  expect(x.at(tensor([0, 1]), tensor([-1, 1])).toArray()).toEqual([3, 5]);
  expect(
    x.at(
      [0, 3],
      tensor([
        [0, 3],
        [1, 1],
      ]),
    ).shape,
  ).toEqual([3, 2, 2]);
  expect(x.view(2, 3, 2).at(tensor([1]), [0, 3], tensor([0])).shape).toEqual([1, 3]);
});

test("set_ writes by every kind of index", () => {
  const x = zeros(3, 4, { dtype: "int64" });
  x.set_(0, 1);
  x.set_([1, 3], [0, 2], tensor([5, 6]));
  x.set_(tensor([2]), tensor([3]), 9);
  expect(x.toArray()).toEqual([
    [1, 1, 1, 1],
    [5, 6, 0, 0],
    [5, 6, 0, 9],
  ]);
  x.set_(x.eq(0), -1);
  x.set_(x.gt(5), tensor([10, 20, 30]));
  expect(x.toArray()).toEqual([
    [1, 1, 1, 1],
    [5, 10, -1, -1],
    [5, 20, -1, 30],
  ]);
});

test("what is outside is refused, and nothing is written", () => {
  const x = grid();
  expect(() => x.at(3)).toThrow("at: index 3 is out of range for dimension 0 of size 3");
  expect(() => x.at(0, 0, 0)).toThrow("at: too many indices: 3 for a tensor of 2 dimensions");
  expect(() => x.at(tensor([3]))).toThrow("at: index 3 is out of range for dimension 0 of size 3");
  expect(() => x.set_(tensor([0, 7]), 1)).toThrow("index 7 is out of range");
  expect(() => x.at([0, 3, -1])).toThrow("the step of a slice must be positive");
  expect(() => x.at(tensor([0.5]))).toThrow("index tensors are int64 or bool, got float32");
  expect(x.toArray()).toEqual(grid().toArray());
});

test("a 0-d bool is an index of a dimension of its own", () => {
  const x = floatTensor([1, 2]);
  expect([x.at(tensor(true)).shape, x.at(tensor(false)).shape]).toEqual([
    [1, 2],
    [0, 2],
  ]);
  x.set_(tensor(false), 5);
  expect(x.set_(tensor(true), 3).toArray()).toEqual([3, 3]);
});
