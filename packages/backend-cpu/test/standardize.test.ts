import type { DType, Shape, StandardizeOp, TensorMeta } from "@dl/tensor";
import { describe, expect, test } from "vitest";
import { getNumThreads, setNumThreads } from "../src/runtime/index.ts";
import { agree, type Draw, floatDTypes, outputsOf, plainView, precision, type Spec } from "./oracle.ts";

const some: Draw = (random) => random() * 4 - 1;

/** [outer, channels, inner], and how the weights lie. */
const layouts: readonly [name: string, shape: Shape, run: number, weights?: Shape][] = [
  ["plain channels", [3, 5, 7], 1],
  ["batches of planes", [3, 5, 35], 35, [5]],
  ["batches of single values", [9, 13, 1], 1, [13]],
  ["many batches of single values", [600, 5, 1], 1, [5]],
  ["layers", [1, 6, 21], 1, [3, 7]],
  ["more layers than are added up at once", [1, 600, 3], 1, [3]],
  ["groups of planes", [1, 6, 18], 9, [4]],
  ["groups of single values", [1, 6, 4], 1, [8]],
  ["one weight", [4, 1, 1], 1, [1]],
  ["no layers", [1, 0, 5], 1, [5]],
];

function callOf(op: StandardizeOp, shape: Shape, dtype: DType, run: number, weights?: Shape, draw = some) {
  const isBackward = op === "standardizeBackward";
  const view = (of: Shape, seed: number): Spec => plainView(of, dtype, seed, draw);
  const like = (of: Shape): TensorMeta => ({ shape: of, dtype });
  const moments: TensorMeta = { shape: [2, shape[1]!], dtype: dtype === "float64" ? dtype : "float32" };
  const positive = plainView(moments.shape, moments.dtype, 5, (random) => random() + 0.5);
  const given = isBackward ? [view(shape, 1), view(shape, 2), positive] : [view(shape, 2)];
  const inputs = [...given, ...(weights ? [view(weights, 3), ...(isBackward ? [] : [view(weights, 4)])] : [])];
  const outputs = [like(shape), ...(isBackward ? (weights ? [like(weights), like(weights)] : []) : [moments])];
  return [op, inputs, { eps: 1e-3, run }, outputs] as const;
}

describe.each(["standardize", "standardizeBackward"] as const)("%s", (op) => {
  test.each(layouts)("of %s", (_, shape, run, weights) => {
    for (const dtype of floatDTypes) agree(...callOf(op, shape, dtype, run, weights), 20 * precision[dtype]!);
  });

  test("the number of threads changes nothing", () => {
    const before = getNumThreads();
    const run = (): number[][][] =>
      [layouts[1]!, layouts[3]!].map(([, [outer, channels, inner], , weights]) => {
        const shape = [outer!, channels! * 300, inner!];
        const size = weights!.length === 1 ? [channels! * 300] : weights;
        return outputsOf(...callOf(op, shape, "float32", weights!.length === 1 ? inner! : 1, size));
      });
    setNumThreads(1);
    const alone = run();
    setNumThreads(4);
    expect(run()).toEqual(alone);
    setNumThreads(before);
  });
});

test.each([
  ["float32", 2 ** 23],
  ["float64", 2 ** 40],
] as const)("%s far from zero keeps its variance", (dtype, far) => {
  const draw: Draw = (random) => far + Math.floor(random() * 5);
  agree(...callOf("standardize", [2, 3, 1000], dtype, 1, undefined, draw), 1e-6);
});

test("a first value far from the others spoils nothing", () => {
  let first = true;
  const draw: Draw = (random) => {
    if (!first) return random();
    first = false;
    return 1e6;
  };
  agree(...callOf("standardize", [1, 1, 1000], "float32", 1, undefined, draw), 1e-6);
});

test.each([Number.POSITIVE_INFINITY, Number.NaN])("%d anywhere in a channel is NaN in all of it", (bad) => {
  for (const place of [0, 5]) {
    const x = plainView([1, 2, 9], "float32", 1, some);
    const values = x.values.with(place, bad);
    const outputs = callOf("standardize", [1, 2, 9], "float32", 1)[3];
    const [y, moments] = outputsOf("standardize", [{ ...x, values }], { eps: 0, run: 1 }, outputs);
    expect(y!.map(Number.isNaN)).toEqual([...Array<boolean>(9).fill(true), ...Array<boolean>(9).fill(false)]);
    expect(moments![0]).toBe(bad);
  }
});
