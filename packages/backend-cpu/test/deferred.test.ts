/** Long element-wise results wait: nobody must be able to tell, but by memory that is never taken. */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  apply,
  applyAll,
  cat,
  memory,
  noGrad,
  resetPeakMemoryStats,
  scope,
  type Tensor,
  tensor,
  tidy,
  where,
  zeros,
} from "@dl/tensor";
import fc from "fast-check";
import { expect, test } from "vitest";
import { getMemoryLimit, setMemoryLimit } from "../src/index.ts";
import { around, bytes, columns, first, rows, slice, values } from "./long.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

test("what was written after a call does not show in its result", () => {
  const [x, y] = [values(1, [rows, columns]), values(2, [rows, columns])];
  const before = first(x) + first(y);
  const sum = x.add(y);
  x.mul_(100);
  expect(first(sum)).toBeCloseTo(before, 5);
  const whole = x.sub(0);
  const inside = first(x);
  x.narrow(0, 0, 1).fill_(7);
  expect([first(whole), first(x)]).toEqual([inside, 7]);
});

test("a result is computed from sources that are disposed meanwhile, and frees them then", () => {
  const start = memory().bytes;
  const x = values(1, [rows, columns]);
  const held = memory().bytes - start;
  const expected = Math.fround(Math.fround(first(x) * 2) + 1);
  const y = scope(() => x.mul(2).add(1));
  x.dispose();
  expect(first(y)).toBe(expected);
  expect(memory().bytes - start).toBe(held);
  y.dispose();
  expect(memory().bytes).toBe(start);
});

test("a result that is disposed unread frees what it would have read", () => {
  const start = memory().bytes;
  const x = values(1, [rows, columns]);
  const y = x.exp();
  x.dispose();
  expect(memory().bytes).toBeGreaterThan(start);
  y.dispose();
  expect(memory().bytes).toBe(start);
});

test("what lies between the ops of a chain takes no memory, once the chain is known", () => {
  const [x, bias] = [values(1, [rows, columns]), values(2, [columns])];
  const chain = (): void => scope(() => void first(x.add(bias).tanh().mul(x).sub(1)));
  chain();
  chain();
  resetPeakMemoryStats();
  const { peak } = memory();
  chain();
  const result = 4 * rows * columns;
  expect(memory().peak - peak).toBeGreaterThanOrEqual(result);
  expect(memory().peak - peak).toBeLessThan(1.5 * result);
});

test("one number in several dtypes is several", () => {
  const x = values(1, [rows, columns]);
  const chain = (part: Tensor): Tensor => part.mul(3).to("int32").mul(3).to("float32").sub(3).mul(3);
  for (let time = 0; time < 3; time++) {
    const short = cat(Array.from({ length: rows }, (_, i) => chain(x.select(0, i))));
    expect(bytes(chain(x)).equals(bytes(short))).toBe(true);
  }
});

test("max pooling over a ReLU that waits leaves it waiting, with the same values and positions", () => {
  const window = { kernel: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1], ceilMode: false };
  for (const dtype of ["float32", "float64", "bfloat16"] as const) {
    const x = scope(() => values(4, [1, rows, 64, 64]).sub(2).to(dtype));
    const touched = x.relu();
    const expected = [bytes(touched)];
    expected.push(...applyAll("maxPool", [touched], window).map(bytes));
    const before = memory().bytes;
    const waiting = x.relu();
    const pooled = applyAll("maxPool", [waiting], window);
    expect(memory().bytes - before, dtype).toBeLessThan(expected[0]!.length);
    x.fill_(1);
    expect([waiting, ...pooled].map((result, i) => bytes(result).equals(expected[i]!))).toEqual([true, true, true]);
  }
});

test("memory that is lent to the user is read at once", () => {
  const x = values(1, [rows, columns]);
  const early = x.mul(2);
  const expected = first(x) * 2;
  const { data } = x.numpy();
  const late = x.mul(2);
  data[0] = 50;
  expect([first(early), first(late), first(x.mul(2))]).toEqual([expected, expected, 100]);
});

test("roundings in between are kept: bfloat16, whole numbers, comparisons", () => {
  for (const dtype of ["bfloat16", "float16", "int64", "int32", "int16", "int8", "uint8", "float64"] as const) {
    const x = values(3, [rows, columns]).mul(40).abs().to(dtype);
    const chain = (part: Tensor): Tensor =>
      where(part.mul(300).gt(part.add(7)), part.mul(part), part.sub(1).to("float32").mul(0.3).to(dtype));
    for (let time = 0; time < 3; time++) {
      const short = cat(Array.from({ length: rows }, (_, i) => chain(x.select(0, i))));
      expect(bytes(chain(x)).equals(bytes(short)), dtype).toBe(true);
    }
  }
});

const narrowSteps: readonly ((x: Tensor, y: Tensor) => Tensor)[] = [
  (x, y) => x.add(y),
  (x, y) => x.sub(y).abs(),
  (x, y) => x.mul(y),
  (x, y) => x.maximum(y),
  (x, y) => x.minimum(y).neg(),
  (x) => x.clamp(3, 100),
  (x, y) => where(x.gt(y), x, y),
  (x, y) => x.bitwiseXor(y).relu(),
  (x, y) => where(x.le(2).logicalOr(y.ne(x)), y, x),
  (x) => x.to("int8"),
  (x) => x.to("uint8"),
  (x) => x.to("int16"),
];

test("chains of narrow whole numbers wrap between their steps", () => {
  const dtypes = fc.constantFrom("int8", "uint8", "int16");
  const steps = fc.array(fc.constantFrom(...narrowSteps), { minLength: 2, maxLength: 5 });
  const check = (dtype: "int8" | "uint8" | "int16", chosen: typeof narrowSteps): void =>
    scope(() => {
      const [x, y] = [3, 5].map((seed) => values(seed, [rows, columns]).mul(11000).to("int32").to(dtype));
      const chain = (a: Tensor, b: Tensor): Tensor => chosen.reduce((sum, step) => step(sum, b.to(sum.dtype)), a);
      const short = cat(Array.from({ length: rows }, (_, i) => chain(x!.select(0, i), y!.select(0, i))));
      for (let time = 0; time < 2; time++) expect(bytes(chain(x!, y!)).equals(bytes(short))).toBe(true);
    });
  fc.assert(fc.property(dtypes, steps, check), { numRuns: 60 });
});

/** Chains of one tensor or of two, and what folds them. */
const chains: Readonly<Record<string, (x: Tensor, y: Tensor) => Tensor>> = {
  square: (x) => x.square(),
  abs: (x) => x.abs(),
  cube: (x) => x.pow(3),
  exp: (x) => x.exp(),
  "cast to bfloat16 and back": (x) => x.to("bfloat16").square().to("float32"),
  "cast to float64": (x) => x.to("float64"),
  "cast to int8": (x) => x.to("int8"),
  "square of a transpose": (x) => x.t().square(),
  "is NaN": (x) => x.isnan(),
  "is not 0": (x) => x.ne(0),
  product: (x, y) => x.mul(y),
  "square of a difference": (x, y) => x.sub(y).square(),
  "what is less": (x, y) => x.lt(y),
  "a number before": (x) => x.rsub(0.7),
  "two tensors and two numbers": (x, y) => apply("huber", [y.sub(x).add(0.1), 0.7]),
  "with a transpose": (x, y) => x.t().add(y.t().contiguous()),
};
const folds: readonly ((x: Tensor) => Tensor)[] = [
  (x) => x.sum(),
  (x) => x.sum(0),
  (x) => x.sum(1),
  (x) => x.amax(0),
  (x) => x.prod(1),
  (x) => x.any(1),
];
/** A NaN may have any bits. */
const lines = [(x: Tensor) => x.softmax(0).nanToNum(7), (x: Tensor) => x.logSoftmax(1).nanToNum(7)];

test.each(Object.entries(chains))("folds of what waits give what they give once it is there: %s", (_, chain) => {
  const awkward = values(4, [rows, columns]);
  const edges = [Number.NaN, Number.NEGATIVE_INFINITY, -0, 1e-40, 300.5];
  edges.forEach(
    (edge, i) =>
      void awkward
        .select(0, i)
        .narrow(0, 7 * i, 1)
        .fill_(edge),
  );
  for (const x of [
    values(6, [rows, columns]),
    awkward,
    awkward.to("bfloat16"),
    awkward.to("float64"),
    awkward.to("int64"),
  ]) {
    const y = x.flip(0);
    bytes(y);
    const isFloat = x.isFloatingPoint() && chain(x, y).isFloatingPoint();
    for (const fold of isFloat ? [...folds, ...lines] : folds) {
      const there = chain(x, y);
      bytes(there);
      const expected = bytes(fold(there));
      for (let time = 0; time < 3; time++) expect(bytes(fold(chain(x, y))).equals(expected)).toBe(true);
    }
  }
});

const lone: Readonly<Record<string, (x: Tensor, y: Tensor) => Tensor>> = {
  "a norm": (x) => x.norm(),
  "a distance": (x, y) => x.dist(y),
  "a loss": (x, y) => apply("huber", [x.sub(y), 0.7]).mean(),
};

test.each(Object.entries(lone))("%s writes nothing but its result", (_, result) => {
  const [x, y] = [1, 2].map((seed) => values(seed, [rows, columns])) as [Tensor, Tensor];
  const size = (): number => scope(() => result(x, y).item() as number);
  size();
  resetPeakMemoryStats();
  const { peak } = memory();
  size();
  expect(memory().peak - peak).toBeLessThan(rows * columns);
});

test("where memory runs out as a result is read, it can be read once there is room", () => {
  const limit = getMemoryLimit();
  const x = zeros(2 ** 24);
  const y = x.add(1);
  setMemoryLimit(memory().reserved);
  try {
    expect(() => first(y)).toThrow("setMemoryLimit");
  } finally {
    setMemoryLimit(limit);
  }
  expect(first(y)).toBe(1);
  for (const tensor of [x, y]) tensor.dispose();
});

test("where memory runs out before a write, what waits for the old elements is not forgotten", () => {
  const limit = getMemoryLimit();
  const x = zeros(2 ** 25);
  const results = [x.add(1), x.sub(2)];
  setMemoryLimit(memory().reserved);
  try {
    expect(() => x.fill_(7)).toThrow("setMemoryLimit");
  } finally {
    setMemoryLimit(limit);
  }
  x.fill_(7);
  expect([x, ...results].map(first)).toEqual([7, 1, -2]);
  for (const tensor of [x, ...results]) tensor.dispose();
});

test("a long chain of ops that leave elements as they are is cut, as others are", () => {
  scope(() => {
    let x = zeros(2 ** 15, { dtype: "int32" });
    for (let i = 0; i < 5000; i++) x = x.floor();
    expect(first(x)).toBe(0);
  });
});

test("a loop that never yields leaves nothing on the heap", () => {
  const x = values(1, [rows, columns]);
  const step = (): void => scope(() => void first(x.mul(2).add(x)));
  const used = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  for (let i = 0; i < 500; i++) step();
  const before = used();
  for (let i = 0; i < 5000; i++) step();
  expect(used() - before).toBeLessThan(2 ** 20);
});

/** Steps of a program over whatever was made so far. */
const steps: Readonly<Record<string, (x: Tensor, y: Tensor, bias: Tensor, k: number) => Tensor>> = {
  add: (x, y) => x.add(y),
  mul: (x, y) => x.mul(y),
  scale: (x, _, __, k) => x.mul(k / 7 - 0.4),
  bias: (x, _, bias) => x.add(bias),
  tanh: (x) => x.tanh(),
  relu: (x) => x.relu(),
  gelu: (x) => x.sigmoid().mul(x),
  pick: (x, y) => where(x.gt(y), x, y.mul(2)),
  power: (x) => x.pow(2),
  add_: (x, y) => x.add_(y),
  tanh_: (x) => x.tanh_(),
  copy_: (x, y) => x.copy_(y),
  around: (x, _, __, k) => around(slice(x, 250 * k), 250 * k),
  around_: (x, y, _, k) => x.add_(tidy(() => around(slice(y, 99).mul(slice(x, 0)), 250 * k))),
  clamp_: (x, y) => x.clamp_(-0.5, y),
  lerp_: (x, y) => x.lerp_(y, 0.3),
  addcmul_: (x, y, bias, k) => x.addcmul_(bias, y, k - 4),
  chain_: (x, y) => x.copy_(tidy(() => x.mul(y).add(x).relu())),
  touch: (x) => {
    bytes(x);
    return x;
  },
};
const programs = fc.array(
  fc.record({ name: fc.constantFrom(...Object.keys(steps)), x: fc.nat(20), y: fc.nat(20), k: fc.nat(9) }),
  { minLength: 2, maxLength: 14 },
);
type Program = readonly { readonly name: string; readonly x: number; readonly y: number; readonly k: number }[];

function execute(program: Program, sources: readonly Tensor[], bias: Tensor): Tensor[] {
  const made = [...sources];
  for (const { name, x, y, k } of program) {
    made.push(steps[name]!(made[x % made.length]!, made[y % made.length]!, bias, k));
  }
  return made;
}

/** The bytes of what a program made; but zeros around a part are not added to what waits, so beside them -0 stays -0. */
function compared(program: Program, result: Tensor): Buffer {
  const pads = program.some(({ name }) => name.startsWith("around"));
  return scope(() => bytes(pads ? result.add(0) : result));
}

test("random programs give bit by bit what they give in short pieces, which never wait", () => {
  const bias = values(5, [columns]);
  const sources = (): Tensor[] => [values(1, [rows, columns]), values(2, [rows, columns])];
  fc.assert(
    fc.property(programs, fc.integer({ min: 1, max: 3 }), (program, times) => {
      scope(() =>
        noGrad(() => {
          const pieces = sources().map((x) => Array.from({ length: rows }, (_, i) => x.select(0, i).clone()));
          const short = Array.from({ length: rows }, (_, i) =>
            execute(
              program,
              pieces.map((list) => list[i]!),
              bias,
            ),
          );
          let long = execute(program, sources(), bias);
          for (let time = 1; time < times; time++) long = execute(program, sources(), bias);
          long.forEach((result, i) => {
            const expected = compared(program, cat(short.map((list) => list[i]!)));
            expect(compared(program, result).equals(expected)).toBe(true);
          });
        }),
      );
    }),
    { numRuns: 60 },
  );
});

test("beside a number stands what stands beside a tensor of it", () => {
  const edges = [0, -0, 1, -1, 3, 0.1, 2 ** -130, 2 ** -149, -(2 ** -140), 3e38, 6e-8, 65504, Infinity, -Infinity, NaN];
  const numbers = [-1, 0.5, 2 ** 14, 2 ** -14, -(2 ** -24), 2 ** -30, 3, 0, -0, 1e4, NaN, Infinity];
  const ops = ["maximum", "minimum", "div"] as const;
  for (const dtype of ["float32", "float64", "float16", "bfloat16"] as const) {
    const x = scope(() => tensor(edges).to(dtype).repeat(2048));
    for (const [number, op] of numbers.flatMap((each) => ops.map((name) => [each, name] as const))) {
      const pair = [number, x.newFull(x.shape, number)] as const;
      // Whatever bits a NaN has.
      const [alone, beside] = pair.map((y) => [...new Float64Array(bytes(apply(op, [x, y]).to("float64")).buffer)]);
      expect(alone, `${op} of ${dtype} and ${number}`).toEqual(beside);
    }
  }
});

test("the larger of two whole numbers of 64 bits is no truth value", () => {
  const x = scope(() => values(5, [rows, columns]).to("int64"));
  const one = x.newFull(x.shape, 1);
  for (const _ of ["met", "compiled"]) {
    expect(x.maximum(one).logicalNot().any().item()).toBe(false);
    expect(bytes(x.minimum(one.neg()).logicalAnd(one)).every((truth) => truth === 1)).toBe(true);
  }
});

test("a fold looks through an op with 0 on either side", () => {
  const x = values(5, [rows, columns]);
  const total = x.sum().item() as number;
  for (const _ of ["met", "compiled"]) {
    expect(x.sub(0).sum().item()).toBe(total);
    expect(x.rsub(0).sum().item()).toBe(-total);
    expect(where(x.isnan(), 0, x).sum().item()).toBe(total);
    expect(x.sub(1).sum().item()).toBeCloseTo(total - rows * columns, 1);
  }
});
