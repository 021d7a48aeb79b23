/**
 * ★ Inputs that every backend is tried on, a row per op: the compiler asks for one when an op is added. What comes out is
 * compared with the reference backend; float rows with a domain are also what gradients are checked on.
 */
import type { DType } from "../dtype.ts";
import {
  type Attrs,
  type BinaryOp,
  binaryOps,
  type FusedOp,
  type KernelOp,
  type ReduceOp,
  type ScanOp,
  type SoftmaxOp,
  type UnaryOp,
  unaryOps,
} from "../ops/table.ts";
import type { Shape } from "../shape.ts";

/** An input: values drawn from [low, high], or exactly `values`. */
export interface InputSpec {
  readonly shape: Shape;
  readonly dtype?: DType;
  readonly low?: number;
  readonly high?: number;
  readonly values?: readonly number[];
}

export interface OpCase<K extends KernelOp | FusedOp> {
  readonly inputs: readonly InputSpec[];
  readonly attrs: Attrs<K>;
}

export type OpCases = { readonly [K in KernelOp | FusedOp]: readonly OpCase<K>[] };

/** Where a function is defined and smooth, if not everywhere. */
const domains: { readonly [K in UnaryOp | BinaryOp]?: readonly [low: number, high: number] } = {
  sqrt: [0.1, 4],
  rsqrt: [0.1, 4],
  reciprocal: [0.3, 3],
  log: [0.1, 4],
  log2: [0.1, 4],
  log10: [0.1, 4],
  log1p: [-0.8, 3],
  asin: [-0.9, 0.9],
  acos: [-0.9, 0.9],
  atanh: [-0.9, 0.9],
  acosh: [1.1, 4],
  erfinv: [-0.9, 0.9],
  ndtri: [0.05, 0.95],
  lgamma: [0.3, 5],
  digamma: [0.3, 5],
  trigamma: [0.3, 5],
  div: [0.3, 3],
  pow: [0.3, 3],
  fmod: [0.3, 3],
  remainder: [0.3, 3],
  floorDivide: [0.3, 3],
  huber: [0.3, 3],
};

const integerRows = new Set<string>(["bitwiseNot", "bitwiseAnd", "bitwiseOr", "bitwiseXor", "gcd"]);
const shiftRows = new Set<string>(["bitwiseLeftShift", "bitwiseRightShift"]);

function spec(op: string, shape: Shape): InputSpec {
  if (integerRows.has(op)) return { shape, dtype: "int32", low: -20, high: 20 };
  if (shiftRows.has(op)) return { shape, dtype: "int32", low: 0, high: 6 };
  const [low, high] = domains[op as UnaryOp] ?? [-3, 3];
  return { shape, low, high };
}

const none = { attrs: {} } as const;

function unaryCases(op: UnaryOp): readonly OpCase<UnaryOp>[] {
  return [[3, 4], [7], []].map((shape) => ({ inputs: [spec(op, shape)], ...none }));
}

function binaryCases(op: BinaryOp): readonly OpCase<BinaryOp>[] {
  const shapes: [Shape, Shape][] = [
    [
      [3, 4],
      [3, 4],
    ],
    [
      [2, 3, 4],
      [3, 1],
    ],
    [[5], []],
  ];
  return shapes.map(([a, b]) => ({ inputs: [spec(op, a), spec(op, b)], ...none }));
}

function rows<K extends string, R>(ops: { readonly [P in K]: unknown }, make: (op: K) => R): { readonly [P in K]: R } {
  return Object.fromEntries((Object.keys(ops) as K[]).map((op) => [op, make(op)])) as { [P in K]: R };
}

function reduceCases<K extends ReduceOp | "extremes">(dtype: DType = "float32"): readonly OpCase<K>[] {
  const dims: [Shape, number[], boolean][] = [
    [[3, 4], [0], false],
    [[3, 4], [1], true],
    [[2, 3, 4], [0, 2], false],
    [[5, 40], [0, 1], false],
  ];
  return dims.map(([shape, at, keepdim]) => ({
    inputs: [{ shape, dtype, low: dtype === "bool" ? 0 : -2, high: dtype === "bool" ? 1 : 2 }],
    attrs: { dims: at, keepdim } as Attrs<K>,
  }));
}

function alongDim<K extends ScanOp | SoftmaxOp>(inputs = 1): readonly OpCase<K>[] {
  return [0, 1, 2].map((dim) => ({
    inputs: Array.from({ length: inputs }, () => ({ shape: [3, 4, 5] })),
    attrs: { dim } as Attrs<K>,
  }));
}

/** By channels, by groups of them, by layers; with weights or without. */
const channels: readonly [shape: Shape, run: number, weights?: Shape][] = [
  [[3, 4, 5], 1],
  [[6, 2, 1], 1],
  [[1, 3, 9], 1, [3, 3]],
  [[2, 3, 21], 21, [3]],
  [[1, 4, 6], 3, [4]],
  [[5, 3, 1], 1, [3]],
];

const standardizeCases = channels.flatMap(([shape, run, weights]) => {
  const given = weights ? [[{ shape: weights }], [{ shape: weights }, { shape: weights }]] : [[]];
  return given.map((affine) => ({ inputs: [{ shape }, ...affine], attrs: { eps: 1e-3, run } }));
});

const standardizeBackwardCases = channels.map(([shape, run, weights]) => {
  const moments = { shape: [2, shape[1]!], low: 0.5, high: 2 };
  const affine = weights ? [{ shape: weights }] : [];
  return { inputs: [{ shape }, { shape }, moments, ...affine], attrs: { eps: 1e-3, run } };
});

const conv2d = { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 };
const strided = { stride: [2, 1], padding: [1, 2], dilation: [1, 2], groups: 2 };
const pool2d = { kernel: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1], ceilMode: false };
const odd = { kernel: [3, 2], stride: [2, 1], padding: [1, 0], dilation: [1, 2], ceilMode: true };
/** An output of nothing, of one element, and of three, one of them twice. */
const taps = { bounds: [0, 2, 2, 3, 6], sources: [1, 2, 4, 0, 3, 3], weights: [1, -2, 0.5, 0.25, 2, 1] };
const index = (shape: Shape, values: readonly number[]): InputSpec => ({ shape, dtype: "int64", values });

export const opCases: OpCases = {
  ...(rows(unaryOps, unaryCases) as { [K in UnaryOp]: readonly OpCase<K>[] }),
  ...(rows(binaryOps, binaryCases) as { [K in BinaryOp]: readonly OpCase<K>[] }),
  sum: reduceCases(),
  prod: reduceCases(),
  amax: reduceCases(),
  amin: reduceCases(),
  extremes: reduceCases(),
  argmax: [
    { inputs: [{ shape: [4, 6] }], attrs: { dims: [1], keepdim: false } },
    { inputs: [{ shape: [4, 6] }], attrs: { dims: [0, 1], keepdim: false } },
  ],
  argmin: [{ inputs: [{ shape: [4, 6] }], attrs: { dims: [0], keepdim: true } }],
  any: reduceCases("bool"),
  all: reduceCases("bool"),
  cumsum: alongDim(),
  cumprod: alongDim(),
  logcumsumexp: alongDim(),
  cummax: alongDim(),
  cummin: alongDim(),
  softmax: alongDim(),
  logSoftmax: alongDim(),
  softmaxBackward: alongDim(2),
  logSoftmaxBackward: alongDim(2),
  standardize: standardizeCases,
  standardizeBackward: standardizeBackwardCases,
  nonzero: [
    { inputs: [{ shape: [7], dtype: "bool", values: [0, 1, 1, 0, 0, 1, 0] }], attrs: { count: 3 } },
    { inputs: [{ shape: [2, 3], dtype: "bool", values: [1, 0, 1, 0, 0, 1] }], attrs: { count: 3 } },
    { inputs: [{ shape: [2, 1, 2], dtype: "bool", values: [0, 0, 0, 0] }], attrs: { count: 0 } },
  ],
  runs: [
    { inputs: [{ shape: [5], values: [3, 1, 3, 0, 1] }], attrs: { inverse: true, bounds: true } },
    { inputs: [{ shape: [1] }], attrs: { inverse: false, bounds: true } },
  ],
  shuffle: [
    { inputs: [{ shape: [6], dtype: "int32", values: [-1, 0, 2 ** 31 - 1, -(2 ** 31), 123456789, 5] }], ...none },
  ],
  maskedSelect: [
    { inputs: [{ shape: [7] }, { shape: [7], dtype: "bool", values: [0, 1, 1, 0, 0, 1, 0] }], attrs: { count: 3 } },
    { inputs: [{ shape: [3] }, { shape: [3], dtype: "bool", values: [0, 0, 0] }], attrs: { count: 0 } },
  ],
  cast: [
    { inputs: [{ shape: [3, 4], low: -3, high: 3 }], attrs: { dtype: "int32" } },
    { inputs: [{ shape: [3, 4], dtype: "int32", low: -3, high: 3 }], attrs: { dtype: "float32" } },
    { inputs: [{ shape: [3, 4], dtype: "int32", low: -1, high: 1 }], attrs: { dtype: "bool" } },
  ],
  copy: [{ inputs: [{ shape: [3, 4] }], ...none }],
  where: [
    { inputs: [{ shape: [3, 4], dtype: "bool", low: 0, high: 1 }, { shape: [3, 4] }, { shape: [3, 4] }], ...none },
    { inputs: [{ shape: [3, 1], dtype: "bool", low: 0, high: 1 }, { shape: [4] }, { shape: [] }], ...none },
  ],
  cat: [
    { inputs: [{ shape: [2, 3] }, { shape: [4, 3] }], attrs: { dim: 0 } },
    { inputs: [{ shape: [2, 3] }, { shape: [2, 1] }, { shape: [2, 0] }], attrs: { dim: 1 } },
  ],
  pad: [
    {
      inputs: [{ shape: [2, 3] }],
      attrs: {
        padding: [
          [1, 0],
          [2, 1],
        ],
        value: 0.5,
      },
    },
    { inputs: [{ shape: [4] }], attrs: { padding: [[0, 3]], value: 0 } },
  ],
  matmul: [
    { inputs: [{ shape: [3, 4] }, { shape: [4, 5] }], ...none },
    { inputs: [{ shape: [2, 3, 4] }, { shape: [2, 4, 5] }], ...none },
    { inputs: [{ shape: [1, 70] }, { shape: [70, 33] }], ...none },
  ],
  conv: [
    { inputs: [{ shape: [2, 3, 7, 8] }, { shape: [4, 3, 3, 2] }], attrs: conv2d },
    { inputs: [{ shape: [2, 4, 7, 8] }, { shape: [6, 2, 3, 2] }, { shape: [6] }], attrs: strided },
    {
      inputs: [{ shape: [1, 2, 9] }, { shape: [3, 2, 4] }],
      attrs: { stride: [1], padding: [1], dilation: [1], groups: 1 },
    },
  ],
  convInput: [
    { inputs: [{ shape: [2, 4, 5, 7] }, { shape: [4, 3, 3, 2] }], attrs: { ...conv2d, inputShape: [2, 3, 7, 8] } },
    { inputs: [{ shape: [2, 6, 4, 10] }, { shape: [6, 2, 3, 2] }], attrs: { ...strided, inputShape: [2, 4, 7, 8] } },
  ],
  convWeight: [
    { inputs: [{ shape: [2, 4, 5, 7] }, { shape: [2, 3, 7, 8] }], attrs: { ...conv2d, weightShape: [4, 3, 3, 2] } },
    { inputs: [{ shape: [2, 6, 4, 10] }, { shape: [2, 4, 7, 8] }], attrs: { ...strided, weightShape: [6, 2, 3, 2] } },
  ],
  maxPool: [
    { inputs: [{ shape: [2, 3, 6, 8] }], attrs: pool2d },
    { inputs: [{ shape: [2, 3, 6, 7] }], attrs: odd },
    { inputs: [{ shape: [2, 3, 5, 11] }], attrs: { ...pool2d, adaptive: [3, 4] } },
  ],
  maxPoolBackward: [
    {
      inputs: [{ shape: [1, 2, 2, 2] }, index([1, 2, 2, 2], [0, 3, 9, 10, 5, 2, 8, 15])],
      attrs: { inputShape: [1, 2, 4, 4] },
    },
  ],
  resample: [
    { inputs: [{ shape: [2, 5] }], attrs: { stages: [{ dim: 1, taps }] } },
    { inputs: [{ shape: [18, 7] }], attrs: { stages: [{ dim: 1, taps }] } },
    { inputs: [{ shape: [2, 5, 3] }], attrs: { stages: [{ dim: 1, taps }] } },
    { inputs: [{ shape: [6, 22] }], attrs: { stages: [{ dim: 0, taps }] } },
    {
      inputs: [{ shape: [2, 5, 6] }],
      attrs: {
        stages: [
          { dim: 2, taps },
          { dim: 1, taps },
        ],
      },
    },
    { inputs: [{ shape: [9, 2, 5, 6, 5] }], attrs: { stages: [2, 4, 3].map((dim) => ({ dim, taps })) } },
  ],
  gather: [{ inputs: [{ shape: [3, 4] }, index([3, 2], [0, 3, 1, 1, 2, 0])], attrs: { dim: 1 } }],
  scatter: [
    {
      inputs: [{ shape: [3, 4] }, index([3, 2], [0, 3, 1, 1, 2, 0]), { shape: [3, 2] }],
      attrs: { dim: 1, reduce: "add", includeSelf: true },
    },
    {
      inputs: [{ shape: [3, 4] }, index([2, 4], [0, 2, 1, 0, 1, 0, 2, 2]), { shape: [2, 4] }],
      attrs: { dim: 0, reduce: "replace", includeSelf: true },
    },
  ],
  indexSelect: [{ inputs: [{ shape: [5, 3] }, index([4], [4, 0, 0, 2])], attrs: { dim: 0 } }],
  indexAdd: [{ inputs: [{ shape: [5, 3] }, index([4], [4, 0, 0, 2]), { shape: [4, 3] }], attrs: { dim: 0 } }],
  indexCopy: [{ inputs: [{ shape: [2, 5] }, index([2], [4, 1]), { shape: [2, 2] }], attrs: { dim: 1 } }],
  sort: [
    { inputs: [{ shape: [3, 6] }], attrs: { dim: 1, descending: false } },
    { inputs: [{ shape: [6, 2] }], attrs: { dim: 0, descending: true } },
  ],
  topk: [{ inputs: [{ shape: [3, 6] }], attrs: { dim: 1, k: 2, largest: true } }],
  full: [{ inputs: [], attrs: { shape: [2, 3], dtype: "float32", value: 1.5 } }],
  arange: [
    { inputs: [], attrs: { shape: [5], dtype: "float32", start: 1, step: 0.5 } },
    { inputs: [], attrs: { shape: [23], dtype: "float32", start: -1, step: 2 / 22, end: 1 } },
  ],
  random: [
    { inputs: [], attrs: { shape: [3, 5], dtype: "float32", distribution: "uniform", seed: [7, 1], offset: 3 } },
    { inputs: [], attrs: { shape: [9], dtype: "float32", distribution: "normal", seed: [7, 1], offset: 3 } },
    { inputs: [], attrs: { shape: [9], dtype: "int32", distribution: "words", seed: [7, 1], offset: 3 } },
  ],
};
