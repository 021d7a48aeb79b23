/** When a side of a product counts as mostly zeros, as what comes from ReLU does, and the calls to the kernels for that. */
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
/** Multiply-adds from which on lists pay. */
const LEAST = 2 ** 21;
const COLUMNS = panelColumns(engine.options);
/** A block of rows shares the panels that are packed for it. More rows than one block's get an even number of blocks. */
const BLOCK_ROWS = 256;
const ONE_BLOCK = 192;
const CHUNKS = 64;
/** Numbers whose lists may be in memory at a time. */
const LISTED = 2 ** 22;
/** The share of numbers other than zero up to which passing over zeros is faster. */
const LIMIT = engine.options.joined ? 0.45 : 0.7;
/** Numbers that are looked at, and those that must hold a zero for more to be. Each is one wait for memory. */
const SAMPLE = 128;
const GLANCE = 16;

/** A product whose left side is mostly zeros. */
export interface SparseCall extends GemmCall {
  /** C lies transposed: its row stride is that of its columns. */
  readonly turned: boolean;
}

/** How much more of the left side may be other than zero before the product is transposed, which takes some time too. */
const TURNING = 0.1;

/**
 * The product so that its left side is mostly zeros, if either is. Guessed from a sample: the order of additions, but
 * nothing else, depends on what it meets.
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

/** Cᵀ = Bᵀ · Aᵀ. */
function transposed(call: GemmCall): GemmCall {
  return { ...call, m: call.n, n: call.m, a: flipped(call.b), b: flipped(call.a) };
}

function flipped({ address, rowStride, columnStride }: GemmCall["a"]): GemmCall["a"] {
  return { address, rowStride: columnStride, columnStride: rowStride };
}

/** Steps that meet rows and columns all over. */
const [ROW_STEP, COLUMN_STEP] = [7919, 104729];

/** The share of numbers of the left side other than zero; 1 where lists would not do. */
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

/** C = A · B (+ bias); `multiply` gets what these kernels do not do. */
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
  // Zero times infinity or NaN is not zero.
  if (!areFinite(table)) dense(call);
  else if (n < call.n) dense(part(call, [n, call.n], [0, call.k]));
}

let table: Block | undefined;

/** How much of k goes into the lists of so many rows. */
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

/** Some columns and some of k, of which all after the first are added to what C has. */
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
