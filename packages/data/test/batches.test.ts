import "@dl/backend-cpu";
import { arange, type Tensor, tensor } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import { batchOf, DataLoader, Dataset, Subset, TensorDataset } from "../src/index.ts";

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
