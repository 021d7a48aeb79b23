/**
 * How far float64 functions are from what is correctly rounded: from the full truth where they are not trivial, and from
 * the host's functions, which are within a unit, on numbers of all exponents and at special values.
 */
import type { BinaryOp, KernelCall, UnaryOp } from "@dl/tensor";
import { cpu } from "../src/backend.ts";
import { power, truth, truths } from "./truth64.ts";

const infinity = Number.POSITIVE_INFINITY;
const edges = [0, 1, 0.5, 2, 3, 2 ** -1074, 2 ** -1022, 2 ** -1023, Number.MAX_VALUE, infinity, Number.NaN, 708.5, 709.782712893384, 709.79, 710.4758600739439, 710.48, 745.13, 745.14, 1023.5, 1024, 1074.5, 1075.5, 8191, 8193, 1e15, 1e22]; // biome-ignore format: a list
/** Odd, so each exponent sees other fractions. */
const STEP = 18_446_744_073_709_551_616n / 150_001n;
const patterns = BigUint64Array.from({ length: 150_000 }, (_, i) => BigInt(i) * STEP + 12_345n);
const everywhere = Float64Array.from([...edges, ...edges.map((x) => -x), ...new Float64Array(patterns.buffer)]);

const sigmoid = (x: number): number => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));
const hosted: { readonly [K in UnaryOp]?: (x: number) => number } = {
  exp2: (x) => 2 ** x,
  sigmoid,
  rsqrt: (x) => 1 / Math.sqrt(x),
  ...hostFunctions(),
};

function hostFunctions(): { [K in UnaryOp]?: (x: number) => number } {
  const names = Object.keys(truths).filter((name) => name in Math) as (keyof typeof truths & keyof Math)[];
  return Object.fromEntries(names.map((name) => [name, Math[name] as (x: number) => number]));
}

/** ★ Where functions are asked for the full truth, and by how many units they may miss it. */
export const rows: { readonly [K in keyof typeof truths]: readonly [from: number, to: number, units: number] } = {
  exp: [-745, 709, 1],
  exp2: [-1074, 1024, 1],
  expm1: [-40, 709, 1],
  log: [1e-6, 1e6, 1],
  log2: [1e-6, 1e6, 1],
  log10: [1e-6, 1e6, 1],
  log1p: [-0.9999, 1e6, 1],
  sin: [-9000, 9000, 1],
  cos: [-9000, 9000, 1],
  tan: [-9000, 9000, 2],
  asin: [-1, 1, 2],
  acos: [-1, 1, 1],
  atan: [-1e6, 1e6, 2],
  sinh: [-700, 700, 1],
  cosh: [-700, 700, 1],
  tanh: [-25, 25, 1],
  asinh: [-1e6, 1e6, 2],
  acosh: [1, 1e6, 2],
  atanh: [-1, 1, 2],
  sigmoid: [-740, 100, 2],
  rsqrt: [1e-6, 1e6, 1],
  erf: [-6, 6, 1],
  erfc: [-6, 6, 5],
};

/** Numbers of a range, near 0, and near 1: a third each. */
function within(from: number, to: number): Float64Array {
  const count = 1500;
  const spread = (i: number): number => (i * 0.6180339887498949) % 1;
  const all = Array.from({ length: count }, (_, i) => {
    const t = spread(i + 1);
    if (i % 3 === 0) return from + (to - from) * t;
    const small = 2 ** (-40 * spread(i * 7)) * (i % 2 ? t : -t);
    return i % 3 === 1 ? 2 * small : 1 + small;
  });
  return Float64Array.from(all.filter((x) => x > from && x < to && x !== 1));
}

/** An element-wise op over as many numbers. */
export function run(op: UnaryOp | BinaryOp, ...operands: readonly Float64Array[]): Float64Array {
  const meta = { shape: [operands[0]!.length], dtype: "float64" } as const;
  const views = operands.map((x) => ({ ...meta, storage: cpu.upload(x, "float64"), strides: [1], offset: 0 }));
  const [storage] = cpu.run({ op, inputs: views, attrs: {}, outputs: [meta] } as unknown as KernelCall);
  return cpu.readSync!({ ...views[0]!, storage: storage! }) as Float64Array;
}

const words = new BigInt64Array(2);
const numbers = new Float64Array(words.buffer);

/** Units in the last place. NaN for a number, a number for NaN, and a zero of the wrong sign miss by all. */
function distance(a: number, b: number): number {
  if (Object.is(a, b)) return 0;
  if (Number.isNaN(a) || Number.isNaN(b) || (a === 0 && b === 0)) return infinity;
  numbers.set([a, b]);
  const order = (word: bigint): bigint => (word < 0n ? -(word & 0x7fffffffffffffffn) : word);
  return Math.abs(Number(order(words[0]!) - order(words[1]!)));
}

interface Miss {
  readonly units: number;
  readonly at: readonly number[];
}

function worst(got: Float64Array, wanted: (...xs: number[]) => number, ...xs: readonly Float64Array[]): Miss {
  let miss: Miss = { units: 0, at: [] };
  for (const [i, y] of got.entries()) {
    const at = xs.map((x) => x[i]!);
    const units = distance(y, wanted(...at));
    if (units > miss.units) miss = { units, at };
  }
  return miss;
}

export function worstOf(op: keyof typeof truths): Miss {
  const [from, to] = rows[op];
  const x = within(from, to);
  return worst(run(op, x), (at) => truth(op, at), x);
}

/** From what the host says; functions that it lacks are left out. */
export function worstOfAll(op: keyof typeof truths): Miss {
  return hosted[op] ? worst(run(op, everywhere), hosted[op], everywhere) : { units: 0, at: [] };
}

/** As PyTorch defines it. */
function floorDivide(a: number, b: number): number {
  const rest = a % b;
  const exact = (a - rest) / b;
  const lower = rest !== 0 && rest < 0 !== b < 0 ? exact - 1 : exact;
  const whole = Math.floor(lower);
  if (b === 0 || lower === 0) return b === 0 ? a / b : (a / b) * 0;
  return lower - whole > 0.5 ? whole + 1 : whole;
}

/** ★ Divisions with a rest are exact. */
export const divisions: { readonly [K in BinaryOp]?: (a: number, b: number) => number } = {
  fmod: (a, b) => a % b,
  remainder: (a, b) => (a % b !== 0 && a % b < 0 !== b < 0 ? (a % b) + b : a % b),
  floorDivide,
};

/** Of numbers of all sizes, those near each other, products whose quotients are whole or nearly so, and special ones. */
export function worstOfDivisions(op: keyof typeof divisions): Miss {
  const count = 60_000;
  const any = everywhere.slice(2 * edges.length);
  const near = any.map((x) => (x % 1e3) + (x % 7) || 0.3);
  const special = [...edges, ...edges.map((x) => -x)];
  const a = new Float64Array(count).map((_, i) => (i % 2 ? any : near)[(i * 7919) % any.length]!);
  const b = new Float64Array(count).map((_, i) => (i % 4 === 0 ? any : near)[(i * 104_729) % any.length]!);
  for (let i = 0; i < count / 4; i++) a[i] = b[i]! * (i % 3 ? i : 2 ** (i % 60) - (i % 2)) * (i % 5 ? 1 : 1 + 2 ** -52);
  for (const [i, x] of special.entries()) {
    a.set(special, count / 2 + i * special.length);
    b.fill(x, count / 2 + i * special.length, count / 2 + (i + 1) * special.length);
  }
  return worst(run(op, a, b), divisions[op]!, a, b);
}

/** Powers of sizes whose results are in range, near 1 too. */
export function worstOfPowers(): Miss {
  const count = 4000;
  const spread = (i: number): number => (i * 0.6180339887498949) % 1;
  const x = Float64Array.from({ length: count }, (_, i) =>
    i % 2 ? 2 ** (200 * spread(i) - 100) : 1 + 2 ** (-50 * spread(i)) * (spread(i * 3) - 0.4),
  );
  const y = x.map((at, i) => ((spread(i * 7) * 2 - 1) * 708) / (Math.log(at) || 1));
  return worst(run("pow", x, y), power, x, y);
}

/** ★ Functions of two numbers, as the host gives them, which is within a unit or two. */
export const pairs: { readonly [K in BinaryOp]?: (a: number, b: number) => number } = {
  atan2: Math.atan2,
  hypot: Math.hypot,
  pow: (a, b) => (a === 1 || (a === -1 && Math.abs(b) === infinity) ? 1 : a ** b),
};

/** Each of special and other numbers of both signs with each. */
export function worstOfPairs(op: keyof typeof pairs): Miss {
  const some = [...edges, 0.1, 1.5, 4, 7, 1023, 2 ** 53 + 2, 2 ** 53 - 1, 1e300];
  const all = [...some, ...some.map((x) => -x)];
  const x = Float64Array.from(all.flatMap((at) => all.map(() => at)));
  const y = Float64Array.from(all.flatMap(() => all));
  return worst(run(op, x, y), pairs[op]!, x, y);
}
