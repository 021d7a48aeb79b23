import "@dl/backend-cpu";
import {
  arange,
  Generator,
  manualSeed,
  registerBackend,
  type Tensor,
  tensor,
  unregisterBackend,
  zeros,
} from "@dl/tensor";
import fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";
import { DataLoader, Dataset, IterableDataset, type Sampler, TensorDataset } from "../src/index.ts";

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const asList = (samples: number[]): number[] => samples;

async function collect<B>(loader: AsyncIterable<B>): Promise<B[]> {
  const batches: B[] = [];
  for await (const batch of loader) batches.push(batch);
  return batches;
}

/** Answers after a while, the later indices sooner. */
class Slow extends Dataset<number> {
  readonly length = 6;
  readonly asked: number[] = [];

  async get(index: number): Promise<number> {
    this.asked.push(index);
    await new Promise((done) => setTimeout(done, 12 - 2 * index));
    return index;
  }
}

describe("batches", () => {
  it("are tensors of the batch size, the last one smaller", async () => {
    const dataset = new TensorDataset(arange(10).view(5, 2), tensor([0, 1, 2, 3, 4]));
    const loader = new DataLoader(dataset, { batchSize: 2 });
    expect(loader.length).toBe(3);
    const batches = await collect(loader);
    expect(batches.map(([x, y]) => [x.toArray(), y.toArray()])).toEqual([
      [
        [
          [0, 1],
          [2, 3],
        ],
        [0, 1],
      ],
      [
        [
          [4, 5],
          [6, 7],
        ],
        [2, 3],
      ],
      [[[8, 9]], [4]],
    ]);
  });

  it("hold every sample once, however they are cut and drawn, synchronously and not", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: 50 }),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        fc.nat({ max: 3 }),
        async (n, batchSize, shuffle, prefetch) => {
          const loader = new DataLoader(upTo(n), { batchSize, shuffle, prefetch, collateFn: asList });
          for (const batches of [[...loader], await collect(loader)]) {
            expect(batches).toHaveLength(loader.length);
            expect(batches.flat().sort((a, b) => a - b)).toEqual(upTo(n));
          }
        },
      ),
    );
  });

  it("are typed by their samples", () => {
    const samples: [Tensor<"float32">, number][] = [];
    expectTypeOf(new DataLoader(samples)).toExtend<AsyncIterable<[Tensor<"float32">, Tensor]>>();
    const pairs = new TensorDataset(zeros(3), tensor([1, 2, 3]));
    expectTypeOf(new DataLoader(pairs)).toExtend<AsyncIterable<[Tensor<"float32">, Tensor]>>();
    expectTypeOf(new DataLoader(upTo(3), { collateFn: asList })).toExtend<Iterable<number[]>>();
  });

  it("leave out the rest with dropLast", () => {
    const loader = new DataLoader(upTo(7), { batchSize: 3, dropLast: true, collateFn: asList });
    expect([loader.length, [...loader]]).toEqual([
      2,
      [
        [0, 1, 2],
        [3, 4, 5],
      ],
    ]);
  });

  it("are of one sample by default", () => {
    expect([...new DataLoader(upTo(2))].map((batch) => batch.toArray())).toEqual([[0], [1]]);
  });
});

describe("order", () => {
  const order = (options: object): number[][] => {
    const loader = new DataLoader(upTo(20), { batchSize: 20, shuffle: true, collateFn: asList, ...options });
    return [...loader, ...loader];
  };

  it("follows a seed, a generator, or manualSeed, and changes with each epoch", () => {
    const [first, second] = order({ seed: 1 });
    expect(first).not.toEqual(second);
    expect(order({ seed: 1 })).toEqual([first, second]);
    expect(order({ generator: new Generator().manualSeed(1) })).toEqual([first, second]);
    manualSeed(1);
    expect(order({})).toEqual([first, second]);
    expect(order({ seed: 2 })).not.toEqual([first, second]);
  });

  it("is a sampler's, or a batch sampler's", () => {
    const backwards: Sampler = { length: 3, [Symbol.iterator]: () => [2, 1, 0][Symbol.iterator]() };
    expect([...new DataLoader(upTo(3), { sampler: backwards, batchSize: 2, collateFn: asList })]).toEqual([
      [2, 1],
      [0],
    ]);
    const loader = new DataLoader(upTo(3), { batchSampler: [[0], [2, 1]], collateFn: asList });
    expect([loader.length, [...loader]]).toEqual([2, [[0], [2, 1]]]);
  });

  it("is drawn step by step: nothing is fetched before it is asked for", async () => {
    const asked: number[] = [];
    const dataset = { length: 6, get: (index: number) => asked.push(index) };
    const loader = new DataLoader(dataset, { batchSize: 2 })[Symbol.iterator]();
    expect(asked).toEqual([]);
    loader.next();
    expect(asked).toEqual([0, 1]);
    const later = new DataLoader(dataset, { batchSize: 2 })[Symbol.asyncIterator]();
    await later.next();
    expect(asked).toEqual([0, 1, 0, 1]);
  });
});

describe("getBatch", () => {
  const dataset = {
    length: 4,
    get: (index: number) => index,
    getBatch: (indices: readonly number[]) => tensor([...indices].map((i) => i + 100)),
  };

  it("is preferred to single samples, unless there is a collateFn", () => {
    expect([...new DataLoader(dataset, { batchSize: 3 })].map((batch) => batch.toArray())).toEqual([
      [100, 101, 102],
      [103],
    ]);
    expect([...new DataLoader(dataset, { batchSize: 3, collateFn: asList })]).toEqual([[0, 1, 2], [3]]);
  });
});

describe("asynchronous data sets", () => {
  it("fetch the samples of a batch together, and keep their order", async () => {
    const dataset = new Slow();
    expect(await collect(new DataLoader(dataset, { batchSize: 3, collateFn: asList }))).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
  });

  it("are asked ahead with prefetch", async () => {
    const dataset = new Slow();
    for await (const batch of new DataLoader(dataset, { batchSize: 2, prefetch: 1, collateFn: asList })) {
      expect(dataset.asked).toHaveLength(Math.min(batch[0]! + 4, 6));
    }
  });

  it("cannot be read by a plain loop, which says so", () => {
    expect(() => [...new DataLoader(new Slow())]).toThrow(
      "DataLoader: the data set is asynchronous, a plain for loop cannot wait for it. Use for await",
    );
  });
});

describe("streams", () => {
  class Stream extends IterableDataset<number> {
    closed = false;

    override *[Symbol.iterator](): globalThis.Generator<number, void, undefined> {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        this.closed = true;
      }
    }
  }

  async function* arriving(): AsyncGenerator<number> {
    for (const i of upTo(5)) yield i;
  }

  it("are cut into batches as they come", async () => {
    expect(await collect(new DataLoader(arriving(), { batchSize: 2, collateFn: asList }))).toEqual([
      [0, 1],
      [2, 3],
      [4],
    ]);
    expect(
      await collect(new DataLoader(arriving(), { batchSize: 2, dropLast: true, prefetch: 3, collateFn: asList })),
    ).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect([...new DataLoader(new Set([5, 6, 7]), { batchSize: 2, collateFn: asList })]).toEqual([[5, 6], [7]]);
  });

  it("are closed when the loop is left", async () => {
    const [sync, later] = [new Stream(), new Stream()];
    for (const batch of new DataLoader(sync, { batchSize: 2, collateFn: asList })) if (batch[0]! >= 4) break;
    for await (const batch of new DataLoader(later, { batchSize: 2, collateFn: asList })) if (batch[0]! >= 4) break;
    expect([sync.closed, later.closed]).toEqual([true, true]);
  });

  it("have no length and no indices", () => {
    expect(() => new DataLoader(new Stream()).length).toThrow("DataLoader: a stream has no length");
    expect(() => new DataLoader(new Stream(), { shuffle: true })).toThrow(
      "shuffle needs indices, but the data set is a stream",
    );
    expect(() => [...new DataLoader(arriving())]).toThrow("Use for await");
  });
});

describe("leaving and failing", () => {
  it("closes the sampler when the loop is left", async () => {
    let closed = 0;
    const sampler: Sampler = {
      length: 9,
      *[Symbol.iterator]() {
        try {
          yield* upTo(9);
        } finally {
          closed++;
        }
      },
    };
    for (const _ of new DataLoader(upTo(9), { sampler })) break;
    for await (const _ of new DataLoader(upTo(9), { sampler, prefetch: 2 })) break;
    expect(closed).toBe(2);
  });

  it("names the sample that failed and keeps the cause", async () => {
    const broken = (index: number): number => {
      if (index === 3) throw new RangeError("bad pixel");
      return index;
    };
    const sync = new DataLoader({ length: 5, get: broken }, { batchSize: 2 });
    expect(() => [...sync]).toThrow("DataLoader: the data set's get(3) failed: bad pixel");
    const later = new DataLoader(
      { length: 5, get: async (index: number) => broken(index) },
      { batchSize: 2, prefetch: 4 },
    );
    const error = await collect(later).catch((e) => e);
    expect(error.message).toBe("DataLoader: the data set's get(3) failed: bad pixel");
    expect(error.cause).toBeInstanceOf(RangeError);
    const whole = new DataLoader({ length: 2, get: broken, getBatch: () => broken(3) as never }, { batchSize: 2 });
    expect(() => [...whole]).toThrow("DataLoader: the data set's getBatch([0, 1]) failed: bad pixel");
  });

  it("an abort ends both kinds of loops, even while a sample never comes", async () => {
    const stop = new AbortController();
    const loader = new DataLoader(upTo(9), { signal: stop.signal });
    expect(() => {
      for (const _ of loader) stop.abort(new Error("enough"));
    }).toThrow("enough");
    await expect(collect(loader)).rejects.toThrow("enough");

    const hung = new AbortController();
    const never = { length: 1, get: () => new Promise<number>(() => {}) };
    const waiting = collect(new DataLoader(never, { signal: hung.signal, prefetch: 1 }));
    hung.abort(new Error("too long"));
    await expect(waiting).rejects.toThrow("too long");
  });
});

it("lets backends reclaim memory between batches, and waits for them", async () => {
  const log: string[] = [];
  const reclaim = async (): Promise<void> => {
    await null;
    log.push("reclaimed");
  };
  registerBackend({ device: "leaky", reclaim } as never);
  try {
    for await (const [i] of new DataLoader(upTo(2), { collateFn: asList })) log.push(`batch ${i}`);
  } finally {
    unregisterBackend("leaky");
  }
  expect(log).toEqual(["batch 0", "reclaimed", "batch 1", "reclaimed"]);
});

it("an asynchronous loop lets timers and signals come, however busy its body is", async () => {
  let told = false;
  setTimeout(() => (told = true));
  const busy = (milliseconds: number): void => {
    for (const end = performance.now() + milliseconds; performance.now() < end; );
  };
  for await (const _ of new DataLoader(upTo(4))) {
    if (told) break;
    busy(60);
  }
  expect(told).toBe(true);
});

describe("without batches", () => {
  it("samples come as they are, in the sampler's order", async () => {
    const samples = [
      { x: 1, name: "a" },
      { x: 2, name: "b" },
    ];
    const loader = new DataLoader(samples, { batchSize: null, sampler: [1, 0] });
    expectTypeOf([...loader]).toEqualTypeOf<{ x: number; name: string }[]>();
    expect([...loader]).toEqual([samples[1], samples[0]]);
    expect(await collect(new DataLoader(new Slow(), { batchSize: null, prefetch: 2 }))).toEqual(upTo(6));
    expect([loader.length, loader.batchSize]).toEqual([2, null]);
  });

  it("collateFn makes something of each, of streams too", () => {
    const double = (x: number): number => 2 * x;
    expect([...new DataLoader(upTo(3), { batchSize: null, collateFn: double })]).toEqual([0, 2, 4]);
    expect([...new DataLoader(new Set([1, 2]), { batchSize: null, collateFn: double })]).toEqual([2, 4]);
  });

  it("getBatch is for batches", () => {
    const rows = new TensorDataset(arange(4).view(2, 2));
    expect([...new DataLoader(rows, { batchSize: null })].map(([row]) => row!.toArray())).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });
});
