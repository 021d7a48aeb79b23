/**
 * How far float32 functions are from what is correctly rounded, on a million numbers that reach over all exponents of both
 * signs, and at special values. The truth is computed in float64.
 */
import type { BinaryOp, KernelCall, UnaryOp } from "@dl/tensor";
import { erf, erfc, erfinv } from "@dl/tensor/testing";
import { cpu } from "../src/backend.ts";

/** Odd, so each exponent sees other fractions. */
const STEP = 4093;
const edges = [0, 1, 2 ** -149, 2 ** -126, 2 ** 128 - 2 ** 104, Number.POSITIVE_INFINITY, Number.NaN];
const patterns = Uint32Array.from({ length: Math.floor(2 ** 32 / STEP) }, (_, i) => i * STEP);
const numbers = Float32Array.of(...edges, ...edges.map((x) => -x));
const inputs = new Float32Array(numbers.length + patterns.length);
inputs.set(numbers);
inputs.set(new Float32Array(patterns.buffer), numbers.length);

const sigmoid = (x: number): number => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));

/** ★ The truth of each function. */
export const functions: { readonly [K in UnaryOp]?: (x: number) => number } = {
  exp: Math.exp,
  exp2: (x) => 2 ** x,
  expm1: Math.expm1,
  log: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  sigmoid,
  erf,
  erfc,
  erfinv,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  reciprocal: (x) => 1 / x,
};

/** An element-wise op over as many numbers. */
export function run(op: UnaryOp | BinaryOp, ...operands: readonly Float32Array[]): Float32Array {
  const meta = { shape: [operands[0]!.length], dtype: "float32" } as const;
  const views = operands.map((x) => ({ ...meta, storage: cpu.upload(x, "float32"), strides: [1], offset: 0 }));
  const [storage] = cpu.run({ op, inputs: views, attrs: {}, outputs: [meta] } as unknown as KernelCall);
  return cpu.readSync!({ ...views[0]!, storage: storage! }) as Float32Array;
}

/** Bits in the order of the numbers; both zeros are 0. */
const order = (word: number): number => (word < 0 ? -(word & 0x7fffffff) : word);

/** The most units in the last place by which an op misses, and the number where it does. NaN for another misses by all. */
export function worst(op: UnaryOp): { readonly units: number; readonly at: number } {
  const got = run(op, inputs);
  const wanted = Float32Array.from(inputs, functions[op]!);
  const [gotWords, wantedWords] = [got, wanted].map((x) => new Int32Array(x.buffer, x.byteOffset, x.length)) as [Int32Array, Int32Array]; // biome-ignore format: one line
  let [units, at] = [0, 0];
  for (let i = 0; i < inputs.length; i++) {
    const wrong = Number.isNaN(got[i]) !== Number.isNaN(wanted[i]);
    const distance = Math.abs(order(gotWords[i]!) - order(wantedWords[i]!));
    const miss = wrong ? 2 ** 32 : Number.isNaN(wanted[i]) ? 0 : distance;
    if (miss > units) [units, at] = [miss, inputs[i]!];
  }
  return { units, at };
}
