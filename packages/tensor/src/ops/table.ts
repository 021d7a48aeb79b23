/**
 * ★ The one list of operations. A row names the family (which owns shape inference and the kernels' loops) and the
 * dtype rule. Adding a row makes the compiler ask for its CPU kernel, its derivative and its test case.
 *
 * dtype rules of element-wise rows: `same` keeps the operand's; `float` computes whole numbers in the default float
 * dtype; `bool` computes in the operands' dtype and gives bool; `logical` takes any dtype and gives bool.
 */
import type { DType } from "../dtype.ts";
import type { Shape } from "../shape.ts";

export type DTypeRule = "same" | "float" | "bool" | "logical";

const same = { dtype: "same" } as const;
const float = { dtype: "float" } as const;
const bool = { dtype: "bool" } as const;
const logical = { dtype: "logical" } as const;

export const unaryOps = {
  neg: same,
  abs: same,
  sign: same,
  floor: same,
  ceil: same,
  round: same,
  trunc: same,
  relu: same,
  square: same,
  bitwiseNot: same,
  sqrt: float,
  rsqrt: float,
  reciprocal: float,
  exp: float,
  exp2: float,
  expm1: float,
  log: float,
  log2: float,
  log10: float,
  log1p: float,
  sin: float,
  cos: float,
  tan: float,
  asin: float,
  acos: float,
  atan: float,
  sinh: float,
  cosh: float,
  tanh: float,
  asinh: float,
  acosh: float,
  atanh: float,
  sigmoid: float,
  erf: float,
  erfc: float,
  erfinv: float,
  ndtri: float,
  lgamma: float,
  digamma: float,
  trigamma: float,
  gelu: float,
  logicalNot: logical,
  isnan: logical,
  isinf: logical,
  signbit: logical,
} as const satisfies Record<string, { readonly dtype: DTypeRule }>;

/** The `…Backward` rows take (gradient, output or input) and exist so that backward is one pass, not three. */
export const binaryOps = {
  add: same,
  sub: same,
  mul: same,
  div: float,
  floorDivide: same,
  remainder: same,
  fmod: same,
  pow: same,
  maximum: same,
  minimum: same,
  fmax: same,
  fmin: same,
  atan2: float,
  hypot: same,
  copysign: float,
  huber: float,
  gcd: same,
  bitwiseAnd: same,
  bitwiseOr: same,
  bitwiseXor: same,
  bitwiseLeftShift: same,
  bitwiseRightShift: same,
  eq: bool,
  ne: bool,
  lt: bool,
  le: bool,
  gt: bool,
  ge: bool,
  logicalAnd: logical,
  logicalOr: logical,
  logicalXor: logical,
  reluBackward: same,
  sigmoidBackward: same,
  tanhBackward: same,
  geluBackward: same,
} as const satisfies Record<string, { readonly dtype: DTypeRule }>;

/** `acc`: whole numbers and bools are summed in int64. `index`: gives int64 positions. */
export const reduceOps = {
  sum: { dtype: "acc" },
  prod: { dtype: "acc" },
  amax: { dtype: "same" },
  amin: { dtype: "same" },
  argmax: { dtype: "index" },
  argmin: { dtype: "index" },
  any: { dtype: "logical" },
  all: { dtype: "logical" },
} as const satisfies Record<string, { readonly dtype: "acc" | "same" | "index" | "logical" }>;

/** Running folds along one dimension. `cummax` and `cummin` give values and int64 positions. */
export const scanOps = {
  cumsum: { dtype: "acc" },
  cumprod: { dtype: "acc" },
  logcumsumexp: { dtype: "float" },
  cummax: { dtype: "same" },
  cummin: { dtype: "same" },
} as const satisfies Record<string, { readonly dtype: "acc" | "same" | "float" }>;

export type UnaryOp = keyof typeof unaryOps;
export type BinaryOp = keyof typeof binaryOps;
export type ReduceOp = keyof typeof reduceOps;
export type ScanOp = keyof typeof scanOps;

export interface ConvAttrs {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
}

export interface PoolAttrs {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly ceilMode: boolean;
  /** Into how many windows each dimension is divided, as evenly as it goes; nothing else matters then. */
  readonly adaptive?: Shape;
}

/** What each output of a line sums: those from `bounds[i]` up to `bounds[i + 1]` of the elements at `sources`, by `weights`. */
export interface Taps {
  readonly bounds: ArrayLike<number>;
  readonly sources: ArrayLike<number>;
  readonly weights: ArrayLike<number>;
}

export type ScatterReduce = "replace" | "add" | "prod" | "amax" | "amin";

/** Operations with a kernel of their own. Comments give the inputs; spatial dimensions are the last ones. */
export interface OtherOps {
  /** [x] → the values in another dtype. */
  cast: { readonly dtype: DType };
  /** [x] → a copy: row-major, or in the order in which x lies. */
  copy: { readonly keepsOrder?: boolean };
  /** [condition (bool), a, b] */
  where: object;
  /** [...xs] along `dim`. */
  cat: { readonly dim: number };
  /** [x]; `padding[d]` = elements [before, after] each dimension, all ≥ 0. */
  pad: { readonly padding: readonly (readonly [number, number])[]; readonly value: number };
  /** `[a, b]`: `[..., n, k] × [..., k, m]`, batch dimensions already expanded; `[a, b, bias]`: matrices, and [m] for every row. */
  matmul: object;
  /** [x, weight] or [x, weight, bias]: [N, C, *] ⋆ [O, C / groups, *]. */
  conv: ConvAttrs;
  /** [gradient, weight] → the gradient of conv for its input. */
  convInput: ConvAttrs & { readonly inputShape: Shape };
  /** [gradient, x] → the gradient of conv for its weight. */
  convWeight: ConvAttrs & { readonly weightShape: Shape };
  /** [x: N, C, *] → values and int32 positions within each plane. */
  maxPool: PoolAttrs;
  /** [gradient, positions]; `window`: what pooled, for kernels that profit from knowing it. */
  maxPoolBackward: { readonly inputShape: Shape; readonly window?: PoolAttrs };
  /** [x] → weighted sums along dimensions, one after the other; 16-bit floats are rounded at the end. */
  resample: { readonly stages: readonly { readonly dim: number; readonly taps: Taps }[] };
  /** `[x, index]`: `out[i][j] = x[index[i][j]][j]` for dim 0. */
  gather: { readonly dim: number };
  /** `[self, index, source]`: the inverse of gather; `includeSelf` false starts the reduced places from nothing. */
  scatter: { readonly dim: number; readonly reduce: ScatterReduce; readonly includeSelf: boolean };
  /** `[x, index (1-d)]`: whole slices along `dim`. */
  indexSelect: { readonly dim: number };
  /** `[self, index (1-d), source]`: adds (or writes) slices at the positions. */
  indexAdd: { readonly dim: number };
  indexCopy: { readonly dim: number };
  /** [x] → sorted values and int64 positions. Always stable; NaN is the largest. */
  sort: { readonly dim: number; readonly descending: boolean };
  /** [x] → the k largest (or smallest), sorted, and int64 positions. */
  topk: { readonly dim: number; readonly k: number; readonly largest: boolean };
  /** [] → one value everywhere. */
  full: { readonly shape: Shape; readonly dtype: DType; readonly value: number };
  /** [] → start + i * step; with an `end`, the second half is counted back from there. */
  arange: {
    readonly shape: Shape;
    readonly dtype: DType;
    readonly start: number;
    readonly step: number;
    readonly end?: number;
  };
  /** [] → Philox-4x32-10 numbers, or its words as they are in int32; the same on every device for a seed and an offset. */
  random: {
    readonly shape: Shape;
    readonly dtype: DType;
    readonly distribution: "uniform" | "normal" | "words";
    readonly seed: readonly [number, number];
    readonly offset: number;
  };
}

/** Along one dimension. */
export interface SoftmaxOps {
  softmax: { readonly dim: number };
  logSoftmax: { readonly dim: number };
  /** [gradient, output] */
  softmaxBackward: { readonly dim: number };
  logSoftmaxBackward: { readonly dim: number };
}

export interface StandardizeAttrs {
  readonly eps: number;
  /** Elements, in row-major order, that share a weight and a bias: these follow each other so, again and again. */
  readonly run: number;
}

/** Of each channel of [outer, channels, inner]. */
export interface StandardizeOps {
  /**
   * [x], [x, weight] or [x, weight, bias] → (x − mean) / √(variance + eps) · weight + bias, and the moments: all channels'
   * means, then their variances, the population's. They are float32 at least.
   */
  standardize: StandardizeAttrs;
  /** [gradient, x, moments] or [gradient, x, moments, weight] → the gradients of x, weight and bias. */
  standardizeBackward: StandardizeAttrs;
}

export interface PositionOps {
  /** [mask (bool)] → int64 positions of the `count` elements that hold, `[count, dimensions]`; at least 1 dimension. */
  nonzero: { readonly count: number };
  /** Vectors [x, mask (bool)] → the `count` elements of x where the mask holds. */
  maskedSelect: { readonly count: number };
  /**
   * [vector] → the first element of each run of equal ones; where wanted, the number of each element's run, and where runs
   * begin and the last one ends; how many there are, [1]. There are places for as many runs as elements: the rest is anything.
   */
  runs: { readonly inverse: boolean; readonly bounds: boolean };
  /** [words (int32)] → 0 … n − 1 in random order, int32: from the last place on, a word says which place up to there it swaps with. */
  shuffle: object;
}

export interface ExtremeOps {
  /** The smallest elements and the largest, of one reading. */
  extremes: { readonly dims: readonly number[]; readonly keepdim: boolean };
}

/** Kernels that are optional: an op that also has a decomposition into the others, or is done by the host. */
export interface FusedOps extends SoftmaxOps, StandardizeOps, PositionOps, ExtremeOps {}

/** Relabellings: strides only, no backend sees them. */
export interface ViewOps {
  reshape: { readonly shape: Shape };
  permute: { readonly dims: readonly number[] };
  expand: { readonly shape: Shape };
  /** start, size and (non-zero) step of each dimension. */
  slice: { readonly start: readonly number[]; readonly size: readonly number[]; readonly step: readonly number[] };
  asStrided: { readonly shape: Shape; readonly strides: Shape; readonly offset: number };
}

/** Between devices: done by reading and uploading, so no backend sees it either. */
export interface TransferOps {
  transfer: { readonly device: string };
}

export type KernelOp = UnaryOp | BinaryOp | ReduceOp | ScanOp | keyof OtherOps;
export type SoftmaxOp = keyof SoftmaxOps;
export type StandardizeOp = keyof StandardizeOps;
export type FusedOp = keyof FusedOps;
export type ViewOp = keyof ViewOps;
export type Op = KernelOp | FusedOp | ViewOp | keyof TransferOps;

export type Attrs<K extends Op> = K extends keyof OtherOps
  ? OtherOps[K]
  : K extends keyof FusedOps
    ? FusedOps[K]
    : K extends keyof ViewOps
      ? ViewOps[K]
      : K extends keyof TransferOps
        ? TransferOps[K]
        : K extends ReduceOp
          ? { readonly dims: readonly number[]; readonly keepdim: boolean }
          : K extends ScanOp
            ? { readonly dim: number }
            : object;
