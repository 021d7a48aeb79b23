import "@dl/backend-cpu";
import { arange, Generator, rand, type Tensor, tensor } from "@dl/tensor";
import { describe, expect, expectTypeOf, it } from "vitest";
import { DataLoader, IterableDataset, TensorDataset } from "../src/index.ts";

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const asList = (samples: number[]): number[] => samples;

describe("options", () => {
  it.each([
    [{ batchSize: 0 }, "DataLoader: batchSize is 0, needs a whole number above 0"],
    [{ sampler: [0], shuffle: true }, "DataLoader: sampler and shuffle exclude each other. Leave one of them out"],
    [{ batchSampler: [[0]], batchSize: 2 }, "batchSampler and batchSize exclude each other"],
    [{ batchSampler: [[0]], dropLast: true }, "batchSampler and dropLast exclude each other"],
    [{ seed: 1, generator: new Generator() }, "seed and generator exclude each other"],
    [{ prefetch: -1 }, "prefetch is -1, needs a whole number from 0 up"],
    [{ batchSize: null, dropLast: true }, "batchSize: null and dropLast exclude each other"],
    [{ batchSize: "2" }, 'DataLoader: batchSize is "2", needs a whole number above 0'],
    [{ shuffle: "no" }, 'DataLoader: shuffle is "no", needs true or false'],
    [{ sampler: 3 }, "DataLoader: sampler is 3, needs a sampler or a list of indices"],
    [{ batchSampler: 3 }, "batchSampler is 3, needs a sampler of batches or a list of lists of indices"],
    [{ collateFn: 5 }, "collateFn is 5, needs a function"],
    [{ generator: 42 }, "generator is 42, needs a Generator"],
    [{ seed: 5n }, "seed is 5n, needs a whole number below 2 ** 53"],
    [{ seed: 2 ** 60 }, "needs a whole number below 2 ** 53"],
    [{ device: 0 }, "device is 0, needs a device's name"],
    [{ signal: {} }, "signal is an object, needs an AbortSignal"],
    [{ numWorkers: 2 }, "There are no worker processes: prefetch starts on batches ahead of the one in use"],
    [{ pin_memory: true }, "There are no worker processes: prefetch starts on batches ahead"],
    [{ batch_size: 4 }, "DataLoader: unknown option batch_size. Options are batchSize, shuffle,"],
  ])("%o is refused", (options, message) => {
    expect(() => new DataLoader(upTo(3), options as object)).toThrow(message);
  });

  it("null leaves an option out", async () => {
    const names = [
      "shuffle",
      "sampler",
      "batchSampler",
      "dropLast",
      "collateFn",
      "generator",
      "seed",
      "prefetch",
      "device",
    ];
    const options = Object.fromEntries([...names, "signal"].map((name) => [name, null]));
    const batches: unknown[] = [];
    for await (const batch of new DataLoader(upTo(2), { ...options, batchSize: 2 })) batches.push(batch);
    expect(String(batches)).toBe("tensor([0, 1])");
  });

  it("the compiler explains a wrong one among those that there are", () => {
    // @ts-expect-error no generator
    expect(() => new DataLoader(upTo(3), { batchSize: 2, generator: 5 })).toThrow("generator is 5");
    expectTypeOf(new DataLoader(upTo(3), {} as never)).toEqualTypeOf<DataLoader<number, Tensor>>();
  });

  it("the first four may stand by position, as in PyTorch", async () => {
    const batches = [...new DataLoader(upTo(100), 50, true, { collateFn: asList, seed: 3 })];
    expect(batches.map(({ length }) => length)).toEqual([50, 50]);
    expect(batches.flat()).not.toEqual(upTo(100));
    expect(batches.flat().sort((a, b) => a - b)).toEqual(upTo(100));
    expect([...new DataLoader(upTo(9), 2, false, [4, 2, 6], { dropLast: true, collateFn: asList })]).toEqual([[4, 2]]);
    expect([...new DataLoader(upTo(9), undefined, undefined, null, [[4], [2, 6]])].map(String)).toEqual([
      "tensor([4])",
      "tensor([2, 6])",
    ]);
    const count = (loader: DataLoader<[Tensor, Tensor]>) => loader.dataset.length;
    expect(count(new DataLoader(new TensorDataset(arange(4), rand(4))))).toBe(4);
    const squares = new DataLoader(upTo(3), 2, { collateFn: (xs) => xs.map((x) => x * x) });
    expectTypeOf(squares).toEqualTypeOf<DataLoader<number, number[]>>();
    expectTypeOf(new DataLoader(upTo(3), 2, true)).toEqualTypeOf<DataLoader<number, Tensor>>();
    // @ts-expect-error more than have a place
    expect(() => new DataLoader(upTo(3), 2, false, null, null, 4)).toThrow("takes at most 4 arguments (batchSize, shu");
    expect(() => new DataLoader(upTo(3), 2, { batchSize: 3 })).toThrow("batchSize is given twice");
    // @ts-expect-error no number
    expect(() => new DataLoader(upTo(3), true)).toThrow("batchSize is true, needs a whole number above 0");
  });

  it.each([
    [
      { get: (i: number) => i },
      "the length of the data set is undefined, needs a whole number from 0 up. Write get length()",
    ],
    [{ get: (i: number) => i, length: () => 3 }, "the data set is a method"],
    [{ get: (i: number) => i, length: -1 }, "the data set is -1"],
    [{ length: 3 }, "the data set has neither items nor an iterator. Give it length and get(index), or *[Symbol.it"],
    [undefined, "neither items nor an iterator"],
    [new (class extends IterableDataset {})(), "neither items nor an iterator"],
  ])("%o is no data set", (dataset, message) => {
    expect(() => new DataLoader(dataset as never)).toThrow(message);
  });

  it("device moves the tensors of a batch, wherever they are in it", () => {
    const loader = new DataLoader([{ x: tensor([1]), name: "a" }], { device: "cpu" });
    const [batch] = [...loader];
    expect([batch!.x.device, batch!.name]).toEqual(["cpu", ["a"]]);
    expect(() => [...new DataLoader([tensor([1])], { device: "abacus" })]).toThrow('no backend for "abacus"');
  });
});
