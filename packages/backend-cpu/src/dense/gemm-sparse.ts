/**
 * Products of matrices one of which is mostly zeros, as the results of ReLU are: decides whether skipping the zeros
 * pays, and calls the kernels for that. The non-zero numbers of the left side are written down as lists; if the right
 * side has the zeros, the product is transposed.
 */
import type { Block } from "../runtime/block.ts";
import { engine, memory, threads } from "../runtime/index.ts";
import type { GemmCall } from "./gemm.ts";
import {
  buildSparseGemm,
  DEPTH,
  GROUP,
  groupScratch,
  LIST_BYTES,
  LIST_ROWS,
  LIST_SCRATCH,
  panelColumns,
} from "./gemm-sparse-kernels.ts";
import { areFinite, makeTable } from "./zeros.ts";

const KEY = "gemm:sparse";
/** With fewer multiply-adds lists do not pay. */
const LEAST = 2 ** 21;
const COLUMNS = panelColumns(engine.options);
/** The most rows of a block. Panels of B are packed once for each block. */
const BLOCK_ROWS = 256;
/** Up to so many rows are a single block; more are cut into an even number of blocks. */
const ONE_BLOCK = 192;
const CHUNKS = 64;
/** The most numbers of the left side whose lists are in memory at a time. */
const LISTED = 2 ** 22;
/** The largest share of non-zero numbers with which skipping zeros is faster. */
const LIMIT = engine.options.joined ? 0.45 : 0.7;
/** How many numbers the sample has. If there is no zero among the first `GLANCE`, the rest is not looked at. */
const SAMPLE = 128;
const GLANCE = 16;

/** A product whose left side is mostly zeros. */
export interface SparseCall extends GemmCall {
  /** Whether the product was transposed, and so is C: its row stride is that of its columns. */
  readonly turned: boolean;
}

/** Transposing takes time, too: the right side is preferred only if its share of non-zero numbers is lower by this. */
const TURNING = 0.1;

/**
 * A product with mostly zeros on its left side, transposed if need be; `undefined` if neither side is like that. The
 * share of zeros is estimated from a sample. The choice changes nothing but the order of additions.
 */
export function asSparse(call: GemmCall): SparseCall | undefined {
  const { m, n, k, batch, accumulate, bias } = call;
  if (batch !== undefined || accumulate || m * n * k < LEAST) return undefined;
  const left = shareOfOthers(call);
  const turned = { ...transposed(call), turned: true };
  const right = bias === undefined && k <= depthAtATime(n) ? shareOfOthers(turned) + TURNING : 1;
  if (Math.min(left, right) >= LIMIT) return undefined;
  return left <= right ? { ...call, turned: false } : turned;
}

/** The product of the transposed matrices: Cᵀ = Bᵀ · Aᵀ. */
function transposed(call: GemmCall): GemmCall {
  return { ...call, m: call.n, n: call.m, a: flipped(call.b), b: flipped(call.a) };
}

function flipped({ address, rowStride, columnStride }: GemmCall["a"]): GemmCall["a"] {
  return { address, rowStride: columnStride, columnStride: rowStride };
}

/** Primes, so that the sample is spread over all rows and columns. */
const [ROW_STEP, COLUMN_STEP] = [7919, 104729];

/** The estimated share of non-zero numbers on the left side; 1 if the kernels cannot take it. */
function shareOfOthers({ m, n, k, a }: GemmCall): number {
  if (m < LIST_ROWS || n < GROUP * COLUMNS || (a.rowStride !== 1 && a.columnStride !== 1)) return 1;
  return shareOf(m, k, a, GLANCE) < 1 ? shareOf(m, k, a, SAMPLE) : 1;
}

function shareOf(m: number, k: number, { address, rowStride, columnStride }: GemmCall["a"], count: number): number {
  const { f32 } = memory.heap;
  let others = 0;
  for (let i = 0; i < count; i++) {
    const place = ((i * ROW_STEP) % m) * rowStride + ((i * COLUMN_STEP) % k) * columnStride;
    if (f32[address / 4 + place] !== 0) others++;
  }
  return others / count;
}

/**
 * C = A · B (+ bias). The columns that do not fill a panel are left to `multiply`; so is everything if a number of B is
 * infinite or NaN.
 */
export function multiplySparse(call: SparseCall, multiply: (call: GemmCall) => void): void {
  const dense = (rest: GemmCall): void => multiply(call.turned ? transposed(rest) : rest);
  engine.module(KEY, buildSparseGemm);
  table ??= makeTable(Array.from({ length: DEPTH }, (_, i) => 4 * i * COLUMNS));
  const n = call.n - (call.n % COLUMNS);
  const step = depthAtATime(call.m);
  const lists = memory.allocate(LIST_BYTES * call.m * Math.ceil(Math.min(step, call.k) / DEPTH));
  try {
    for (let k = 0; k < call.k; k += step) {
      multiplySlab(part(call, [0, n], [k, Math.min(call.k, k + step)]), table.address, lists.address);
    }
  } finally {
    memory.release(lists);
  }
  // Zero times infinity or NaN is NaN, so zeros must not be skipped.
  if (!areFinite(table)) dense(call);
  else if (n < call.n) dense(part(call, [n, call.n], [0, call.k]));
}

let table: Block | undefined;

/** How much of k the lists cover at a time. */
function depthAtATime(rows: number): number {
  return DEPTH * Math.max(1, Math.floor(LISTED / rows / DEPTH));
}

function multiplySlab(call: SparseCall, table: number, lists: number): void {
  const { m, n, k, a, b, c, accumulate, bias = 0, turned } = call;
  const shared = [table, lists, m, k];
  const [left, right] = [a, b].map((s) => [s.address, 4 * s.rowStride, 4 * s.columnStride]) as [number[], number[]];
  threads.parallel(KEY, "list", Math.min(CHUNKS, Math.ceil(m / LIST_ROWS)), [...shared, ...left], LIST_SCRATCH);
  const blocks = m > ONE_BLOCK ? 2 * Math.ceil(m / (2 * BLOCK_ROWS)) : 1;
  const units = blocks * Math.ceil(n / (COLUMNS * GROUP));
  const row = 4 * c.rowStride;
  const sums = [c.address, row, accumulate ? c.address : bias, accumulate ? row : 0];
  const scratch = groupScratch(engine.options, turned ? BLOCK_ROWS : 0);
  const args = [...shared, n, Math.ceil(m / blocks), ...right, ...sums, Number(turned)];
  threads.parallel(KEY, "multiply", Math.min(CHUNKS, units), args, scratch);
}

type Range = readonly [first: number, end: number];

/** The part of a product with some columns and some of k. All parts of k but the first add to C. */
function part({ m, a, b, c, bias, turned }: SparseCall, n: Range, k: Range): SparseCall {
  return {
    m,
    turned,
    n: n[1] - n[0],
    k: k[1] - k[0],
    a: { ...a, address: a.address + 4 * k[0] * a.columnStride },
    b: { ...b, address: b.address + 4 * (k[0] * b.rowStride + n[0] * b.columnStride) },
    c: { ...c, address: c.address + 4 * n[0] * (turned ? c.rowStride : 1) },
    ...(k[0] > 0 ? { accumulate: true } : bias === undefined ? {} : { bias: bias + 4 * n[0] }),
  };
}
