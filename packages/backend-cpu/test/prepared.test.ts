/** What a convolution makes of weights is kept while nobody writes them: no writer may be overlooked. */
import { apply, memory, noGrad, scope, type Tensor, updateParameters } from "@dl/tensor";
import { expect, test } from "vitest";
import "../src/index.ts";
import { bytes, values } from "./long.ts";

const attrs = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };
const convolved = (x: Tensor, weight: Tensor): number[] =>
  scope(() => apply("conv", [x, weight], attrs).reshape(-1).narrow(0, 500, 4).tolist() as number[]);

const writers: Readonly<Record<string, (weight: Tensor) => void>> = {
  "in place": (weight) => void weight.mul_(2),
  "in place, a part": (weight) => void scope(() => weight.narrow(0, 0, 20).fill_(0.5)),
  "with what waits": (weight) => void scope(() => weight.copy_(weight.mul(3).tanh())),
  "by an optimizer": (weight) => {
    const settings = { lr: 0.1, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false };
    const isDone = scope(() => updateParameters("sgd", [[weight]], [weight.clone()], { ...settings, firstStep: true }));
    expect(isDone).toBe(true);
  },
  "through memory that is lent": (weight) => {
    const data = weight.numpy().data as Float32Array;
    data.fill(0.25);
  },
  "by index": (weight) => void scope(() => weight.select(0, 0).copy_(weight.select(0, 5))),
};

test.each(Object.entries(writers))("weights are written %s", (_, write) => {
  noGrad(() => {
    const [x, weight] = [values(1, [1, 32, 24, 24]), values(2, [40, 32, 3, 3])];
    const first = convolved(x, weight);
    for (let time = 0; time < 3; time++) expect(convolved(x, weight)).toEqual(first);
    for (let time = 0; time < 2; time++) {
      write(weight);
      const fresh = weight.clone();
      const expected = convolved(x, fresh);
      for (let call = 0; call < 3; call++) expect(convolved(x, weight)).toEqual(expected);
      expect(expected).not.toEqual(first);
    }
  });
});

test.each([4, 7, 12, 24])(
  "calls with the same images of %i by as many pixels have the same results, the first too",
  (size) => {
    noGrad(() => {
      const [x, weight] = [values(1, [1, 32, size, size]), values(2, [40, 32, 3, 3])];
      const results = [1, 2, 3].map(() => bytes(apply("conv", [x, weight], attrs)));
      expect(results[1]!.equals(results[0]!)).toBe(true);
      expect(results[2]!.equals(results[0]!)).toBe(true);
    });
  },
);

test("what is kept for results that wait until the weights are written is not kept beyond that", () => {
  noGrad(() => {
    const [x, weight] = [values(1, [1, 32, 24, 24]), values(2, [40, 32, 3, 3])];
    const waiting = [1, 2].map(() => apply("conv", [x, weight], attrs));
    weight.mul_(2);
    expect(convolved(x, weight)).toEqual(convolved(x, weight.clone()));
    expect(waiting).toHaveLength(2);
  });
});

test("what is kept goes with the weights", () => {
  const x = values(1, [1, 32, 24, 24]);
  const before = memory().bytes;
  const weight = values(2, [40, 32, 3, 3]);
  const alone = memory().bytes;
  convolved(x, weight);
  expect(memory().bytes).toBe(alone);
  convolved(x, weight);
  const kept = memory().bytes;
  expect(kept).toBeGreaterThan(alone);
  convolved(x, weight);
  expect(memory().bytes).toBe(kept);
  weight.mul_(2);
  expect(memory().bytes).toBe(alone);
  convolved(x, weight);
  convolved(x, weight);
  weight.dispose();
  expect(memory().bytes).toBe(before);
  x.dispose();
});
