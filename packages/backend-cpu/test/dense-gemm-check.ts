/** Matrix multiplication by three loops, to compare with. */
import { expect } from "vitest";
import { bytesPerElement, type ScalarName } from "../src/dense/element.ts";
import { type GemmCall, gemm, multiplyTogether } from "../src/dense/gemm.ts";
import { heap, memory } from "../src/runtime/index.ts";

type Numbers = Float32Array | Float64Array | Int32Array | BigInt64Array;

export function view(type: ScalarName, address: number, length: number): Numbers {
  const views = { f32: heap.f32, f64: heap.f64, i32: heap.i32, i64: heap.i64 };
  const start = address / bytesPerElement[type];
  return views[type].subarray(start, start + length);
}

/** Whole numbers, so that every order of addition gives the same sum. */
export function fill(type: ScalarName, length: number, seed: number): number {
  const { address } = memory.allocate((length + 8) * bytesPerElement[type]);
  const target = view(type, address, length);
  for (let i = 0; i < length; i++) {
    const value = (((i + seed) * 2654435761) >>> 16) % 17;
    target[i] = type === "i64" ? (BigInt(value - 8) as never) : value - 8;
  }
  return address;
}

/** Without a pattern that evenly spaced places would meet. */
function scrambled(i: number): number {
  const once = Math.imul(i ^ (i >>> 16), 0x45d9f3b);
  const twice = Math.imul(once ^ (once >>> 16), 0x45d9f3b);
  return (twice ^ (twice >>> 16)) >>> 0;
}

function clear(values: Numbers, oneOf: number): void {
  for (let i = 0; i < values.length; i++) if (scrambled(i) % oneOf > 0) values[i] = 0 as never;
}

export interface Problem {
  readonly type: ScalarName;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly count: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly gap: number;
  readonly mode: "plain" | "accumulate" | "bias";
  /** Of so many numbers of A, one is not zero. */
  readonly oneOf?: number;
  /** The same of B. */
  readonly oneOfB?: number;
}

/** What `gemm` does with big products only. */
export function checkTogether(problem: Problem): void {
  compare(problem, multiplyTogether as typeof gemm);
}

export function check(problem: Problem): void {
  compare(problem, gemm);
}

/** Multiplies, and compares with three loops. */
function compare(
  { type, m, n, k, count, transposeA, transposeB, gap, mode, oneOf, oneOfB }: Problem,
  multiply: (type: ScalarName, call: GemmCall) => void,
): void {
  const strides = (rows: number, columns: number, transposed: boolean) =>
    transposed ? { rowStride: 1, columnStride: rows + gap } : { rowStride: columns + gap, columnStride: 1 };
  const sizes = { a: (m + gap) * (k + gap) * 2, b: (k + gap) * (n + gap) * 2, c: m * (n + gap) };
  const a = { address: fill(type, sizes.a * count, 1), ...strides(m, k, transposeA) };
  if (oneOf !== undefined) clear(view(type, a.address, sizes.a * count), oneOf);
  const b = { address: fill(type, sizes.b * count, 2), ...strides(k, n, transposeB) };
  if (oneOfB !== undefined) clear(view(type, b.address, sizes.b * count), oneOfB);
  const c = { address: fill(type, sizes.c * count, 3), rowStride: n + gap };
  const bias = fill(type, n, 4);
  const offsets = (size: number) => Array.from({ length: count }, (_, i) => i * size);
  const before = Array.from(view(type, c.address, sizes.c * count) as ArrayLike<number>, Number);
  const call: GemmCall = {
    ...{ m, n, k, a, b, c },
    ...(count > 1 ? { batch: { count, a: offsets(sizes.a), b: offsets(sizes.b), c: offsets(sizes.c) } } : {}),
    ...(mode === "accumulate" ? { accumulate: true } : mode === "bias" ? { bias } : {}),
  };
  multiply(type, call);
  const [x, y, out, biases] = [
    view(type, a.address, sizes.a * count),
    view(type, b.address, sizes.b * count),
    view(type, c.address, sizes.c * count),
    view(type, bias, n),
  ];
  const expected = [...before];
  for (let q = 0; q < count; q++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        const to = q * sizes.c + i * c.rowStride + j;
        let sum = mode === "accumulate" ? before[to]! : mode === "bias" ? Number(biases[j]) : 0;
        for (let l = 0; l < k; l++) {
          const left = Number(x[q * sizes.a + i * a.rowStride + l * a.columnStride]);
          sum += left * Number(y[q * sizes.b + l * b.rowStride + j * b.columnStride]);
        }
        expected[to] = sum;
      }
    }
  }
  expect(Array.from(out as ArrayLike<number>, Number)).toEqual(expected);
}
