/** One row per kernel outside the element-wise and folding families: dense inputs to the data of each output. */
import type { TensorMeta } from "../../backend.ts";
import { type DType, dtypes } from "../../dtype.ts";
import { fail } from "../../errors.ts";
import type { Attrs, ExtremeOps, OtherOps, PositionOps } from "../../ops/table.ts";
import { philox } from "../../random.ts";
import { sizeOf, stridesOf } from "../../shape.ts";
import { coordinates, type Dense, flatIndex, linesAlong } from "./array.ts";
import { order, reduce } from "./fold.ts";
import { conv, convInput, convWeight, maxPool, maxPoolBackward } from "./spatial.ts";

type Row = keyof OtherOps | keyof PositionOps | keyof ExtremeOps;
type Kernel<K extends Row> = (inputs: readonly Dense[], attrs: Attrs<K>, outputs: readonly TensorMeta[]) => number[][];

export const kernels: { readonly [K in Row]: Kernel<K> } = {
  cast: ([x], { dtype }) => [x!.data.map((value) => castValue(value, dtype))],
  copy: ([x]) => [x!.data],
  where: ([c, a, b]) => [c!.data.map((flag, i) => (flag ? a!.data[i]! : b!.data[i]!))],
  cat: (inputs, { dim }) => [cat(inputs, dim)],
  pad: ([x], { padding, value }, [out]) => [
    [...coordinates(out!.shape)].map((at) => {
      const from = at.map((i, d) => i - padding[d]![0]);
      return from.some((i, d) => i < 0 || i >= x!.shape[d]!) ? value : x!.data[flatIndex(from, stridesOf(x!.shape))]!;
    }),
  ],
  matmul: ([a, b, bias]) => [matmul(a!, b!, bias)],
  conv: ([x, weight, bias], attrs, [out]) => [conv(x!, weight!, bias, out!.shape, attrs)],
  convInput: ([grad, weight], attrs) => [convInput(grad!, weight!, attrs)],
  convWeight: ([grad, x], attrs) => [convWeight(grad!, x!, attrs)],
  maxPool: ([x], attrs, [out]) => maxPool(x!, out!.shape, attrs),
  maxPoolBackward: ([grad, indices], { inputShape }) => [maxPoolBackward(grad!, indices!, inputShape)],
  resample: ([x], { stages }) => [stages.reduce(weightedSums, x!).data],
  nonzero: ([mask]) => [[...coordinates(mask!.shape)].filter((_, i) => mask!.data[i]).flat()],
  runs: ([x], { inverse, bounds }) => runs(x!.data, inverse, bounds),
  shuffle: ([words]) => [shuffle(words!.data)],
  maskedSelect: ([x, mask]) => [[...x!.data].filter((_, i) => mask!.data[i])],
  extremes: ([x], { dims }) => {
    const lines = linesAlong(x!.shape, dims).map((line) => line.map((at) => x!.data[at]!));
    return [lines.map(reduce.amin), lines.map(reduce.amax)];
  },
  gather: ([x, index], { dim }) => [
    [...coordinates(index!.shape)].map((at, i) => {
      const to = at.with(dim, inside("gather", index!.data[i]!, x!.shape[dim]!, dim));
      return x!.data[flatIndex(to, stridesOf(x!.shape))]!;
    }),
  ],
  scatter: ([self, index, source], attrs) => [scatter(self!, index!, source!, attrs)],
  indexSelect: ([x, index], { dim }, [out]) => [
    [...coordinates(out!.shape)].map((at) => {
      const from = at.with(dim, inside("indexSelect", index!.data[at[dim]!]!, x!.shape[dim]!, dim));
      return x!.data[flatIndex(from, stridesOf(x!.shape))]!;
    }),
  ],
  indexAdd: ([self, index, source], { dim }) => [place("indexAdd", self!, index!, source!, dim, (a, b) => a + b)],
  indexCopy: ([self, index, source], { dim }) => [place("indexCopy", self!, index!, source!, dim, (_, b) => b)],
  sort: ([x], { dim, descending }) => sorted(x!, dim, descending, undefined),
  topk: ([x], { dim, k, largest }) => sorted(x!, dim, largest, k),
  full: (_, { shape, value }) => [new Array<number>(sizeOf(shape)).fill(value)],
  arange: (_, { shape: [size], start, step, end }) => [
    Array.from({ length: size! }, (__, i) =>
      end === undefined || 2 * i < size! ? start + i * step : end - (size! - 1 - i) * step,
    ),
  ],
  random: (_, attrs) => [random(attrs)],
};

function weightedSums({ shape, data }: Dense, { dim, taps }: Attrs<"resample">["stages"][number]): Dense {
  const made = shape.with(dim, taps.bounds.length - 1);
  const sums = [...coordinates(made)].map((at) => {
    let sum = 0;
    for (let k = taps.bounds[at[dim]!]!; k < taps.bounds[at[dim]! + 1]!; k++) {
      sum += taps.weights[k]! * data[flatIndex(at.with(dim, taps.sources[k]!), stridesOf(shape))]!;
    }
    return sum;
  });
  return { shape: made, data: sums };
}

function castValue(value: number, dtype: DType): number {
  if (dtype === "bool") return value !== 0 ? 1 : 0;
  return dtypes[dtype].kind === "int" ? Math.trunc(value) : value;
}

function inside(op: string, index: number, size: number, dim: number): number {
  if (index < 0 || index >= size) fail(op, `index ${index} is out of range for dimension ${dim} of size ${size}`);
  return index;
}

function cat(inputs: readonly Dense[], dim: number): number[] {
  const outer = sizeOf(inputs[0]!.shape.slice(0, dim));
  return Array.from({ length: outer }, (_, i) =>
    inputs.flatMap(({ data }) => data.slice((i * data.length) / outer, ((i + 1) * data.length) / outer)),
  ).flat();
}

function matmul(a: Dense, b: Dense, bias?: Dense): number[] {
  const [n, k] = a.shape.slice(-2) as [number, number];
  const m = b.shape.at(-1)!;
  const batches = sizeOf(a.shape.slice(0, -2));
  return Array.from({ length: batches * n * m }, (_, i) => {
    const [batch, row, column] = [Math.floor(i / (n * m)), Math.floor(i / m) % n, i % m];
    let sum = bias?.data[column] ?? 0;
    for (let j = 0; j < k; j++) sum += a.data[(batch * n + row) * k + j]! * b.data[(batch * k + j) * m + column]!;
    return sum;
  });
}

const combine = {
  replace: (_: number, b: number) => b,
  add: (a: number, b: number) => a + b,
  prod: (a: number, b: number) => a * b,
  amax: Math.max,
  amin: Math.min,
} as const;

function scatter(self: Dense, index: Dense, source: Dense, { dim, reduce, includeSelf }: Attrs<"scatter">): number[] {
  const data = [...self.data];
  const fresh = new Set<number>();
  let i = 0;
  for (const at of coordinates(index.shape)) {
    const to = flatIndex(at.with(dim, inside("scatter", index.data[i]!, self.shape[dim]!, dim)), stridesOf(self.shape));
    const first = !includeSelf && !fresh.has(to);
    fresh.add(to);
    const value = source.data[i++]!;
    data[to] = first ? value : combine[reduce](data[to]!, value);
  }
  return data;
}

function place(
  op: string,
  self: Dense,
  index: Dense,
  source: Dense,
  dim: number,
  put: (a: number, b: number) => number,
): number[] {
  const data = [...self.data];
  let i = 0;
  for (const at of coordinates(source.shape)) {
    const to = at.with(dim, inside(op, index.data[at[dim]!]!, self.shape[dim]!, dim));
    const flat = flatIndex(to, stridesOf(self.shape));
    data[flat] = put(data[flat]!, source.data[i++]!);
  }
  return data;
}

function sorted(x: Dense, dim: number, descending: boolean, k: number | undefined): number[][] {
  if (x.shape.length === 0) return [[...x.data], [0]];
  const shape = x.shape.with(dim, k ?? x.shape[dim]!);
  const [values, indices] = [new Array<number>(sizeOf(shape)), new Array<number>(sizeOf(shape))];
  const targets = linesAlong(shape, [dim]);
  linesAlong(x.shape, [dim]).forEach((line, l) => {
    const ranks = order(
      line.map((at) => x.data[at]!),
      descending,
    );
    targets[l]!.forEach((to, i) => {
      indices[to] = ranks[i]!;
      values[to] = x.data[line[ranks[i]!]!]!;
    });
  });
  return [values, indices];
}

function runs(data: readonly number[], inverse: boolean, bounds: boolean): number[][] {
  const starts = [...data.keys()].filter((i) => i === 0 || data[i] !== data[i - 1]);
  const numbers = data.map((_, i) => starts.findLastIndex((start) => start <= i));
  const ends = [...starts, data.length];
  return [starts.map((i) => data[i]!), ...(inverse ? [numbers] : []), ...(bounds ? [ends] : []), [starts.length]];
}

function shuffle(words: ArrayLike<number>): number[] {
  const order = [...Array(words.length).keys()];
  for (let last = order.length - 1; last > 0; last--) {
    const pick = Math.floor(((words[order.length - 1 - last]! >>> 0) / 2 ** 32) * (last + 1));
    [order[last], order[pick]] = [order[pick]!, order[last]!];
  }
  return order;
}

function random({ shape, dtype, distribution, seed, offset }: Attrs<"random">): number[] {
  const size = sizeOf(shape);
  const wide = dtype === "float64";
  const words = (i: number): number => philox(offset + Math.floor(i / 4), seed)[i % 4]!;
  const uniform = (i: number): number =>
    wide ? ((words(2 * i) >>> 5) * 2 ** 26 + (words(2 * i + 1) >>> 6)) / 2 ** 53 : (words(i) >>> 8) / 2 ** 24;
  if (distribution === "words") return Array.from({ length: size }, (_, i) => words(i) | 0);
  if (distribution === "uniform") return Array.from({ length: size }, (_, i) => uniform(i));
  return Array.from({ length: size }, (_, i) => {
    const pair = i - (i % 2);
    const radius = Math.sqrt(-2 * Math.log(1 - uniform(pair)));
    const angle = 2 * Math.PI * uniform(pair + 1);
    return radius * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
  });
}
