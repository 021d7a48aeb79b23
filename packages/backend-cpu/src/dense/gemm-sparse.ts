/** When the left side of a product counts as mostly zeros, as what comes from ReLU does, and the calls to the kernels for that. */
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
/** A block of rows shares the panels that are packed for it. */
const BLOCK_ROWS = 192;
const CHUNKS = 64;
/** Numbers whose lists may be in memory at a time. */
const LISTED = 2 ** 22;
/** The share of numbers other than zero up to which passing over zeros is faster. */
const LIMIT = engine.options.joined ? 0.45 : 0.7;
/** Numbers that are looked at, and those that must hold a zero for more to be. */
const SAMPLE = 512;
const GLANCE = 16;

/** Guessed from a sample: the order of additions, but nothing else, depends on what it meets. */
export function isSparse({ m, n, k, a, batch, accumulate }: GemmCall): boolean {
  if (batch !== undefined || accumulate || m * n * k < LEAST || m < LIST_ROWS || n < GROUP * COLUMNS) return false;
  if (a.rowStride !== 1 && a.columnStride !== 1) return false;
  return shareOfOthers(m, k, a, GLANCE) < 1 && shareOfOthers(m, k, a, SAMPLE) < LIMIT;
}

/** Steps that meet rows and columns all over. */
const [ROW_STEP, COLUMN_STEP] = [7919, 104729];

function shareOfOthers(
  m: number,
  k: number,
  { address, rowStride, columnStride }: GemmCall["a"],
  count: number,
): number {
  const { f32 } = memory.heap;
  let others = 0;
  for (let i = 0; i < count; i++) {
    const place = ((i * ROW_STEP) % m) * rowStride + ((i * COLUMN_STEP) % k) * columnStride;
    if (f32[address / 4 + place] !== 0) others++;
  }
  return others / count;
}

/** C = A · B (+ bias), where A {@link isSparse}; `dense` gets what these kernels do not do. */
export function multiplySparse(call: GemmCall, dense: (call: GemmCall) => void): void {
  engine.module(KEY, buildSparseGemm);
  table ??= makeTable(Array.from({ length: DEPTH }, (_, i) => 4 * i * COLUMNS));
  const n = call.n - (call.n % COLUMNS);
  const step = DEPTH * Math.max(1, Math.floor(LISTED / call.m / DEPTH));
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

function multiplySlab({ m, n, k, a, b, c, accumulate, bias = 0 }: GemmCall, table: number, lists: number): void {
  const shared = [table, lists, m, k];
  const [left, right] = [a, b].map((s) => [s.address, 4 * s.rowStride, 4 * s.columnStride]) as [number[], number[]];
  threads.parallel(KEY, "list", Math.min(CHUNKS, Math.ceil(m / LIST_ROWS)), [...shared, ...left], LIST_SCRATCH);
  const blocks = Math.ceil(m / BLOCK_ROWS);
  const units = blocks * Math.ceil(n / (COLUMNS * GROUP));
  const row = 4 * c.rowStride;
  const sums = [c.address, row, accumulate ? c.address : bias, accumulate ? row : 0];
  const args = [...shared, n, Math.ceil(m / blocks), ...right, ...sums];
  threads.parallel(KEY, "multiply", Math.min(CHUNKS, units), args, groupScratch(engine.options));
}

type Range = readonly [first: number, end: number];

/** Some columns and some of k, of which all after the first are added to what C has. */
function part({ m, a, b, c, bias }: GemmCall, n: Range, k: Range): GemmCall {
  return {
    m,
    n: n[1] - n[0],
    k: k[1] - k[0],
    a: { ...a, address: a.address + 4 * k[0] * a.columnStride },
    b: { ...b, address: b.address + 4 * (k[0] * b.rowStride + n[0] * b.columnStride) },
    c: { ...c, address: c.address + 4 * n[0] },
    ...(k[0] > 0 ? { accumulate: true } : bias === undefined ? {} : { bias: bias + 4 * n[0] }),
  };
}
