import "./reference.ts";
import { arange, broadcastShapes, isContiguous, type Shape, sizeOf, stridesOf, zeros } from "@dl/tensor";
import fc from "fast-check";
import { expect, test } from "vitest";

const shape = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });

test("broadcasting is commutative and leaves a shape as it is with itself or with ones", () => {
  const mask = fc.array(fc.boolean(), { minLength: 4, maxLength: 4 });
  const ones = (s: Shape, m: readonly boolean[]): number[] => s.map((size, i) => (m[i] ? 1 : size));
  fc.assert(
    fc.property(shape, mask, mask, (s, m, k) => {
      expect(broadcastShapes(ones(s, m), ones(s, k))).toEqual(broadcastShapes(ones(s, k), ones(s, m)));
      expect(broadcastShapes(s, ones(s, m))).toEqual(s);
    }),
  );
});

test("a mismatch names the op, both shapes and the dimension", () => {
  expect(() => zeros(2, 3).add(zeros(4))).toThrow("add: cannot broadcast [2, 3] with [4]: dimension 1 has 3 and 4");
});

test("view keeps the elements in order wherever it is possible, and reshape everywhere", () => {
  fc.assert(
    fc.property(
      shape,
      fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
      fc.integer({ min: 0, max: 3 }),
      (s, order, at) => {
        const x = arange(sizeOf(s))
          .view(s)
          .permute(order.filter((d) => d < s.length));
        const [left, right] = [x.shape.slice(0, at), x.shape.slice(at)];
        const wanted = [sizeOf(left), sizeOf(right)];
        expect(x.reshape(wanted).contiguous().view(-1).toArray()).toEqual(x.contiguous().view(-1).toArray());
        try {
          const view = x.view(wanted);
          expect(view.contiguous().view(-1).toArray()).toEqual(x.contiguous().view(-1).toArray());
          expect(view.storage).toBe(x.storage);
        } catch (error) {
          expect(String(error)).toContain(".reshape");
          expect(x.isContiguous()).toBe(false);
        }
      },
    ),
  );
});

test("a contiguous tensor is one whose strides are row-major, sizes of 1 aside", () => {
  expect(isContiguous([2, 1, 3], [3, 77, 1])).toBe(true);
  expect(isContiguous([2, 3], [1, 2])).toBe(false);
  expect(stridesOf([2, 3, 4])).toEqual([12, 4, 1]);
});

test("views have no more elements than kernels can count", () => {
  expect(
    zeros(1)
      .expand(2 ** 16, 2 ** 16 - 1)
      .numel(),
  ).toBe(2 ** 32 - 2 ** 16);
  const message = "has 4294967296 elements, kernels count to 4294967295. Split the work into parts";
  expect(() => zeros(1).expand(2 ** 32)).toThrow(`expand: [4294967296] ${message}`);
  expect(() => zeros(1).asStrided([2 ** 16, 2 ** 16], [0, 0])).toThrow(`asStrided: [65536, 65536] ${message}`);
});

test("sizes that cannot be are refused with both of them", () => {
  expect(() => arange(6).view(4, -1)).toThrow("view: shape [4, -1] is for multiples of 4 elements, shape [6] has 6");
  expect(() => arange(6).view(-1, -1)).toThrow("only one size");
  expect(() => zeros(-1)).toThrow("zeros: sizes must be whole numbers ≥ 0, got [-1]");
  expect(() => zeros(2).sum(1)).toThrow("sum: dimension 1 is out of range for a tensor of 1 dimensions. Use -1 to 0");
});
