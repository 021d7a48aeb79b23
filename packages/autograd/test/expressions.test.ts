/** Random programs of views, broadcasts, reductions, reuse and in-place writes: the gradient is the slope. */
import { backward, grad, gradcheck } from "@dl/autograd";
import "@dl/backend-cpu";
import { broadcastShapes, type Tensor, TensorError, tensor } from "@dl/tensor";
import fc from "fast-check";
import { expect, test } from "vitest";
import { weighed } from "./slopes.ts";

/** What a step may do with a tensor, another one, and a number: give a new one, or write into the first. */
type Step = (x: Tensor, y: Tensor, k: number) => Tensor;

/** `y` where it broadcasts against `x` (into it, if it is written to), its mean otherwise. */
function beside(x: Tensor, y: Tensor, into: boolean): Tensor {
  try {
    const shape = broadcastShapes(x.shape, y.shape);
    if (!into || String(shape) === String(x.shape)) return y;
  } catch (error) {
    if (!(error instanceof TensorError)) throw error;
  }
  return y.mean();
}

const dimOf = (x: Tensor, k: number): number => k % Math.max(x.ndim, 1);
const steps: Readonly<Record<string, Step>> = {
  sin: (x) => x.sin(),
  tanh: (x) => x.tanh(),
  exp: (x) => x.tanh().exp(),
  scale: (x, _, k) => x.mul(k / 3 - 1),
  add: (x, y) => x.add(beside(x, y, false)),
  sub: (x, y) => x.sub(beside(x, y, false)),
  mul: (x, y) => x.mul(beside(x, y, false)),
  div: (x, y) => x.div(beside(x, y, false).square().add(1)),
  outer: (x, y) => x.reshape(-1, 1).matmul(y.reshape(1, -1)).narrow(0, 0, 1),
  sum: (x, _, k) => (x.ndim === 0 ? x : x.sum(dimOf(x, k))),
  mean: (x, _, k) => (x.ndim === 0 ? x : x.mean(dimOf(x, k), true)),
  cumsum: (x, _, k) => (x.ndim === 0 ? x : x.cumsum(dimOf(x, k))),
  softmax: (x) => (x.ndim === 0 ? x : x.softmax(-1)),
  reverse: (x) => (x.ndim === 0 ? x : x.flip(0)),
  transpose: (x) => (x.ndim < 2 ? x : x.transpose(0, -1)),
  part: (x, _, k) => (x.ndim === 0 ? x : x.narrow(dimOf(x, k), 0, Math.max(1, x.shape[dimOf(x, k)]! - 1))),
  select: (x, _, k) => (x.ndim === 0 ? x : x.select(dimOf(x, k), 0)),
  widen: (x) => (x.ndim > 2 ? x : x.unsqueeze(0).expand(2, ...x.shape)),
  flatten: (x) => x.reshape(-1),
  copy: (x) => x.clone(),
  scale_: (x, _, k) => x.mul_(k / 3 - 1),
  add_: (x, y) => x.add_(beside(x, y, true)),
  mul_: (x, y) => x.mul_(beside(x, y, true)),
  sin_: (x) => x.sin_(),
  copy_: (x, y) => x.copy_(beside(x, y, true)),
  partly_: (x, _, k) => {
    steps["part"]!(x, x, k).mul_(2);
    return x;
  },
};

const names = Object.keys(steps);
const programs = fc.array(fc.record({ name: fc.constantFrom(...names), x: fc.nat(9), y: fc.nat(9), k: fc.nat(5) }), {
  minLength: 1,
  maxLength: 9,
});
type Program = typeof programs extends fc.Arbitrary<infer P> ? P : never;

/** Memory that several elements share cannot be written to. */
const isExpanded = ({ shape, strides }: Tensor): boolean => shape.some((size, dim) => size > 1 && strides[dim] === 0);

/** All tensors that the program makes from copies of its inputs. */
function run(program: Program, inputs: readonly Tensor[]): Tensor[] {
  const made = inputs.map((x) => x.clone());
  for (const { name, x, y, k } of program) {
    const [target, other] = [made.at(x % made.length)!, made.at(y % made.length)!];
    if (name.endsWith("_") && isExpanded(target)) continue;
    made.push(steps[name]!(target, other, k));
  }
  return made;
}

const inputs = [
  tensor(
    [
      [0.5, -1.2, 0.9],
      [1.7, 0.3, -0.4],
    ],
    { dtype: "float64", requiresGrad: true },
  ),
  tensor([0.8, -0.6, 1.1], { dtype: "float64", requiresGrad: true }),
];

/** Values that backward needs may be overwritten: it says so, and there is nothing to compare. */
function refused(program: Program): boolean {
  try {
    grad(weighed(run(program, inputs)), inputs);
    return false;
  } catch (error) {
    if (error instanceof TensorError && error.message.includes("changed in place")) return true;
    throw error;
  }
}

test("the gradient of a random program is the slope", () => {
  fc.assert(
    fc.property(programs, (program) => {
      fc.pre(!refused(program));
      gradcheck((...xs) => weighed(run(program, xs)), inputs);
    }),
    { numRuns: 150 },
  );
});

const numbers = (gradients: readonly Tensor[]): number[] =>
  gradients.flatMap((g) => g.detach().reshape(-1).toArray() as number[]);

function same(got: readonly Tensor[], wanted: readonly number[]): void {
  for (const [i, value] of numbers(got).entries()) {
    expect(Math.abs(value - wanted[i]!)).toBeLessThanOrEqual(1e-10 * (1 + Math.abs(wanted[i]!)));
  }
}

test("a recorded pass gives what a plain one gives", () => {
  fc.assert(
    fc.property(programs, (program) => {
      fc.pre(!refused(program));
      const plain = numbers(grad(weighed(run(program, inputs)), inputs));
      same(grad(weighed(run(program, inputs)), inputs, { createGraph: true }), plain);
    }),
    { numRuns: 100 },
  );
});

test("gradients accumulate to the same in every order, in one pass or several", () => {
  fc.assert(
    fc.property(fc.array(programs, { minLength: 2, maxLength: 4 }), fc.infiniteStream(fc.nat()), (drawn, order) => {
      const kept = drawn.filter((program) => !refused(program));
      fc.pre(kept.length > 1);
      const accumulated = (pass: (losses: Tensor[]) => void): Tensor[] => {
        for (const x of inputs) x.grad = null;
        pass(kept.map((program) => weighed(run(program, inputs))));
        return inputs.map((x) => x.grad!);
      };
      const wanted = numbers(accumulated((losses) => losses.forEach((loss) => void loss.backward())));
      const shuffled = (losses: Tensor[]): Tensor[] =>
        losses
          .map((loss) => ({ loss, at: order.next().value as number }))
          .sort((a, b) => a.at - b.at)
          .map(({ loss }) => loss);
      same(
        accumulated((losses) => shuffled(losses).forEach((loss) => void loss.backward())),
        wanted,
      );
      same(
        accumulated((losses) => void backward(shuffled(losses))),
        wanted,
      );
    }),
    { numRuns: 50 },
  );
});
