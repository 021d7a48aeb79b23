/**
 * How far float32 functions are from what is correctly rounded, on a million numbers that reach over all exponents of both
 * signs, and at special values. The truth is computed in float64.
 */
import type { BinaryOp, KernelCall, UnaryOp } from "@dl/tensor";
import { digamma, erf, erfc, erfinv, lgamma, ndtri } from "@dl/tensor/testing";
import { expect } from "vitest";
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
  ndtri,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  reciprocal: (x) => 1 / x,
};

/** ★ The truth of functions whose zeros below 0 lie beside the numbers of float32. */
export const aboveZero: { readonly [K in UnaryOp]?: (x: number) => number } = {
  lgamma: (x) => (x === 1 || x === 2 ? 0 : x < Infinity ? lgamma(x) : x),
  digamma,
};

/** An element-wise op over as many numbers. */
export function run(op: UnaryOp | BinaryOp, ...operands: readonly Float32Array[]): Float32Array {
  const meta = { shape: [operands[0]!.length], dtype: "float32" } as const;
  const views = operands.map((x) => ({ ...meta, storage: cpu.upload(x, "float32"), strides: [1], offset: 0 }));
  const [storage] = cpu.run({ op, inputs: views, attrs: {}, outputs: [meta] } as unknown as KernelCall);
  return cpu.readSync!({ ...views[0]!, storage: storage! }) as Float32Array;
}

export function runInPlace(op: UnaryOp, x: Float32Array): Float32Array {
  const meta = { shape: [x.length], dtype: "float32" } as const;
  const view = { ...meta, storage: cpu.upload(x, "float32"), strides: [1], offset: 0 };
  cpu.runInto({ op, inputs: [view], attrs: {}, outputs: [meta] } as unknown as KernelCall, view);
  return cpu.readSync!(view) as Float32Array;
}

/** Bits in the order of the numbers; both zeros are 0. */
const order = (word: number): number => (word < 0 ? -(word & 0x7fffffff) : word);

interface Miss {
  /** In the last place. NaN for a number, a number for NaN, and a zero of the wrong sign miss by all. */
  readonly units: number;
  readonly at: readonly number[];
}

function worst(got: Float32Array, truth: (a: number, b: number) => number, a: Float32Array, b = a): Miss {
  const wanted = a.map((x, i) => truth(x, b[i]!));
  const words = [got, wanted].map((x) => new Int32Array(x.buffer, x.byteOffset, x.length));
  let [units, top] = [0, 0];
  for (let i = 0; i < got.length; i++) {
    const signless = got[i] === 0 && wanted[i] === 0 && !Object.is(got[i], wanted[i]);
    const wrong = signless || Number.isNaN(got[i]) !== Number.isNaN(wanted[i]);
    const distance = Number.isNaN(wanted[i]) ? 0 : Math.abs(order(words[0]![i]!) - order(words[1]![i]!));
    const miss = wrong ? 2 ** 32 : distance;
    if (miss > units) [units, top] = [miss, i];
  }
  return { units, at: [a[top]!, b[top]!] };
}

export function worstOf(op: UnaryOp): Miss {
  const truth = functions[op];
  if (truth) return worst(run(op, inputs), truth, inputs);
  const sizes = inputs.map(Math.abs);
  return worst(run(op, sizes), aboveZero[op]!, sizes);
}

/** As PyTorch defines it, in float32 at every step. */
function floorDivide(a: number, b: number): number {
  const rest = a % b;
  const exact = Math.fround(Math.fround(a - rest) / b);
  const lower = rest !== 0 && rest < 0 !== b < 0 ? Math.fround(exact - 1) : exact;
  const whole = Math.floor(lower);
  if (b === 0 || lower === 0) return b === 0 ? a / b : (a / b) * 0;
  return lower - whole > 0.5 ? whole + 1 : whole;
}

/** ★ The truth of functions of two numbers, and by how many units they may miss it. */
export const pairFunctions: { readonly [K in BinaryOp]?: readonly [(a: number, b: number) => number, number] } = {
  atan2: [Math.atan2, 2],
  hypot: [Math.hypot, 1],
  pow: [(a, b) => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b), 1],
  fmod: [(a, b) => a % b, 0],
  remainder: [(a, b) => (a % b !== 0 && a % b < 0 !== b < 0 ? Math.fround(a % b) + b : a % b), 0],
  floorDivide: [floorDivide, 0],
};

/** Numbers of all sizes, and again near 1; all pairs of special ones. */
export function worstOfPairs(op: keyof typeof pairFunctions): readonly Miss[] {
  const special = [...numbers].flatMap((x) => [x, x * 3, x / 7, x + 2]);
  const scales = [(x: number) => x, (x: number) => (x % 1) * 40 || x];
  return scales.map((scale) => {
    const a = inputs.map(scale);
    const b = inputs.map((_, i) => scale(inputs[(i * 7919) % inputs.length]!));
    for (const [i, x] of special.entries()) {
      a.set(special, i * special.length);
      b.fill(x, i * special.length, (i + 1) * special.length);
    }
    return worst(run(op, a, b), pairFunctions[op]![0], a, b);
  });
}

const below = (x: number): number => erfc(-x * Math.SQRT1_2) / 2;
const density = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

/** PyTorch's gelu is off by 3e-7 of the result, between -1 and 0 by 7e-7, and by 1e-1 at -5; its slope by 3e-7. */
export function expectGelu(): void {
  const x = Float32Array.from({ length: 200_000 }, (_, i) => (i + 0.5) / 12_500 - 8);
  const [y, slope] = [run("gelu", x), run("geluBackward", new Float32Array(x.length).fill(1), x)];
  let [near, far, farther, ofSlope] = [0, 0, 0, 0];
  for (const [i, at] of x.entries()) {
    const wanted = at * below(at);
    const miss = Math.abs(y[i]! - wanted);
    if (at > -2) near = Math.max(near, miss / Math.abs(wanted));
    else if (at > -5) far = Math.max(far, miss / -wanted);
    else farther = Math.max(farther, miss);
    ofSlope = Math.max(ofSlope, Math.abs(slope[i]! - below(at) - at * density(at)));
  }
  expect(near, "from -2 on").toBeLessThan(1.7e-7);
  expect(far, "from -5 to -2").toBeLessThan(4.5e-7);
  expect(farther, "below -5").toBeLessThan(1e-12);
  expect(ofSlope, "slope").toBeLessThan(1.2e-7);
}
