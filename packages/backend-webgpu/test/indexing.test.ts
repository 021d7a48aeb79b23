import type { Shape } from "@dl/tensor";
import { expect, test } from "vitest";
import { agrees, noise, raw, read, run, type Source, floats as upload, viewOn } from "./both.ts";
import { onDevice, webgpu } from "./device.ts";

const size = (shape: Shape): number => shape.reduce((product, extent) => product * extent, 1);
const floats = (shape: Shape, seed = 1): Source => ({ dtype: "float32", data: noise(size(shape), seed), shape });
const indices = (shape: Shape, below: number): Source => ({
  dtype: "int64",
  data: noise(size(shape), 9).map((value) => Math.floor(((value + 1) / 2) * below)),
  shape,
});
const meta = (shape: Shape) => [{ shape, dtype: "float32" }] as const;

onDevice("moving", () => {
  test("cat of windows", async () => {
    const column: Source = { dtype: "float32", data: noise(12), shape: [2, 3], strides: [1, -4], offset: 9 };
    await agrees("cat", [floats([2, 2]), column, floats([2, 0])], { dim: 1 }, meta([2, 5]));
    await agrees("cat", [floats([1, 3]), column], { dim: 0 }, meta([3, 3]));
    await agrees("cat", new Array(12).fill(floats([2])) as Source[], { dim: 0 }, meta([24]));
  });

  test("pad", async () => {
    const padding = [
      [1, 0],
      [2, 3],
    ] as const;
    await agrees("pad", [floats([2, 3])], { padding, value: -1.5 }, meta([3, 8]));
    const transposed: Source = { ...floats([3, 2]), shape: [2, 3], strides: [1, 2] };
    await agrees("pad", [transposed], { padding, value: Number.NEGATIVE_INFINITY }, meta([3, 8]));
  });
});

onDevice("indexing", () => {
  test("gather", async () => {
    await agrees("gather", [floats([3, 4]), indices([2, 4], 3)], { dim: 0 }, meta([2, 4]));
    await agrees("gather", [floats([3, 4]), indices([3, 6], 4)], { dim: 1 }, meta([3, 6]));
    const window: Source = { ...floats([24]), shape: [3, 4], strides: [-1, 5], offset: 3 };
    await agrees("gather", [window, indices([2, 3], 4)], { dim: 1 }, meta([2, 3]));
  });

  test("indexSelect", async () => {
    await agrees("indexSelect", [floats([5, 3]), indices([7], 5)], { dim: 0 }, meta([7, 3]));
    await agrees("indexSelect", [floats([2, 5, 3]), indices([4], 5)], { dim: 1 }, meta([2, 4, 3]));
  });

  test.each(["replace", "add", "prod", "amax", "amin"] as const)("scatter %s", async (reduce) => {
    for (const includeSelf of [true, false]) {
      const attrs = { dim: 0, reduce, includeSelf };
      await agrees("scatter", [floats([4, 3]), indices([6, 3], 4), floats([6, 3], 2)], attrs, meta([4, 3]));
      await agrees(
        "scatter",
        [floats([2, 5]), indices([2, 4], 5), floats([2, 4], 2)],
        { ...attrs, dim: 1 },
        meta([2, 5]),
      );
    }
  });

  test("indexAdd and indexCopy", async () => {
    await agrees("indexAdd", [floats([4, 3]), indices([6], 4), floats([6, 3], 2)], { dim: 0 }, meta([4, 3]));
    await agrees("indexAdd", [floats([2, 4]), indices([6], 4), floats([2, 6], 2)], { dim: 1 }, meta([2, 4]));
    const once = { dtype: "int64", data: [2, 0], shape: [2] } as const;
    await agrees("indexCopy", [floats([4, 3]), once, floats([2, 3], 2)], { dim: 0 }, meta([4, 3]));
  });

  test("a bad index is reported by the next read, once", async () => {
    const index = viewOn(webgpu.upload(raw([1, 7], "int64"), "int64"), { shape: [2] });
    const [out] = run("indexSelect", [upload([1, 2, 3, 4, 5]), index], { dim: 0 }, { shape: [2], dtype: "float32" });
    const message = "indexSelect: index 7 is out of range for dimension 0 of size 5";
    await expect(webgpu.read(out!)).rejects.toThrow(message);
    expect(await read(upload([1]))).toEqual([1]);
    const below = viewOn(webgpu.upload(raw([-1], "int64"), "int64"), { shape: [1] });
    const [again] = run("gather", [upload([1, 2]), below], { dim: 0 }, { shape: [1], dtype: "float32" });
    await expect(webgpu.read(again!)).rejects.toThrow("gather: index -1 is out of range for dimension 0 of size 2");
  });
});

onDevice("sorting", () => {
  const outputs = (shape: Shape) =>
    [
      { shape, dtype: "float32" },
      { shape, dtype: "int64" },
    ] as const;
  test.each([true, false])("sort, descending %s", async (descending) => {
    await agrees("sort", [floats([4, 70])], { dim: 1, descending }, outputs([4, 70]));
    await agrees("sort", [floats([5, 3])], { dim: 0, descending }, outputs([5, 3]));
    const ties = { dtype: "float32", data: [2, Number.NaN, 1, 2, Number.NaN, 1], shape: [6] } as const;
    await agrees("sort", [ties], { dim: 0, descending }, outputs([6]));
    await agrees("sort", [floats([])], { dim: 0, descending }, outputs([]));
  });

  test.each([true, false])("topk, largest %s", async (largest) => {
    await agrees("topk", [floats([4, 20])], { dim: 1, k: 3, largest }, outputs([4, 3]));
    await agrees("topk", [floats([6, 2])], { dim: 0, k: 6, largest }, outputs([6, 2]));
  });
});

onDevice("random", () => {
  const draw = (distribution: "uniform" | "normal", offset: number, length = 1000) =>
    ({ shape: [length], dtype: "float32", distribution, seed: [123456789, 0x9abcdef0], offset }) as const;
  test("the same numbers as everywhere", async () => {
    await agrees("random", [], draw("uniform", 0), meta([1000]), 0);
    await agrees("random", [], draw("uniform", 2 ** 32 - 3), meta([1000]), 0);
    await agrees("random", [], draw("normal", 7), meta([1000]), 1e-5, 1e-6);
  });
});
