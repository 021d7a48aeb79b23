import "@dl/backend-cpu";
import { arange, floatTensor, type Tensor, tensor } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import { batchOf, ConcatDataset, DataLoader, Dataset, StackDataset, Subset, TensorDataset } from "../src/index.ts";

type Rows = TensorDataset<[Tensor]>;

const rows = (): Rows => new TensorDataset(arange(4));
const loaded = (dataset: Dataset<[Tensor]>): unknown =>
  [...new DataLoader(dataset, { batchSize: 4 })].map(([x]) => x.toArray());

class Scaled extends TensorDataset<[Tensor]> {
  override get(index: number): [Tensor] {
    return [super.get(index)[0].mul(100)];
  }
}

class Raised extends Subset<[Tensor]> {
  override get(index: number): [Tensor] {
    return [(super.get(index) as [Tensor])[0].add(1000)];
  }
}

class Both extends Scaled {
  override getBatch(indices: readonly number[]): [Tensor] {
    return [tensor(indices.map((index) => 100 * index))];
  }
}

/** Has a fast form of only some batches. */
class Choosy extends Dataset<[Tensor]> {
  readonly length = 4;
  get(index: number): [Tensor] {
    return [tensor(index)];
  }
  override getBatch(indices: readonly number[]): [Tensor] | undefined {
    return indices.length > 2 ? undefined : [tensor(indices.map((index) => -index))];
  }
}

function assigned(): Rows {
  const dataset = rows();
  dataset.get = (index) => [tensor(index + 7)];
  return dataset;
}

describe("a get nearer to the data set than its getBatch is heeded", () => {
  it.each<[string, Dataset<[Tensor]>, number[]]>([
    ["of a class that extends", new Scaled(arange(4)), [0, 100, 200, 300]],
    ["assigned", assigned(), [7, 8, 9, 10]],
    ["in a Subset", new Subset(new Scaled(arange(4)), [3, 0]), [300, 0]],
    ["of a class that extends Subset", new Raised(rows(), [3, 0]), [1003, 1000]],
    ["unless there is a getBatch beside it", new Both(arange(4)), [0, 100, 200, 300]],
    ["and one that gives nothing", new Choosy(), [0, 1, 2, 3]],
    ["or is null", { length: 2, get: (i: number) => [tensor(i)], getBatch: null } as never, [0, 1]],
  ])("%s", (_, dataset, values) => {
    expect(loaded(dataset)).toEqual([values]);
  });

  it("batchOf is how data sets that wrap others ask", () => {
    expect(String(batchOf(rows(), [2, 0]))).toBe("tensor([2, 0])");
    expect(String(batchOf(new Both(arange(4)), [2]))).toBe("tensor([200])");
    expect(String(batchOf(new Choosy(), [2, 1]))).toBe("tensor([-2, -1])");
    for (const dataset of [new Scaled(arange(4)), assigned(), new Choosy()]) {
      expect(batchOf(dataset, [0, 1, 2])).toBeUndefined();
    }
    expect(() => batchOf({ length: 1, get: () => 1, getBatch: 5 } as never, [0])).toThrow("getBatch: is a number");
  });
});

describe("ConcatDataset and StackDataset ask for whole batches", () => {
  /** Counts how it is asked; its samples are of several kinds. */
  class Kinds extends Dataset<{ x: [Tensor, Tensor]; name: string }> {
    readonly length = 3;
    asked: string[] = [];
    readonly #first: number;
    constructor(first: number) {
      super();
      this.#first = first;
    }
    get(index: number): { x: [Tensor, Tensor]; name: string } {
      this.asked.push("get");
      const at = this.#first + index;
      return { x: [tensor([at, -at]), floatTensor(at / 2)], name: `n${at}` };
    }
    override getBatch(indices: readonly number[]): object {
      this.asked.push("getBatch");
      const all = indices.map((index) => this.#first + index);
      const x = [tensor(all.map((at) => [at, -at])), floatTensor(all.map((at) => at / 2))];
      return { x, name: all.map((at) => `n${at}`) };
    }
  }
  class Later extends Kinds {
    override async getBatch(indices: readonly number[]): Promise<object> {
      return super.getBatch(indices);
    }
  }
  /** Has no getBatch. */
  const single = (source: Kinds): Dataset<{ x: [Tensor, Tensor]; name: string }> => ({
    length: source.length,
    get: (index) => source.get(index),
  });
  const order = [4, 0, 5, 2, 1, 3];
  const show = (batch: unknown): string =>
    JSON.stringify(batch, (_, value) => (value?.toArray ? value.toArray() : value));

  it.each([
    ["all", [new Kinds(0), new Kinds(3)], "getBatch"],
    ["some", [new Kinds(0), single(new Kinds(3))], "getBatch"],
    ["none", [single(new Kinds(0)), single(new Kinds(3))], undefined],
    ["all, later", [new Kinds(0), new Later(3)], "getBatch"],
  ] as const)("where %s of them make some", async (_, parts, asked) => {
    const [first] = parts;
    const concat = new ConcatDataset<unknown>(parts);
    const samples = order.map((index) => concat.get(index));
    const [expected] = new DataLoader(samples, { batchSize: 6 });
    if (first instanceof Kinds) first.asked = [];
    for await (const batch of new DataLoader(concat, { batchSize: 6, sampler: order })) {
      expect(show(batch)).toBe(show(expected));
    }
    if (first instanceof Kinds) expect(first.asked).toEqual([asked]);

    const stack = new StackDataset({ a: parts[0], b: parts[1] });
    const pairs = [2, 0].map((index) => stack.get(index));
    const [side] = new DataLoader(pairs, { batchSize: 2 });
    for await (const batch of new DataLoader(stack, { batchSize: 2, sampler: [2, 0] })) {
      expect(show(batch)).toBe(show(side));
    }
  });

  it("whose batches are alike", () => {
    const joined = (other: unknown) => () => new ConcatDataset<unknown>([rows(), other as Rows]).getBatch([0, 5]);
    expect(joined(new TensorDataset(arange(4).view(2, 2)))).toThrow(
      "ConcatDataset: its data sets give rows of [] and rows of [2] at [0]. Make their samples alike",
    );
    expect(joined(new TensorDataset(arange(2), arange(2)))).toThrow("give a list of 1 and a list of 2. Make");
    expect(joined(new StackDataset({ x: rows() }))).toThrow("give a list of 1 and an object of x.");
    expect(joined(new TensorDataset(floatTensor([1, 2])))).toThrow("dtypes int64 and float32");
  });

  it("a batch from one part is that part's own, and what cannot be joined is refused", () => {
    const [a, b] = [rows(), rows()];
    const made = [tensor([1])];
    a.getBatch = () => made as [Tensor];
    expect(new ConcatDataset([a, b]).getBatch([0, 1])).toBe(made);
    a.getBatch = () => new Map() as never;
    expect(() => new ConcatDataset([a, b]).getBatch([0, 5])).toThrow(
      "ConcatDataset: cannot join batches that hold a Map. Let getBatch give what defaultCollate does",
    );
  });

  it("unless a get is nearer", () => {
    class Doubled extends ConcatDataset<[Tensor]> {
      override get(index: number): [Tensor] {
        return [(super.get(index) as [Tensor])[0].mul(2)];
      }
    }
    expect(loaded(new Doubled([rows()]))).toEqual([[0, 2, 4, 6]]);
    expect(loaded(new ConcatDataset([new Scaled(arange(2)), rows()]))).toEqual([
      [0, 100, 0, 1],
      [2, 3],
    ]);
    const lists = new StackDataset([rows(), ["a", "b", "c", "d"]]);
    expect(show([...new DataLoader(lists, 4)])).toBe('[[[[0,1,2,3]],["a","b","c","d"]]]');
  });
});
