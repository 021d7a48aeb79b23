import "@dl/backend-cpu";
import { floatTensor, type Tensor, tensor, zeros } from "@dl/tensor";
import { describe, expect, it } from "vitest";
import { DataLoader, defaultCollate, steadyCollate } from "../src/index.ts";

describe("defaultCollate", () => {
  it("stacks tensors", () => {
    expect(String(defaultCollate([tensor([1.5, 2]), tensor([3, 4.5])]))).toBe(
      "tensor([[1.5000, 2.0000],\n        [3.0000, 4.5000]])",
    );
  });

  it("makes tensors of numbers, booleans and typed arrays", () => {
    expect(String(defaultCollate([1, 2]))).toBe("tensor([1, 2])");
    expect(String(defaultCollate([0.5, 2]))).toBe("tensor([0.5000, 2.0000])");
    expect(String(defaultCollate([true, false]))).toBe("tensor([ True, False])");
    expect(defaultCollate([5n, 6n]).dtype).toBe("int64");
    const stacked = defaultCollate([Uint8Array.of(1, 2), Uint8Array.of(3, 4)]);
    expect([stacked.dtype, stacked.toArray()]).toEqual([
      "uint8",
      [
        [1, 2],
        [3, 4],
      ],
    ]);
  });

  it("keeps strings, and the form of lists and objects", () => {
    const samples = [
      { name: "a", pair: [zeros(2), 3] as [Tensor<"float32">, number] },
      { name: "b", pair: [zeros(2), 4] as [Tensor<"float32">, number] },
    ];
    const batch = defaultCollate(samples);
    expect(batch.name).toEqual(["a", "b"]);
    const [x, y] = batch.pair;
    expect(x.shape).toEqual([2, 2]);
    expect(y.toArray()).toEqual([3, 4]);
  });

  it("says where samples differ or cannot be joined", () => {
    expect(() => defaultCollate([])).toThrow("defaultCollate: needs at least one sample");
    expect(() => defaultCollate([1, "a"])).toThrow("defaultCollate: sample 1 is a string where sample 0 is a number");
    expect(() => defaultCollate([{ a: [1] }, { a: [1, 2] }])).toThrow("sample 1.a has 2 elements where sample 0 has 1");
    expect(() => defaultCollate([new Date()])).toThrow(/cannot join samples that are a Date\. .*pass a collateFn/);
    expect(() => defaultCollate([[null]])).toThrow("cannot join samples that are null (at [0])");
    expect(() => defaultCollate([{ x: zeros(2) }, { x: zeros(3) }])).toThrow(
      "sample 1.x is of shape [3] where sample 0 is of [2]. Pad or resize them, or pass a collateFn",
    );
    expect(() => defaultCollate([Uint8Array.of(1), Uint8Array.of(1, 2)])).toThrow("sample 1 is of shape [2] where");
    expect(() => defaultCollate([Object.create(Object.create(null))])).toThrow("samples that are an object");
    expect(() => defaultCollate(new Set([1]) as never)).toThrow("needs a list of samples, got a Set");
  });
});

describe("numbers have one dtype in all batches of a loader", () => {
  const dtypes = (samples: readonly unknown[]): unknown[] =>
    [...new DataLoader(samples, 2)].map((x) => (x as Tensor).dtype);

  it("floats stay floats", () => {
    expect(dtypes([1.5, 2, 3, 4, 5n, 6])).toEqual(["float32", "float32", "float32"]);
    expect(dtypes([1, 2, 3, 4])).toEqual(["int64", "int64"]);
    const loader = new DataLoader([1.5, 2], { sampler: [1, 0] });
    expect(() => [...loader]).toThrow("made int64 batches so far, these make float32");
    const [first] = new DataLoader([{ x: [1.5, 2] }, { x: [3, 4] }], { sampler: [0, 1] });
    expect(first!.x.map(({ dtype }) => dtype)).toEqual(["float32", "int64"]);
  });

  it("what was whole before cannot have fractions, nor be booleans", () => {
    const collate = steadyCollate();
    collate([{ x: [tensor(1), 3] }]);
    expect(() => collate([{ x: [floatTensor(1), 0.5] }])).toThrow(
      "defaultCollate: the numbers at .x[1] made int64 batches so far, these make float32. Let the data set give tensors",
    );
    expect(() => collate([{ x: [tensor(1), true] }])).toThrow("these make bool");
    expect(String(steadyCollate()([0.5]))).toBe("tensor([0.5000])");
  });
});
