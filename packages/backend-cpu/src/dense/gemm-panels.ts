/**
 * Products that all threads compute together: first they pack the columns of B into panels, once for all. Then each
 * packs as many rows of A as its L2 cache holds and multiplies them with the panels.
 */
import { engine, memory, threads } from "../runtime/index.ts";
import { type Element, elements, type FloatName } from "./element.ts";
import { PACK_COLUMNS, TILE_BYTES } from "./gemm-packed.ts";
import { tilesFor } from "./tiles.ts";

/** Addresses and strides in bytes. `add` is the address of what is added to the product, or 0. */
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

/**
 * A slab is the part of B that is in panels at a time: at most so many bytes, to stay in the shared cache while all
 * rows are multiplied, and so many times the depth of a panel.
 */
const SLAB = 2 ** 23;
const SLAB_DEPTHS = 4;
/** The rows of a unit, in tiles: at most as many as the L2 cache holds, at least as many as make reading B pay. */
const ROWS = { most: 60, least: 10 };
/** The columns of a unit, if there are several threads. */
const WIDE = 512;
/** Units for each thread: several, so that none waits long for another at the end. */
const UNITS = 4;

const { wide } = tilesFor(engine.options);

type Pair = readonly [number, number];
type Sizes = readonly [number, number, number];

/**
 * The scratch bytes of a thread that multiplies m × n elements, and that packs the columns itself unless they are
 * `packed`.
 */
export function packedScratch(e: Element, [m, n, k]: Sizes, depth: number, packed = false): number {
  const [rows, columns] = [roundUp(m, wide.rows), roundUp(n, wide.vectors * e.lanes)];
  const sums = k > depth ? rows * columns : 0;
  return TILE_BYTES + (sums + (rows + (packed ? 0 : Math.min(columns, PACK_COLUMNS))) * depth) * e.bytes;
}

/**
 * How much of k is multiplied at a time: so much that a panel of each side stays in the L1 cache. The order of
 * additions, and so the rounding of the results, depends on nothing else.
 */
export function depthOf(e: Element, k: number): number {
  return evenly(k, 4096 / (wide.vectors * e.bytes), e.lanes);
}

/** C = A · B + add, by the module `key`. @throws TensorError if memory for the panels is not to be had. */
export function multiplyPanels(type: FloatName, key: string, p: PanelProduct): void {
  const e = elements[type];
  const depth = depthOf(e, p.k);
  const slab = Math.min(p.k, SLAB_DEPTHS * depth);
  const columns = evenly(p.n, SLAB / (slab * e.bytes), wide.vectors * e.lanes);
  const panels = memory.allocate(columns * slab * e.bytes);
  try {
    for (let j = 0; j < p.n; j += columns) {
      for (let k = 0; k < p.k; k += slab) {
        packAndMultiply(e, key, part(p, e, [j, k], [columns, slab]), depth, panels.address);
      }
    }
  } finally {
    memory.release(panels);
  }
}

/** The part of the product that belongs to one slab. */
function part(p: PanelProduct, e: Element, [j, k]: Pair, [columns, slab]: Pair): PanelProduct {
  // Every part of k but the first adds to C.
  const started = k > 0;
  const c = p.c + j * e.bytes;
  return {
    ...p,
    n: Math.min(columns, p.n - j),
    k: Math.min(slab, p.k - k),
    a: p.a + k * p.aColumn,
    b: p.b + k * p.bRow + j * p.bColumn,
    c,
    add: started ? c : p.add && p.add + j * e.bytes,
    addRow: started ? p.cRow : p.addRow,
  };
}

function packAndMultiply(e: Element, key: string, p: PanelProduct, depth: number, panels: number): void {
  const { m, n, k, a, aRow, aColumn, b, bRow, bColumn, c, cRow, add, addRow } = p;
  run(key, "pack", Math.ceil(n / PACK_COLUMNS), 0, [n, k, b, bRow, bColumn, panels]);
  const { rows, columns } = cutGrid(Math.ceil(m / wide.rows), n);
  const [height, width] = [
    Math.ceil(m / wide.rows / rows) * wide.rows,
    Math.ceil(n / columns) + wide.vectors * e.lanes,
  ];
  // All ways to multiply take the same parameters. Those of B and of the columns of C are not used here, hence the
  // zeros.
  const sides = [m, n, k, depth, a, aRow, aColumn, 0, 0, 0, c, cRow, 0, add, addRow, 0, panels];
  run(key, "multiply", rows * columns, packedScratch(e, [height, width, k], depth, true), [rows, columns, ...sides]);
}

/**
 * The grid of units. A single thread must not pack rows twice, so its units have all columns. Several threads get a few
 * narrow units each, because then rows and columns are read from memory less often.
 */
function cutGrid(tiles: number, n: number): { rows: number; columns: number } {
  const { count } = threads;
  const columns = count === 1 ? 1 : Math.ceil(n / WIDE);
  const wanted = count === 1 ? 1 : Math.ceil((UNITS * count) / columns);
  const rows = Math.max(Math.ceil(tiles / ROWS.most), Math.min(wanted, Math.ceil(tiles / ROWS.least)));
  return { rows, columns };
}

/** Runs a task of the module. A single thread gets all units as one chunk. */
function run(key: string, name: string, units: number, scratch: number, args: readonly number[]): void {
  threads.parallel(key, name, threads.count === 1 ? 1 : units, args, scratch);
}

/** The size of equal parts, each about `limit` at most, rounded up to a multiple. */
function evenly(total: number, limit: number, multiple: number): number {
  return roundUp(Math.ceil(total / Math.ceil(total / limit)), multiple);
}

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
