import { type DType, dtypes, type KernelCall, type TensorMeta } from "@dl/tensor";
import { describe, test } from "vitest";
import { agree, allDTypes, floatDTypes, plainView, precision, type Spec } from "./oracle.ts";

interface Row {
  readonly op: KernelCall["op"];
  readonly inputs: (dtype: DType) => readonly Spec[];
  readonly attrs: object;
  readonly outputs: (dtype: DType) => readonly TensorMeta[];
}

const shape = [4, 5];
const x = (dtype: DType): Spec => plainView(shape, dtype, 2, (random) => Math.floor(random() * 4) - 1);
const indices = (size: readonly number[]): Spec => plainView(size, "int64", 3, (random) => Math.floor(random() * 5));
const like = (dtype: DType): readonly TensorMeta[] => [{ shape, dtype }];
const summed = (dtype: DType): DType => (dtypes[dtype].kind === "float" ? dtype : "int64");
const pair =
  (size: readonly number[]) =>
  (dtype: DType): readonly TensorMeta[] => [
    { shape: size, dtype },
    { shape: size, dtype: "int64" },
  ];

const scatters = (["replace", "add", "prod", "amax", "amin"] as const).map((reduce): Row => {
  const attrs = { dim: 1, reduce, includeSelf: reduce !== "amax" };
  return {
    op: "scatter",
    inputs: (dtype) => [x(dtype), indices([4, 3]), plainView([4, 3], dtype)],
    attrs,
    outputs: like,
  };
});

const rows: readonly Row[] = [
  { op: "cumsum", inputs: (d) => [x(d)], attrs: { dim: 1 }, outputs: (d) => like(summed(d)) },
  { op: "cumprod", inputs: (d) => [x(d)], attrs: { dim: 0 }, outputs: (d) => like(summed(d)) },
  { op: "cummax", inputs: (d) => [x(d)], attrs: { dim: 1 }, outputs: pair(shape) },
  { op: "cummin", inputs: (d) => [x(d)], attrs: { dim: 0 }, outputs: pair(shape) },
  { op: "sort", inputs: (d) => [x(d)], attrs: { dim: 1, descending: true }, outputs: pair(shape) },
  { op: "topk", inputs: (d) => [x(d)], attrs: { dim: 1, k: 2, largest: false }, outputs: pair([4, 2]) },
  { op: "cat", inputs: (d) => [x(d), x(d)], attrs: { dim: 1 }, outputs: (dtype) => [{ shape: [4, 10], dtype }] },
  {
    op: "pad",
    inputs: (d) => [x(d)],
    attrs: { padding: [[1, 0], [2, 1]], value: 1 }, // biome-ignore format: pairs
    outputs: (dtype) => [{ shape: [5, 8], dtype }],
  },
  {
    op: "gather",
    inputs: (d) => [x(d), indices([4, 3])],
    attrs: { dim: 1 },
    outputs: (dtype) => [{ shape: [4, 3], dtype }],
  },
  {
    op: "indexSelect",
    inputs: (d) => [x(d), indices([3])],
    attrs: { dim: 1 },
    outputs: (dtype) => [{ shape: [4, 3], dtype }],
  },
  { op: "indexAdd", inputs: (d) => [x(d), indices([3]), plainView([4, 3], d)], attrs: { dim: 1 }, outputs: like },
  { op: "indexCopy", inputs: (d) => [x(d), indices([3]), plainView([4, 3], d)], attrs: { dim: 1 }, outputs: like },
  ...scatters,
];

describe.each(allDTypes)("in %s", (dtype) => {
  test.each(rows)("$op $attrs", ({ op, inputs, attrs, outputs }) => {
    agree(op, inputs(dtype), attrs, outputs(dtype), precision[dtype]);
  });
});

test.each(floatDTypes)("logcumsumexp in %s", (dtype) => {
  agree("logcumsumexp", [x(dtype)], { dim: 1 }, like(dtype), precision[dtype]);
});
