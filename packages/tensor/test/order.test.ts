/** In which order results lie in memory: strides recorded from PyTorch. */
import "./reference.ts";
import { add, arange, ones, type Tensor, where, zeros, zerosLike } from "@dl/tensor";
import fc from "fast-check";
import { expect, test } from "vitest";

const counted = (...size: number[]): Tensor =>
  arange(
    size.reduce((a, b) => a * b, 1),
    { dtype: "float32" },
  ).view(size);
const turned = counted(3, 4).t();
const plain = counted(4, 3);
const last = counted(2, 3, 4, 5).permute(0, 2, 3, 1);

test.each<[string, Tensor, readonly number[]]>([
  ["one operand", turned.exp(), [1, 4]],
  ["a number", turned.add(1), [1, 4]],
  ["the first operand decides", turned.add(plain), [1, 4]],
  ["the first operand decides, in order", plain.add(turned), [3, 1]],
  ["one that is repeated decides nothing", counted(3).add(turned), [1, 4]],
  ["nor do two of them", ones(4, 1).add(counted(3)), [3, 1]],
  ["a comparison", turned.gt(0), [1, 4]],
  ["where", where(turned.gt(0), turned, zeros(4, 3)), [1, 4]],
  ["a cast", turned.to("float64"), [1, 4]],
  ["a clone", turned.clone(), [1, 4]],
  ["a clone of what is repeated", turned.unsqueeze(0).expand(2, 4, 3).clone(), [12, 1, 4]],
  ["a row-major copy", turned.contiguous(), [3, 1]],
  ["zeros like it", zerosLike(turned), [1, 4]],
  ["in place", counted(3, 4).t().add_(1), [1, 4]],
  ["without the gaps", counted(3, 8).narrow(1, 2, 4).t().neg(), [1, 4]],
  ["channels last", last.mul(2), [60, 5, 1, 20]],
  ["channels last, turned", last.transpose(1, 2).neg(), [60, 1, 5, 20]],
  ["a row beside it", counted(2, 3, 4, 5).transpose(1, 3).add(counted(3)), [60, 1, 5, 20]],
  ["a size of 1", turned.unsqueeze(1).exp(), [1, 12, 4]],
  ["a size of 1 without a place", counted(4, 1, 3).transpose(0, 2).exp(), [1, 3, 3]],
  ["a single column", turned.narrow(1, 0, 1).exp(), [1, 1]],
  ["repeated inside", counted(3, 4).unsqueeze(0).expand(2, 3, 4).transpose(0, 2).exp(), [2, 8, 1]],
  ["nothing", zeros(0, 3).t().exp(), [1, 1]],
])("%s", (_, result, strides) => expect(result.stride()).toEqual(strides));

test("what lies in another order has the same elements", () => {
  const order = fc.shuffledSubarray([0, 1, 2], { minLength: 3 });
  const size = fc.integer({ min: 1, max: 4 });
  fc.assert(
    fc.property(order, order, fc.tuple(size, size, size), (p, q, shape) => {
      const lying = (dims: readonly number[]): Tensor => {
        const lengths = new Array<number>(3);
        for (const [at, dim] of dims.entries()) lengths[at] = shape[dim]!;
        return counted(...lengths).permute(dims.map((_, at) => dims.indexOf(at)));
      };
      const [a, b] = [lying(p), lying(q)];
      expect(add(a, b).toArray()).toEqual(add(a.contiguous(), b.contiguous()).toArray());
      expect(a.clone().mul_(b).toArray()).toEqual(a.contiguous().mul(b.contiguous()).toArray());
    }),
  );
});
