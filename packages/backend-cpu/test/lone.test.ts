/** Lines of zeros with one number each, which wait for the gradient of logSoftmax. */
import { apply, memory, type Tensor, tensor, zeros } from "@dl/tensor";
import { expect, test } from "vitest";
import "../src/index.ts";
import { bytes, columns, values } from "./long.ts";

const shape = [16, columns] as const;

function places(dim: 0 | 1): Tensor {
  const kept = shape[1 - dim]!;
  const numbers = Array.from({ length: kept }, (_, i) => (i * 7) % shape[dim]);
  return tensor(numbers, { dtype: "int64" }).view(...(dim === 0 ? [1, kept] : [kept, 1]));
}

const scattered = (dim: number, index: Tensor, numbers: Tensor): Tensor =>
  zeros([])
    .expand(...shape)
    .scatterAdd(dim, index, numbers);

test.each([0, 1] as const)("lines along dimension %d are as whole ones", (dim) => {
  const index = places(dim);
  const numbers = values(3, index.shape);
  const y = values(4, shape).logSoftmax(1 - dim);
  const whole = scattered(dim, index, numbers);
  bytes(whole);
  const before = memory().bytes;
  const waiting = scattered(dim, index, numbers);
  expect(memory().bytes - before).toBeLessThan(4 * columns);
  waiting.dispose();
  for (const along of [0, 1]) {
    const gradients = [scattered(dim, index, numbers), whole];
    const [lone, full] = gradients.map((gradient) => bytes(apply("logSoftmaxBackward", [gradient, y], { dim: along })));
    expect(lone!.equals(full!), `along ${along}`).toBe(true);
  }
  const late = scattered(dim, index, numbers);
  numbers.fill_(0);
  expect(bytes(late).equals(bytes(whole))).toBe(true);
});

test("places that are wrong are refused at once, and those that the user writes meanwhile are not seen", () => {
  const index = places(1);
  const numbers = values(3, index.shape);
  const { data } = index.numpy();
  const whole = scattered(1, index, numbers);
  const expected = bytes(scattered(1, index, numbers).mul(1));
  data[0] = 5n;
  expect(bytes(whole).equals(expected)).toBe(true);
  data[0] = BigInt(columns);
  expect(() => scattered(1, index, numbers)).toThrow(`index ${columns} is out of range`);
});

test("of a logarithm of softmax that is only picked from, no more is written than what is picked and its gradient", () => {
  const index = places(1);
  const numbers = values(3, index.shape);
  const x = values(5, shape);
  const y = x.logSoftmax(1);
  bytes(y);
  const before = memory().bytes;
  const waiting = x.logSoftmax(1);
  expect(bytes(waiting.gather(1, index)).equals(bytes(y.gather(1, index)))).toBe(true);
  const gradient = apply("logSoftmaxBackward", [scattered(1, index, numbers), waiting], { dim: 1 });
  bytes(gradient);
  expect(memory().bytes - before).toBeLessThan(1.5 * 4 * x.numel());
  const expected = bytes(apply("logSoftmaxBackward", [scattered(1, index, numbers), y], { dim: 1 }));
  expect(bytes(gradient).equals(expected)).toBe(true);
  x.mul_(2);
  expect(bytes(waiting).equals(bytes(y))).toBe(true);
});

test("the highest of each line is found without the logarithms", () => {
  const x = values(6, shape);
  x.narrow(0, 2, 1).fill_(Number.NaN);
  x.narrow(0, 3, 1).fill_(Number.NEGATIVE_INFINITY);
  x.narrow(0, 4, 1).narrow(1, 7, 1).fill_(Number.POSITIVE_INFINITY);
  const y = x.logSoftmax(1);
  bytes(y);
  for (const keepdim of [false, true]) {
    const before = memory().bytes;
    const highest = x.logSoftmax(1).amax(1, keepdim);
    expect(highest.nanToNum(1).equal(y.amax(1, keepdim).nanToNum(1))).toBe(true);
    expect(memory().bytes - before).toBeLessThan(4 * columns);
  }
  expect(x.logSoftmax(1).amax(0).nanToNum(1).equal(y.amax(0).nanToNum(1))).toBe(true);
});

test("a place outside of a line that waits is refused", () => {
  const outside = tensor(new Array<number>(16).fill(columns), { dtype: "int64" }).view(16, 1);
  expect(() => values(5, shape).logSoftmax(1).gather(1, outside)).toThrow(`index ${columns} is out of range`);
});
