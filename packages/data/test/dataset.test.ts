import "@dl/backend-cpu";
import { arange, Generator, type Tensor, tensor, zeros } from "@dl/tensor";
import fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  ChainDataset,
  ConcatDataset,
  DataLoader,
  Dataset,
  randomSplit,
  StackDataset,
  Subset,
  TensorDataset,
} from "../src/index.ts";

/** Its samples are its indices, from a first one on. */
class Numbers extends Dataset<number> {
  readonly length: number;
  readonly #first: number;

  constructor(length: number, first = 0) {
    super();
    this.length = length;
    this.#first = first;
  }

  get(index: number): number {
    return this.#first + index;
  }
}

const all = <T>(dataset: Dataset<T>): (T | Promise<T>)[] =>
  Array.from({ length: dataset.length }, (_, i) => dataset.get(i));

it("a class need not name its samples' type", () => {
  class Squares extends Dataset {
    readonly length = 3;

    get(index: number) {
      return { x: zeros(2), y: index ** 2 };
    }
  }
  const [batch] = new DataLoader(new Subset(new Squares(), [1, 2]), { batchSize: 2 });
  expectTypeOf(batch!).toEqualTypeOf<{ x: Tensor<"float32">; y: Tensor }>();
  expect([batch!.x.shape, batch!.y.toArray()]).toEqual([
    [2, 2],
    [1, 4],
  ]);
});

describe("TensorDataset", () => {
  const dataset = new TensorDataset(arange(6).view(3, 2), tensor([7, 8, 9]));

  it("takes a row of each tensor", () => {
    expect(dataset.length).toBe(3);
    expect(dataset.get(1).map((x) => x.toArray())).toEqual([[2, 3], 8]);
  });

  it("takes many rows at once", () => {
    const [rows, numbers] = dataset.getBatch([2, 0]);
    expect(rows.toArray()).toEqual([
      [4, 5],
      [0, 1],
    ]);
    expect(numbers.toArray()).toEqual([9, 7]);
  });

  it("refuses tensors of different lengths, and indices beyond", () => {
    expect(() => new TensorDataset(zeros(3), zeros(4))).toThrow(
      "TensorDataset: needs tensors of one length, got [3, 4]",
    );
    expect(() => new TensorDataset()).toThrow("needs tensors of one length");
    expect(() => dataset.get(3)).toThrow("TensorDataset: index 3 is not in 0 … 2");
    expect(() => dataset.getBatch([0, -4])).toThrow("TensorDataset: index -4 is not in 0 … 2");
    expect(() => dataset.get("1" as never)).toThrow('TensorDataset: index "1" is not in');
  });
});

describe("Subset", () => {
  it("shows the chosen samples, in their order", () => {
    expect(all(new Subset(new Numbers(10), [7, 3]))).toEqual([7, 3]);
    expect(() => new Subset(new Numbers(10), [7, 3]).get(2)).toThrow("Subset: index 2 is not in 0 … 1");
  });

  it("passes whole batches on where its data set makes them", () => {
    const subset = new Subset(new TensorDataset(arange(10)), [4, 5, 6]);
    expect(subset.getBatch([2, 0])).toHaveLength(1);
    expect(new Subset(new Numbers(3), [0]).getBatch([0])).toBeUndefined();
  });
});

describe("ConcatDataset", () => {
  it("is its parts one after the other", () => {
    const parts = [new Numbers(2, 10), new Numbers(0), new Numbers(3, 20)];
    const whole = new ConcatDataset(parts);
    expect(whole.cumulativeSizes).toEqual([2, 2, 5]);
    expect(all(whole)).toEqual([10, 11, 20, 21, 22]);
    expect(() => whole.get(5)).toThrow("ConcatDataset: index 5 is not in 0 … 4");
    expect(() => new ConcatDataset([])).toThrow("needs at least one data set");
  });
});

describe("StackDataset", () => {
  it("puts samples side by side, under the names of their data sets", async () => {
    const named = new StackDataset({ image: new Numbers(2, 10), label: new Numbers(2) });
    expect(all(named)).toEqual([
      { image: 10, label: 0 },
      { image: 11, label: 1 },
    ]);
    expectTypeOf(new DataLoader(named)).toExtend<Iterable<{ image: Tensor; label: Tensor }>>();
    const later: Dataset<string> = { length: 2, get: async (index) => `sample ${index}` };
    expect(await new StackDataset([new Numbers(2), later]).get(1)).toEqual([1, "sample 1"]);
  });

  it("needs data sets of one length", () => {
    expect(() => new StackDataset([new Numbers(2), new Numbers(3)])).toThrow(
      "StackDataset: needs data sets of one length, got [2, 3]. Cut them with Subset",
    );
    expect(() => new StackDataset([])).toThrow("StackDataset: needs at least one data set, got none");
    expect(() => new StackDataset([new Numbers(2)]).get(2)).toThrow("index 2 is not in 0 … 1");
  });
});

describe("ChainDataset", () => {
  it("is its streams one after the other", async () => {
    async function* later(): AsyncGenerator<number> {
      yield 3;
    }
    const loader = new DataLoader(new ChainDataset([[1, 2], later()]), { batchSize: 2, collateFn: (x) => x });
    const batches: number[][] = [];
    for await (const batch of loader) batches.push(batch);
    expect(batches).toEqual([[1, 2], [3]]);
  });
});

describe("randomSplit", () => {
  it("gives as many parts as lengths, for the compiler too", () => {
    expectTypeOf(randomSplit(new Numbers(3), [1, 2])).toEqualTypeOf<[Subset<number>, Subset<number>]>();
    expectTypeOf(randomSplit(new Numbers(3), [3] as number[])).toEqualTypeOf<Subset<number>[]>();
  });

  it("parts every data set into disjoint subsets that cover it", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 5 }), fc.nat(), (lengths, seed) => {
        const total = lengths.reduce((a, b) => a + b, 0);
        const parts = randomSplit(new Numbers(total), lengths, { generator: new Generator().manualSeed(seed) });
        expect(parts.map(({ length }) => length)).toEqual(lengths);
        const covered = parts.flatMap(all).sort((a, b) => Number(a) - Number(b));
        expect(covered).toEqual(Array.from({ length: total }, (_, i) => i));
      }),
    );
  });

  it("takes fractions; what is left over goes to the first parts", () => {
    const lengths = (total: number, fractions: number[]): number[] =>
      randomSplit(new Numbers(total), fractions).map(({ length }) => length);
    expect(lengths(10, [0.8, 0.2])).toEqual([8, 2]);
    expect(lengths(10, [1 / 3, 1 / 3, 1 / 3])).toEqual([4, 3, 3]);
    expect(lengths(5, [1, 0])).toEqual([5, 0]);
  });

  it("follows the seed", () => {
    const split = (seed: number) =>
      all(randomSplit(new Numbers(50), [25, 25], { generator: new Generator().manualSeed(seed) })[0]);
    expect(split(1)).toEqual(split(1));
    expect(split(1)).not.toEqual(split(2));
    const seeded = (): Generator => new Generator().manualSeed(2);
    const dataset = new Numbers(20);
    expect(randomSplit(dataset, [20], seeded()).map(all)).toEqual(
      randomSplit(dataset, [20], { generator: seeded() }).map(all),
    );
  });

  it("refuses lengths that do not add up", () => {
    expect(() => randomSplit(new Numbers(10), [5, 4])).toThrow(
      "randomSplit: got lengths [5, 4] (sum 9) for 10 samples",
    );
    expect(() => randomSplit(new Numbers(10), [10.5, -0.5])).toThrow("Give whole lengths");
  });
});

it("cuts and joins lists as it does data sets", () => {
  const letters = ["a", "b", "c", "d"];
  expect(new Subset(letters, [2, 0]).get(0)).toBe("c");
  expect(new Subset(letters, tensor([true, false, true, false]).nonzero()).get(1)).toBe("c");
  const joined = new ConcatDataset([letters, new Subset(letters, [3])]);
  expect([joined.length, joined.get(4)]).toEqual([5, "d"]);
  const [train, test] = randomSplit(letters, [3, 1]);
  const drawn = [0, 1, 2].map((i) => train.get(i));
  expect([...drawn, test.get(0)].sort()).toEqual(letters);
});

it("negative indices count from the end", () => {
  const letters = ["a", "b", "c"];
  const numbers = new TensorDataset(arange(3));
  expect(new Subset(letters, [0, -1]).get(-1)).toBe("c");
  expect(String(new Subset(numbers, [0, -1]).getBatch([-1]))).toBe("tensor([2])");
  expect(numbers.get(-3)[0].item()).toBe(0);
  expect(new ConcatDataset([letters, ["d"]]).get(-1)).toBe("d");
  expect(new StackDataset([letters, letters]).get(-3)).toEqual(["a", "a"]);
  expect([...new DataLoader(letters, { sampler: [-1], batchSize: null })]).toEqual(["c"]);
});

describe("errors name what was given", () => {
  const [list, numbers] = [[1, 2, 3], new TensorDataset(arange(3))];
  const stream = new Set([1, 2]);
  const make = (body: () => unknown) => body;

  it.each([
    [
      "Subset: index 7 is not in 0 … 2. Indices are whole numbers below length",
      make(() => new Subset(list, [7]).get(0)),
    ],
    ["Subset: index 1.5 is not in", make(() => new Subset(list, [1.5]).get(0))],
    ["Subset: index 7 is not in 0 … 2", make(() => new Subset(numbers, [7]).getBatch([0]))],
    [
      "Subset: the indices are a bool tensor, need integers. Turn the mask into positions: mask.nonzero()",
      make(() => new Subset(list, tensor([true, false, true]))),
    ],
    ["the indices are a float32 tensor, need integers", make(() => new Subset(list, zeros(2)))],
    [
      "the indices are a Set, need a list or an integer tensor. Spread it",
      make(() => new Subset(list, stream as never)),
    ],
    ["Subset: the indices are undefined, need", make(() => new Subset(list, undefined as never))],
    ["Subset: needs a data set or a list, got a Set. Give it length", make(() => new Subset(stream as never, [0]))],
    ["ConcatDataset: needs a data set or a list, got a Set", make(() => new ConcatDataset([stream as never]))],
    [
      "ConcatDataset: needs a list of data sets, got a TensorDataset. Write new ConcatDataset([a, b])",
      make(() => new ConcatDataset(numbers as never)),
    ],
    ["StackDataset: needs a data set or a list, got a Set", make(() => new StackDataset([stream as never]))],
    ["StackDataset: needs a list or an object of data sets, got a", make(() => new StackDataset(numbers as never))],
    ["ConcatDataset: the length of the data set is undefined", make(() => new ConcatDataset([new Map() as never]))],
    ["randomSplit: needs a data set or a list, got a Set", make(() => randomSplit(stream as never, [0.5, 0.5]))],
    [
      "randomSplit: the generator is 42, needs a Gen",
      make(() => randomSplit(list, [1, 2], { generator: 42 as never })),
    ],
    ["TensorDataset: argument 1 is [1, 2], needs a tensor", make(() => new TensorDataset(arange(2), [1, 2] as never))],
    ["ChainDataset: needs a list of streams, got 5", make(() => new ChainDataset(5 as never))],
  ])("%s", (message, body) => {
    expect(body).toThrow(message);
  });

  it("ChainDataset: needs streams", async () => {
    const loop = new ChainDataset([numbers as never])[Symbol.asyncIterator]().next();
    await expect(loop).rejects.toThrow(
      "needs streams, got a TensorDataset. ConcatDataset joins data sets with get(index)",
    );
  });
});

it("StackDataset takes lists", () => {
  const stacked = new StackDataset({ image: new TensorDataset(arange(2)), label: ["a", "b"] });
  expectTypeOf(stacked.get(0)).toExtend<{ label: string } | Promise<{ label: string }>>();
  const [batch] = new DataLoader(stacked, 2);
  expect([String(batch!.image), batch!.label]).toEqual(["tensor([0, 1])", ["a", "b"]]);
});
