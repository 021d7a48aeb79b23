/**
 * Matrix multiplication over addresses. It chooses one of the ways to multiply (`mode`), cuts the work into a grid of
 * blocks, and runs these on the threads:
 *
 * - packed (`gemm-packed.ts`, and `gemm-panels.ts` where all threads pack together): large products;
 * - direct (`gemm-direct.ts`): small products, or few rows: operands are read where they lie;
 * - dot (`gemm-dot.ts`): few rows or columns, whose lines are contiguous;
 * - sparse (`gemm-sparse.ts`): one side is mostly zeros;
 * - scalar: integers, and strides that none of the others takes.
 */
import type { Block } from "../runtime/block.ts";
import { engine, memory, threads } from "../runtime/index.ts";
import { bytesPerElement, elements, type FloatName, type ScalarName } from "./element.ts";
import { CACHED_BYTES, nearBytes, SHORT } from "./gemm-direct.ts";
import { buildGemm, DIRECT, DOT, PACKED, SCALAR } from "./gemm-module.ts";
import { depthOf, multiplyPanels, packedScratch, roundUp } from "./gemm-panels.ts";
import { asSparse, multiplySparse } from "./gemm-sparse.ts";
import { tilesFor } from "./tiles.ts";

/** A matrix in memory. Strides are in elements, and may be 0 or negative; swap them to transpose. */
export interface MatrixView {
  readonly address: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/** Many products of one size: for each the offsets of its matrices from `a`, `b` and `c`, in elements. */
export interface Batch {
  readonly count: number;
  readonly a: ArrayLike<number>;
  readonly b: ArrayLike<number>;
  readonly c: ArrayLike<number>;
}

export interface GemmCall {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** m × k. */
  readonly a: MatrixView;
  /** k × n. */
  readonly b: MatrixView;
  /** m × n, rows contiguous: `address` and the stride from row to row. */
  readonly c: { readonly address: number; readonly rowStride: number };
  readonly batch?: Batch;
  /** Adds the product to C instead of overwriting it. */
  readonly accumulate?: boolean;
  /** The address of n biases, which are added to every row. Not together with `accumulate`. */
  readonly bias?: number;
}

/** A product, perhaps transposed, which is why C has a column stride here. Strides count elements. */
interface Product {
  mode: number;
  transposed: boolean;
  m: number;
  n: number;
  readonly k: number;
  a: MatrixView;
  b: MatrixView;
  cRow: number;
  cColumn: number;
  addRow: number;
  addColumn: number;
}

/** The mode of products for which all threads pack and multiply together. */
const TOGETHER = -1;
/** Below this many multiply-adds, packing costs more than it saves. */
const SMALL = 32 * 32 * 32;
/**
 * From this many multiply-adds on, packing columns only once saves more than sharing the panels between threads costs.
 */
const BIG = 2 ** 29;
/** Rows whose panels stay in the L2 cache. A single thread takes so many rows at a time, with all columns. */
const NEAR_ROWS = 360;
/** A matrix of more bytes does not stay in the L2 cache: reading it in the order of memory is fastest. */
const NEAR_BYTES = 2 ** 20;
/** The least multiply-adds that are worth a chunk of their own, and how many a chunk of a larger product has. */
const FORK = 2 ** 17;
const SHARE = 2 ** 18;
/** The overhead of each matrix of a batch, in multiply-adds. */
const UNIT = 2 ** 9;
/**
 * From this side on, blocks are so large that it does not matter that neighbours pack the same rows or columns again.
 */
const GOOD_BLOCK = 480;
/** With fewer rows, packing B costs more than it saves. */
const FEW_ROWS = 16;
/**
 * The least columns of a block in the direct way with few rows, where a thread reads rows of B in the order of memory.
 */
const FEW_COLUMNS = 128;
/** Blocks with `MUCH` multiply-adds are halved down to this side, although packing then costs relatively more. */
const SHORT_BLOCK = 40;
const MUCH = 2 ** 20;
const { rows: tileRows } = tilesFor(engine.options).wide;

/**
 * C = A · B (+ C, or + bias). Integers wrap around. C must not overlap with A, B or the biases.
 *
 * @throws TensorError if memory for packing is not to be had.
 */
export function gemm(type: ScalarName, call: GemmCall): void {
  if (call.m === 0 || call.n === 0 || call.batch?.count === 0) return;
  const sparse = type === "f32" ? asSparse(call) : undefined;
  if (sparse) multiplySparse(sparse, (part) => multiplyDense(type, part));
  else multiplyDense(type, call);
}

function multiplyDense(type: ScalarName, call: GemmCall): void {
  const batch = call.batch?.count ?? 1;
  const product = chooseWay(type, call);
  if (product.mode === TOGETHER) multiplyTogether(type as FloatName, call);
  else multiplyUnits(type, call, product, batch);
}

/** Multiplies one matrix of the batch after the other, each by all threads together. */
export function multiplyTogether(type: FloatName, call: GemmCall): void {
  const { m, n, k, a, b, c, batch, accumulate, bias = 0 } = call;
  const s = bytesPerElement[type];
  const key = moduleOf(type);
  for (let i = 0; i < (batch?.count ?? 1); i++) {
    const to = c.address + (batch?.c[i] ?? 0) * s;
    multiplyPanels(type, key, {
      m,
      n,
      k,
      a: a.address + (batch?.a[i] ?? 0) * s,
      aRow: a.rowStride * s,
      aColumn: a.columnStride * s,
      b: b.address + (batch?.b[i] ?? 0) * s,
      bRow: b.rowStride * s,
      bColumn: b.columnStride * s,
      c: to,
      cRow: c.rowStride * s,
      add: accumulate ? to : bias,
      addRow: accumulate ? c.rowStride * s : 0,
    });
  }
}

/**
 * Cuts the product into units, matrices of the batch or blocks of them, each of which one thread computes by itself.
 */
function multiplyUnits(type: ScalarName, call: GemmCall, product: Product, batch: number): void {
  const { mode, m, n, a, b, cRow, cColumn, addRow, addColumn } = product;
  const grid = cutGrid(product, batch);
  const s = bytesPerElement[type];
  const table = call.batch === undefined ? null : offsetTable(call.batch, s, product.transposed);
  const add = call.accumulate ? call.c.address : (call.bias ?? 0);
  const packed = mode === PACKED ? elements[type as FloatName] : undefined;
  const streams = mode === DOT && m === 1 && n * call.k * s > NEAR_BYTES;
  const depth = packed ? depthOf(packed, call.k) : Number(streams);
  // biome-ignore format: in the groups of `gemmParams`
  const args = [
    mode, batch, grid.rows, grid.columns, grid.blockRows, grid.blockColumns, table?.address ?? 0,
    m, n, call.k, depth,
    a.address, a.rowStride * s, a.columnStride * s,
    b.address, b.rowStride * s, b.columnStride * s,
    call.c.address, cRow * s, cColumn * s,
    add, addRow * s, addColumn * s,
  ];
  const scratch = packed
    ? packedScratch(packed, [grid.blockRows, grid.blockColumns, call.k], depth)
    : mode === DIRECT
      ? nearBytes(s)
      : 0;
  try {
    threads.parallel(moduleOf(type), "gemm", grid.chunks, args, scratch);
  } finally {
    if (table !== null) memory.release(table);
  }
}

const keys: { readonly [T in ScalarName]: string } = {
  f32: "gemm:f32",
  f64: "gemm:f64",
  i32: "gemm:i32",
  i64: "gemm:i64",
};

/** The key of the module for a type. Makes sure that the module exists. */
function moduleOf(type: ScalarName): string {
  const key = keys[type];
  engine.module(key, (m) => buildGemm(m, type));
  return key;
}

function chooseWay(type: ScalarName, { m, n, k, a, b, c, accumulate, bias }: GemmCall): Product {
  const product: Product = {
    mode: SCALAR,
    transposed: false,
    m,
    n,
    k,
    a,
    b,
    cRow: c.rowStride,
    cColumn: 1,
    addRow: accumulate ? c.rowStride : 0,
    addColumn: 1,
  };
  if (type === "i32" || type === "i64" || k === 0) return product;
  // Many rows of one element would be slow; transposed they are one long row.
  if (n === 1) transpose(product);
  const small = product.m < FEW_ROWS || m * n * k < SMALL;
  const dots = small || product.n < FEW_ROWS;
  const s = bytesPerElement[type];
  // The direct way is slow for a remainder of columns that does not fill a vector.
  const direct = small || ((n * s) % 16 === 0 && (n * k * s <= CACHED_BYTES || k < SHORT));
  const short = k < SHORT && !product.transposed && b.columnStride === 1;
  const adds = accumulate || bias !== undefined;
  const lines = isUnit(product.a.columnStride, k) && isUnit(product.b.rowStride, k);
  if (dots && lines && !short) product.mode = DOT;
  else if (product.cColumn !== 1 || (adds && product.addColumn !== 1)) product.mode = SCALAR;
  else if (direct && product.b.columnStride === 1) product.mode = DIRECT;
  else product.mode = m * n * k >= BIG ? TOGETHER : PACKED;
  return product;
}

function isUnit(stride: number, count: number): boolean {
  return stride === 1 || count === 1;
}

/** Turns a product into that of the transposed matrices: Cᵀ = Bᵀ · Aᵀ. */
function transpose(p: Product): void {
  const { a, b } = p;
  p.transposed = true;
  p.a = { address: b.address, rowStride: b.columnStride, columnStride: b.rowStride };
  p.b = { address: a.address, rowStride: a.columnStride, columnStride: a.rowStride };
  [p.m, p.n] = [p.n, p.m];
  [p.cRow, p.cColumn] = [p.cColumn, p.cRow];
  [p.addRow, p.addColumn] = [p.addColumn, p.addRow];
}

interface Grid {
  readonly rows: number;
  readonly columns: number;
  readonly blockRows: number;
  readonly blockColumns: number;
  readonly chunks: number;
}

/**
 * Halves the longer side of the blocks until there are a few of them, then further as long as they stay large enough
 * for packing to pay. A single thread packs rows only once, so its blocks have all columns. In the direct way rows are
 * halved first: blocks side by side share pages of C, and each core would prefetch what another one writes.
 */
function cutGrid({ mode, m, n, k }: Product, batch: number): Grid {
  if (threads.count === 1 && mode === PACKED) {
    const rows = Math.ceil(m / NEAR_ROWS);
    return { rows, columns: 1, blockRows: roundUp(m / rows, tileRows), blockColumns: n, chunks: 1 };
  }
  const work = (m * n * k + UNIT) * batch;
  const smallest = mode === PACKED ? 64 : mode === DIRECT && m < FEW_ROWS ? FEW_COLUMNS : 16;
  let blockRows = m;
  let blockColumns = n;
  for (;;) {
    const rows = Math.ceil(m / blockRows);
    const columns = Math.ceil(n / blockColumns);
    const units = rows * columns * batch;
    const acrossRows = blockRows > blockColumns || (mode === DIRECT && blockRows >= 2 * FEW_ROWS);
    const half = (acrossRows ? blockRows : blockColumns) / 2;
    const pays = half >= smallest || (half >= SHORT_BLOCK && work / units >= MUCH);
    const wanted = half >= GOOD_BLOCK ? 64 : pays ? 4 : 0;
    if (units >= wanted || work / units < SHARE) {
      return { rows, columns, blockRows, blockColumns, chunks: chunksOf(work, units) };
    }
    if (acrossRows) blockRows = roundUp(half, tileRows);
    else blockColumns = roundUp(half, 16);
  }
}

/** The number of chunks: the same for each thread, and few, because claiming a chunk takes time. */
function chunksOf(work: number, units: number): number {
  const { count } = threads;
  if (count === 1) return 1;
  const each = Math.max(1, Math.round(work / count / SHARE));
  return Math.max(1, Math.min(units, 256, Math.floor(work / FORK), count * each));
}

/** A table in memory with the byte offsets of A, B and C for each matrix of the batch, as the module reads it. */
function offsetTable({ count, a, b, c }: Batch, bytes: number, transposed: boolean): Block {
  const table = memory.allocate(12 * count);
  const { i32 } = memory.heap;
  const base = table.address / 4;
  const [first, second] = transposed ? [b, a] : [a, b];
  for (let i = 0; i < count; i++) {
    i32[base + 3 * i] = first[i]! * bytes;
    i32[base + 3 * i + 1] = second[i]! * bytes;
    i32[base + 3 * i + 2] = c[i]! * bytes;
  }
  return table;
}
