import * as nn from "@dl/nn";
import { cat, linspace, noGrad, rand, randn, randperm, scope, type Tensor, where } from "@dl/tensor";
import { attempt, measure, type Spec } from "../lib/timing.ts";
import { floats, integers, touch } from "./tensors.ts";

const { functional: F } = nn;
type Make = () => Tensor;
type Op = (x: Tensor, y: Tensor, z: Tensor) => unknown;

const n = 4 * 1024 * 1024;
const flat: Make = () => floats(3, [n], 4);
const other: Make = () => floats(4, [n], 4);
const rows: Make = () => floats(3, [4096, 1024], 4);
const square: Make = () => floats(3, [2048, 2048]);
const planes: Make = () => floats(3, [16, 64, 64, 64]);
const vector = (size: number) => () => floats(5, [size]);
const picks: Make = () => integers(6, [4096, 1024], 1024);

/** What each case is given, and what it does with that. */
export const table: Readonly<Record<string, readonly [inputs: readonly Make[], op: Op]>> = {
  add: [[flat, other], (x, y) => x.add(y)],
  "add-row": [[rows, vector(1024)], (x, y) => x.add(y)],
  "add-column": [[rows, () => floats(5, [4096, 1])], (x, y) => x.add(y)],
  "add-transposed": [[square, () => floats(4, [2048, 2048])], (x, y) => x.add(y.t())],
  "add-f64": [[() => flat().to("float64"), () => other().to("float64")], (x, y) => x.add(y)],
  "add-i64": [[() => integers(3, [n], 1000), () => integers(4, [n], 1000)], (x, y) => x.add(y)],
  "cast-f32-i32": [[flat], (x) => x.to("int32")],
  "cast-i64-f32": [[() => integers(3, [n], 1000)], (x) => x.to("float32")],
  "cast-f32-f64": [[flat], (x) => x.to("float64")],
  exp: [[flat], (x) => x.exp()],
  tanh: [[flat], (x) => x.tanh()],
  gelu: [[flat], (x) => F.gelu(x)],
  sum: [[flat], (x) => x.sum()],
  "sum-last": [[rows], (x) => x.sum(-1)],
  "sum-first": [[rows], (x) => x.sum(0)],
  mean: [[flat], (x) => x.mean()],
  var: [[rows], (x) => x.var(-1)],
  max: [[rows], (x) => x.max(-1)],
  softmax: [[rows], (x) => x.softmax(-1)],
  "log-softmax": [[rows], (x) => x.logSoftmax(-1)],
  "layer-norm": [[rows, vector(1024), vector(1024)], (x, weight, bias) => F.layerNorm(x, [1024], weight, bias)],
  "batch-norm": [
    [planes, vector(64), vector(64)],
    (x, weight, bias) => F.batchNorm(x, null, null, { weight, bias, training: true }),
  ],
  "max-pool": [[planes], (x) => F.maxPool2d(x, 2)],
  "avg-pool": [[planes], (x) => F.avgPool2d(x, 2)],
  "adaptive-pool": [[planes], (x) => F.adaptiveAvgPool2d(x, 7)],
  interpolate: [[() => floats(3, [4, 16, 128, 128])], (x) => F.interpolate(x, { scaleFactor: 2, mode: "bilinear" })],
  "pixel-shuffle": [[planes], (x) => F.pixelShuffle(x, 2)],
  embedding: [[() => integers(6, [8192], 8192), () => floats(3, [8192, 512])], (x, table) => F.embedding(x, table)],
  sort: [[rows], (x) => x.sort(-1)],
  topk: [[rows], (x) => x.topk(10)],
  cumsum: [[rows], (x) => x.cumsum(-1)],
  gather: [[rows, picks], (x, index) => x.gather(1, index)],
  "scatter-add": [[rows, picks, () => floats(4, [4096, 1024])], (x, index, source) => x.scatterAdd(1, index, source)],
  "index-select": [[rows, () => integers(6, [4096], 4096)], (x, index) => x.indexSelect(0, index)],
  where: [[() => flat().gt(0), flat, other], (condition, x, y) => where(condition, x, y)],
  dropout: [[flat], (x) => F.dropout(x, 0.5)],
  randn: [[], () => randn(n)],
  rand: [[], () => rand(n)],
  cat: [[() => floats(3, [n / 2]), () => floats(4, [n / 2])], (x, y) => cat([x, y])],
  transpose: [[square], (x) => x.t().contiguous()],
  "max-i64": [[picks], (x) => x.max(-1)],
  linspace: [[], () => linspace(0, 1, n)],
  randperm: [[], () => randperm(n)],
  unique: [[picks], (x) => x.unique()],
  searchsorted: [[() => linspace(-4, 4, 1000), flat], (bounds, x) => bounds.searchsorted(x)],
};

/** Makes the inputs of one case when its turn comes, and frees them after it. */
export async function run(spec: Spec): Promise<void> {
  for (const [op, [makers, body]] of Object.entries(table)) {
    const name = `elementwise-${op}`;
    await attempt(spec, name, async () => {
      const inputs = makers.map((make) => scope(make)) as [Tensor, Tensor, Tensor];
      await measure(spec, name, () => scope(() => noGrad(() => touch(body(...inputs)))));
      for (const input of inputs) input.dispose();
    });
  }
}
