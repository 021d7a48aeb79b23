import "@dl/backend-cpu";
import { Generator, manualSeed, tensor } from "@dl/tensor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BatchSampler,
  DataLoader,
  RandomSampler,
  Sampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from "../src/index.ts";

const seeded = (seed: number): Generator => new Generator().manualSeed(seed);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const ascending = (values: Iterable<number>): number[] => [...values].sort((a, b) => a - b);
const sizes = fc.nat({ max: 200 });
const seeds = fc.nat();

describe("SequentialSampler", () => {
  it("counts", () => {
    expect([...new SequentialSampler({ length: 4 })]).toEqual([0, 1, 2, 3]);
  });
});

it("a sampler of one's own extends Sampler", () => {
  class Backwards extends Sampler {
    readonly length = 3;
    *[Symbol.iterator](): IterableIterator<number> {
      yield* [2, 1, 0];
    }
  }
  const loader = new DataLoader([5, 6, 7], { sampler: new Backwards(), batchSize: 3, collateFn: (samples) => samples });
  expect([...loader]).toEqual([[7, 6, 5]]);
});

describe("RandomSampler", () => {
  it("draws every index once in an epoch", () => {
    fc.assert(
      fc.property(sizes, seeds, (length, seed) => {
        const sampler = new RandomSampler({ length }, { generator: seeded(seed) });
        expect(ascending(sampler)).toEqual(upTo(length));
        expect(ascending(sampler)).toEqual(upTo(length));
      }),
    );
  });

  it("follows the seed, with a new order in each epoch", () => {
    const epochs = (generator?: Generator): number[][] => {
      const sampler = new RandomSampler({ length: 100 }, { generator });
      return [[...sampler], [...sampler]];
    };
    const [first, second] = epochs(seeded(1));
    expect(first).not.toEqual(second);
    expect(epochs(seeded(1))).toEqual([first, second]);
    expect(epochs(seeded(2))[0]).not.toEqual(first);
    manualSeed(1);
    expect(epochs()).toEqual([first, second]);
  });

  it("draws numSamples: whole rounds, then a part of one", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 100 }),
        seeds,
        (length, numSamples, seed) => {
          const sampler = new RandomSampler({ length }, { numSamples, generator: seeded(seed) });
          const drawn = [...sampler];
          expect(drawn).toHaveLength(sampler.length);
          expect(sampler.length).toBe(numSamples);
          const rounds = Math.floor(numSamples / length) * length;
          for (let start = 0; start < rounds; start += length) {
            expect(ascending(drawn.slice(start, start + length))).toEqual(upTo(length));
          }
          expect(new Set(drawn.slice(rounds)).size).toBe(numSamples - rounds);
        },
      ),
    );
  });

  it("with replacement draws evenly and repeats", () => {
    const drawn = [
      ...new RandomSampler({ length: 10 }, { replacement: true, numSamples: 20_000, generator: seeded(3) }),
    ];
    const counts = upTo(10).map((i) => drawn.filter((index) => index === i).length);
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(6 * Math.sqrt(1800));
  });

  it("of nothing draws nothing", () => {
    expect([...new RandomSampler({ length: 0 }, { replacement: true })]).toEqual([]);
    expect([...new RandomSampler({ length: 0 })]).toEqual([]);
  });

  it("refuses a count that is none", () => {
    expect(() => new RandomSampler({ length: 3 }, { numSamples: 0 })).toThrow(
      "RandomSampler: numSamples is 0, needs a whole number",
    );
  });
});

describe("SubsetRandomSampler", () => {
  it("draws the given indices, each once", () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), seeds, (indices, seed) => {
        const sampler = new SubsetRandomSampler(indices, { generator: seeded(seed) });
        expect(sampler.length).toBe(indices.length);
        expect(ascending(sampler)).toEqual(ascending(indices));
      }),
    );
  });
});

describe("WeightedRandomSampler", () => {
  const weights = [0, 1, 2, 0, 5];

  it("draws in proportion to the weights, never what has none", () => {
    const drawn = [...new WeightedRandomSampler(weights, 16_000, { generator: seeded(5) })];
    const shares = weights.map((_, i) => drawn.filter((index) => index === i).length / 2000);
    shares.forEach((share, i) => {
      expect(share).toBeCloseTo(weights[i]!, 0);
    });
    expect([shares[0], shares[3]]).toEqual([0, 0]);
  });

  it("without replacement draws each at most once, the heavy ones first most of the time", () => {
    const firsts: number[] = [];
    for (let seed = 0; seed < 400; seed++) {
      const drawn = [...new WeightedRandomSampler(weights, 3, { replacement: false, generator: seeded(seed) })];
      expect(ascending(drawn)).toEqual([1, 2, 4]);
      firsts.push(drawn[0]!);
    }
    expect(firsts.filter((index) => index === 4).length / 400).toBeCloseTo(5 / 8, 1);
  });

  it("takes a tensor of weights", () => {
    expect([...new WeightedRandomSampler(tensor([0, 0.5, 0]), 3)]).toEqual([1, 1, 1]);
  });

  it("refuses weights that are no weights, and more draws than there are chances", () => {
    expect(() => new WeightedRandomSampler([1, -1], 1)).toThrow("weight 1 is -1, needs a number from 0 up");
    expect(() => new WeightedRandomSampler([1, Number.NaN], 1)).toThrow("weight 1 is NaN");
    expect(() => new WeightedRandomSampler([0, 0], 1)).toThrow("0 weights are above 0, 1 are needed");
    expect(() => new WeightedRandomSampler(weights, 4, { replacement: false })).toThrow(
      "3 weights are above 0, 4 are needed",
    );
  });
});

describe("BatchSampler", () => {
  it("takes its options by name", () => {
    const sampler = new BatchSampler(new SequentialSampler({ length: 5 }), { batchSize: 2, dropLast: true });
    expect([...sampler]).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it("cuts a sampler's indices into batches, in order and without loss", () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 20 }), fc.boolean(), (length, batchSize, dropLast) => {
        const sampler = new BatchSampler(new SequentialSampler({ length }), batchSize, dropLast);
        const batches = [...sampler];
        expect(batches).toHaveLength(sampler.length);
        const kept = dropLast ? length - (length % batchSize) : length;
        expect(batches.flat()).toEqual(upTo(kept));
        for (const batch of batches.slice(0, -1)) expect(batch).toHaveLength(batchSize);
      }),
    );
  });

  it.each([0, -1, 2.5])("refuses a batch size of %d", (size) => {
    expect(() => new BatchSampler(new SequentialSampler({ length: 3 }), size)).toThrow(
      `batchSize is ${size}, needs a whole number above 0`,
    );
  });
});

describe("by position, as in PyTorch,", () => {
  it("replacement, numSamples and the generator are what they are by name", () => {
    const twin = (a: Iterable<number>, b: Iterable<number>): void => expect([...a]).toEqual([...b]);
    const source = { length: 10 };
    twin(
      new RandomSampler(source, true, 4, seeded(1)),
      new RandomSampler(source, { replacement: true, numSamples: 4, generator: seeded(1) }),
    );
    twin(new SubsetRandomSampler(upTo(9), seeded(1)), new SubsetRandomSampler(upTo(9), { generator: seeded(1) }));
    const weights = [1, 2, 3, 4, 5];
    const drawn = [...new WeightedRandomSampler(weights, 5, false, seeded(1))];
    expect(ascending(drawn)).toEqual(upTo(5));
    twin(drawn, new WeightedRandomSampler(weights, 5, { replacement: false, generator: seeded(1) }));
  });

  it("more than there are places for is refused", () => {
    // @ts-expect-error one too many
    expect(() => new SubsetRandomSampler([1], seeded(1), 3)).toThrow("takes at most 1 arguments (generator)");
  });
});

it("integer tensors are lists of indices", () => {
  expect(ascending(new SubsetRandomSampler(tensor([4, 5, 6])))).toEqual([4, 5, 6]);
  const drawn = (options: object): unknown[] => [...new DataLoader(upTo(9), { ...options, collateFn: (x) => x })];
  const loader = new DataLoader(upTo(9), { sampler: tensor([3, 1, 2]), batchSize: 2, collateFn: (x) => x });
  expect([loader.length, [...loader]]).toEqual([2, [[3, 1], [2]]]);
  expect(drawn({ batchSampler: [tensor([3, 1]), Int32Array.of(2)] })).toEqual([[3, 1], [2]]);
});

describe("what has no length, or no indices, is refused", () => {
  const stream = new Set([1, 2]) as never;
  const endless = { *[Symbol.iterator]() {} } as never;
  const make = (body: () => unknown) => body;
  const loop = (options: object) => () => [...new DataLoader([5, 6, 7], options)];

  it.each([
    ["SequentialSampler: the length of the data set is undefined", make(() => new SequentialSampler(stream))],
    ["RandomSampler: the length of the data set is undefined", make(() => new RandomSampler(stream))],
    ["RandomSampler: the length of the data set, which is 5, is", make(() => new RandomSampler(5 as never))],
    ["RandomSampler: cannot draw numSamples = 4 from a data set", make(() => new RandomSampler([], { numSamples: 4 }))],
    ["RandomSampler: the generator is 42", make(() => new RandomSampler([1], { generator: 42 as never }))],
    ["SubsetRandomSampler: the indices are a Set", make(() => new SubsetRandomSampler(stream))],
    ["BatchSampler: the sampler is 3, needs a sampler", make(() => new BatchSampler(3 as never, 2))],
    ["the length of the sampler is undefined", make(() => new BatchSampler(endless, 2).length)],
    ["the length of the sampler is undefined", make(() => new DataLoader([1], { sampler: endless }).length)],
    ["the length of the batchSampler is und", make(() => new DataLoader([1], { batchSampler: endless }).length)],
    ["get(9) failed: Array: index 9 is not in 0 … 2", loop({ sampler: [0, 9], batchSize: 2 })],
    ['Array: index "length" is not in 0 … 2', loop({ sampler: ["length"] })],
    ["DataLoader: the indices of a batch are 0, need a list", loop({ batchSampler: [0, 1] })],
    ["DataLoader: the indices are a bool tensor, need integers", loop({ sampler: tensor([true]) })],
  ])("%s", (message, body) => {
    expect(body).toThrow(message);
  });
});
