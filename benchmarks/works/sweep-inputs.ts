// The inputs of the sweep by name; peers/pytorch/sweep.py makes the same. Those without a dtype of their own take the row's.
import { abs, type DType, isFloat, linspace, type Tensor } from "@dl/tensor";
import { floats, integers } from "./tensors.ts";

type Make = (dtype: DType) => Tensor;

/** Ordinary numbers of any dtype: floats in [-4, 4), whole numbers in [-500, 500), bytes below 100. */
function ordinary(seed: number, shape: readonly number[], dtype: DType): Tensor {
  const base = floats(seed, shape);
  if (dtype === "bool") return base.gt(0);
  if (dtype === "uint8") return base.abs().mul(100).floor().to(dtype);
  return isFloat(dtype) ? base.mul(4).to(dtype) : base.mul(500).floor().to(dtype);
}

/** The same where something is divided by it: whole numbers in [1, 100). */
function divisor(seed: number, dtype: DType): Tensor {
  if (isFloat(dtype) || dtype === "bool") return ordinary(seed, rows, dtype);
  return floats(seed, rows).abs().mul(99).floor().add(1).to(dtype);
}

const rows = [4096, 1024];
const of =
  (seed: number, ...shape: number[]): Make =>
  (dtype) =>
    ordinary(seed, shape, dtype);
const small =
  (seed: number, ...shape: number[]): Make =>
  (dtype) =>
    floats(seed, shape).to(dtype);
const within =
  (change: (base: Tensor) => Tensor): Make =>
  (dtype) =>
    change(floats(3, rows)).to(dtype);

const makers: Readonly<Record<string, Make>> = {
  x: of(3, ...rows),
  y: (dtype) => divisor(4, dtype),
  z: (dtype) => divisor(8, dtype),
  flat: small(3, 4194304),
  flat2: small(4, 4194304),
  positive: within((base) => base.abs().mul(4).add(0.01)),
  above: within((base) => base.abs().mul(4).add(1.01)),
  unit: within((base) => base.mul(0.99)),
  share: within((base) => base.abs().mul(0.98).add(0.01)),
  share2: within((base) => base.neg().abs().mul(0.9).add(0.05)),
  signs: within((base) => base.ge(0).to("float32").mul(2).sub(1)),
  row: small(5, 1024),
  bias: small(9, 1024),
  channel: small(5, 64),
  slope: small(5, 1),
  column: small(5, 4096, 1),
  square: of(3, 2048, 2048),
  turned: (dtype) => ordinary(4, [2048, 2048], dtype).t(),
  strided: (dtype) => ordinary(4, [4096, 2048], dtype).view(4096, 1024, 2).select(2, 0),
  even: (dtype) => ordinary(4, [8192, 1024], dtype).view(4096, 2, 1024).select(1, 0),
  cube: of(3, 64, 256, 256),
  planes: small(3, 16, 64, 64, 64),
  series: small(3, 64, 64, 1024),
  volumes: small(3, 4, 16, 40, 40, 40),
  images: small(3, 4, 16, 128, 128),
  mask: () => floats(6, rows).gt(0),
  picks: () => integers(6, rows, 1024),
  which: () => integers(6, [4096], 4096),
  columns: () => integers(7, [1024], 1024),
  labels: () => integers(7, [4096], 1024),
  tokens: () => integers(6, [8192], 8192),
  book: small(3, 8192, 512),
  edges: () => linspace(-4, 4, 1000),
  few: () => integers(8, [10], 1000),
  weights: () => abs(floats(3, [4096])),
  many_a: small(3, 64, 128, 64),
  many_b: small(4, 64, 64, 128),
  many_c: small(5, 64, 128, 128),
  bilinear: small(6, 16, 64, 64),
  definite: () =>
    floats(3, [256, 256])
      .matmul(floats(3, [256, 256]).t())
      .add(floats(3, [256]).abs().diag().mul(256)),
};

export const inputNames: readonly string[] = Object.keys(makers);

/** `a_128_784` and the like are matrices. */
const matrix = /^([ab])_(\d+)_(\d+)$/;

/**
 * What waits to be computed is computed, since folds would look through it; by reading an element, because nothing waits that
 * reads memory which was handed out.
 */
export function makeInput(name: string, dtype: DType): Tensor {
  const made = make(name, dtype);
  made.at(...made.shape.map(() => 0)).item();
  return made;
}

function make(name: string, dtype: DType): Tensor {
  const [, side, m, n] = matrix.exec(name) ?? [];
  if (side === undefined) return makers[name]!(dtype);
  const values = floats(side === "a" ? 3 : 4, [Number(m), Number(n)]);
  return isFloat(dtype) ? values.to(dtype) : values.mul(10).floor().to(dtype);
}

/** The inputs that a call speaks of. */
export const inputsOf = (text: string): string[] =>
  [...new Set(text.match(/[a-z]\w*/g))].filter((word) => Object.hasOwn(makers, word) || matrix.test(word));
