/**
 * Big products: all threads pack both sides into panels, every element once, and then all multiply blocks of C, which may
 * be small, so that none waits long for another at the end.
 */
import { engine, memory, threads } from "../runtime/index.ts";
import { type Element, elements, type FloatName } from "./element.ts";
import { PACK_COLUMNS, PACK_ROWS, panelDepth, TILE_BYTES } from "./gemm-packed.ts";
import { tilesFor } from "./tiles.ts";

/** Strides in bytes. `add` is 0, or where what is added lies. */
export interface PanelProduct {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: number;
  readonly aRow: number;
  readonly aColumn: number;
  readonly b: number;
  readonly bRow: number;
  readonly bColumn: number;
  readonly c: number;
  readonly cRow: number;
  readonly add: number;
  readonly addRow: number;
}

/** The most rows or columns whose panels are in memory at a time. */
const SLAB = 4096;
const SLAB_DEPTH = 2048;
/** Rows of a block of C: their panels stay in the L2 cache. */
const BLOCK_ROWS = 120;
const BLOCK_COLUMNS = { least: 64, most: 256 };
/** As many blocks let threads end at about the same time. */
const BLOCKS = 32;

const { wide } = tilesFor(engine.options);

/** The scratch area of a thread that packs and multiplies `m` × `n` by itself. */
export function packedScratch(e: Element, m: number, n: number, k: number): number {
  return TILE_BYTES + panelBytes(e, m, n, Math.min(k, panelDepth(e, wide)));
}

function panelBytes(e: Element, m: number, n: number, depth: number): number {
  return (roundUp(m, wide.rows) + roundUp(n, wide.vectors * e.lanes)) * depth * e.bytes;
}

/** C = A · B + add, by the module `key`. @throws RangeError if memory for the panels is not to be had. */
export function multiplyPanels(type: FloatName, key: string, p: PanelProduct): void {
  const e = elements[type];
  const rows = evenly(p.m, SLAB, wide.rows);
  const columns = evenly(p.n, SLAB, wide.vectors * e.lanes);
  const slab = evenly(p.k, SLAB_DEPTH, e.lanes);
  const panels = memory.allocate(panelBytes(e, Math.min(rows, p.m), Math.min(columns, p.n), slab));
  try {
    for (let i = 0; i < p.m; i += rows) {
      for (let j = 0; j < p.n; j += columns) {
        for (let k = 0; k < p.k; k += slab) {
          packAndMultiply(e, key, part(p, e, [i, j, k], [rows, columns, slab]), panels.address);
        }
      }
    }
  } finally {
    memory.release(panels);
  }
}

type Sizes = readonly [number, number, number];

/** A slab of the product: what all threads have in panels at a time. */
function part(p: PanelProduct, e: Element, [i, j, k]: Sizes, [rows, columns, depth]: Sizes): PanelProduct {
  const inC = i * p.cRow + j * e.bytes;
  // After the first part of k, sums are added to what C has.
  const started = k > 0;
  return {
    m: Math.min(rows, p.m - i),
    n: Math.min(columns, p.n - j),
    k: Math.min(depth, p.k - k),
    a: p.a + i * p.aRow + k * p.aColumn,
    aRow: p.aRow,
    aColumn: p.aColumn,
    b: p.b + k * p.bRow + j * p.bColumn,
    bRow: p.bRow,
    bColumn: p.bColumn,
    c: p.c + inC,
    cRow: p.cRow,
    add: started ? p.c + inC : p.add && p.add + i * p.addRow + j * e.bytes,
    addRow: started ? p.cRow : p.addRow,
  };
}

function packAndMultiply(e: Element, key: string, p: PanelProduct, pa: number): void {
  const { m, n, k, a, aRow, aColumn, b, bRow, bColumn, c, cRow, add, addRow } = p;
  const pb = pa + roundUp(m, wide.rows) * k * e.bytes;
  const depth = evenly(k, panelDepth(e, wide), e.lanes);
  const packs = Math.ceil(m / PACK_ROWS) + Math.ceil(n / PACK_COLUMNS);
  run(key, "pack", packs, 0, [m, n, k, depth, a, aRow, aColumn, b, bRow, bColumn, pa, pb]);
  const rows = evenly(m, BLOCK_ROWS, wide.rows);
  const rowBlocks = Math.ceil(m / rows);
  const { least, most } = BLOCK_COLUMNS;
  const columns = evenly(n, Math.min(most, Math.max(least, (n * rowBlocks) / BLOCKS)), wide.vectors * e.lanes);
  const blocks = rowBlocks * Math.ceil(n / columns);
  const scratch = TILE_BYTES + (k > depth ? rows * columns * e.bytes : 0);
  run(key, "multiply", blocks, scratch, [rows, columns, m, n, k, depth, pa, pb, c, cRow, add, addRow]);
}

/** One thread goes through all units in one call. */
function run(key: string, name: string, units: number, scratch: number, args: readonly number[]): void {
  threads.parallel(key, name, threads.count === 1 ? 1 : units, args, scratch);
}

/** The size of equal parts, none above `limit`, in whole multiples. */
function evenly(total: number, limit: number, multiple: number): number {
  return roundUp(Math.ceil(total / Math.ceil(total / limit)), multiple);
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
