/**
 * The packed way: blocks of A and B are copied into panels that the micro kernel reads in order, so that every load hits
 * the nearest caches (the scheme of BLIS).
 */
import { type FuncRef, type Module, op, select, when } from "../wasm/emitter.ts";
import { at, combine, type Element, loadScalar, min, storeScalar } from "./element.ts";
import { type Micro, packedMicro, packer } from "./gemm-kernels.ts";
import { type Product, productParams } from "./product.ts";
import { type Tile, tilesFor } from "./tiles.ts";

/** Block sizes: a block of A stays in the L2 cache, a panel of B in the L1 cache. */
const KC = 256;
const NC = 960;
const ROW_TILES = 40;
const MAX_ROWS = 6;
const TMP_BYTES = 1024;

/** Bytes of scratch that a thread needs. */
export function packedScratch(e: Element): number {
  return TMP_BYTES + (ROW_TILES * MAX_ROWS + NC + 16) * KC * e.bytes;
}

const macroParams = ["m", "n", "k", "pa", "pb", "c", "cRow", "add", "addRow", "tmp"] as const;

/** Multiplies packed panels: A is `m` × `k` at `pa`, B is `k` × `n` at `pb`. */
function macroKernel(m: Module, e: Element, tile: Tile): FuncRef<typeof macroParams, undefined> {
  const { rows } = tile;
  const columns = tile.vectors * e.lanes;
  const micro = packedMicro(m, e, tile);
  const edge = edgeTile(m, e, tile, micro);
  return m.inner("macro", macroParams, (f, p) => {
    const i = f.local("i32");
    const j = f.local("i32");
    const a = f.local("i32");
    const aEnd = f.local("i32");
    const c = f.local("i32");
    const add = f.local("i32");
    f.for(j, 0, p.n, columns, () => {
      const width = min(f, op("i32.sub", p.n, j), columns);
      f.set(aEnd, p.pa);
      f.set(c, at(p.c, j, e.bytes));
      f.set(add, select(p.add, at(p.add, j, e.bytes), 0));
      f.for(i, 0, p.m, rows, () => {
        const height = min(f, op("i32.sub", p.m, i), rows);
        f.set(a, aEnd);
        f.set(aEnd, at(a, p.k, rows * e.bytes));
        f.if(
          op("i32.eq", op("i32.add", width, height), columns + rows),
          () => f.call(micro, a, aEnd, p.pb, c, p.cRow, add, p.addRow),
          () => f.call(edge, a, aEnd, p.pb, c, p.cRow, add, p.addRow, height, width, p.tmp),
        );
        f.set(c, at(c, rows, p.cRow));
        f.set(add, select(add, at(add, rows, p.addRow), 0));
      });
      f.set(p.pb, at(p.pb, p.k, columns * e.bytes));
    });
  });
}

const edgeParams = ["a", "aEnd", "b", "c", "cRow", "add", "addRow", "height", "width", "tmp"] as const;

/** A tile that sticks out of C: computed into `tmp`, of which `height` × `width` elements are copied. */
function edgeTile(m: Module, e: Element, tile: Tile, micro: Micro): FuncRef<typeof edgeParams, undefined> {
  const pitch = tile.vectors * 16;
  return m.inner("edge", edgeParams, (f, p) => {
    const x = f.local("i32");
    f.call(micro, p.a, p.aEnd, p.b, p.tmp, pitch, 0, 0);
    f.range(p.height, () => {
      f.for(x, 0, op("i32.mul", p.width, e.bytes), e.bytes, () => {
        const added = when(p.add, loadScalar(e.name, op("i32.add", p.add, x)), 0);
        const sum = combine(e.name, "add", loadScalar(e.name, op("i32.add", p.tmp, x)), added);
        storeScalar(f, e.name, op("i32.add", p.c, x), sum);
      });
      f.inc(p.tmp, pitch);
      f.inc(p.c, p.cRow);
      f.if(p.add, () => f.inc(p.add, p.addRow));
    });
  });
}

/** The whole product, in this thread's scratch area. C must have contiguous rows, and `add` too. */
export function packedProduct(m: Module, e: Element): Product {
  const tile = tilesFor(m.options).wide;
  const columns = tile.vectors * e.lanes;
  const macro = macroKernel(m, e, tile);
  const packA = packer(m, e, tile.rows);
  const packB = columns === tile.rows ? packA : packer(m, e, columns);
  const rowBlock = ROW_TILES * tile.rows;
  return m.inner("packed", productParams, (f, p) => {
    const jc = f.local("i32");
    const pc = f.local("i32");
    const ic = f.local("i32");
    const tmp = f.let(m.scratch());
    const pa = f.let(op("i32.add", tmp, TMP_BYTES));
    const pb = f.let(op("i32.add", pa, rowBlock * KC * e.bytes));
    f.for(jc, 0, p.n, NC, () => {
      const nc = min(f, op("i32.sub", p.n, jc), NC);
      const add = f.let(select(p.add, at(p.add, jc, e.bytes), 0));
      const addRow = f.let(p.addRow);
      const cColumn = f.let(at(p.c, jc, e.bytes));
      f.for(pc, 0, p.k, KC, () => {
        const kc = min(f, op("i32.sub", p.k, pc), KC);
        const b = at(at(p.b, pc, p.bRow), jc, p.bColumn);
        f.call(packB, pb, b, nc, kc, p.bColumn, p.bRow);
        f.for(ic, 0, p.m, rowBlock, () => {
          const mc = min(f, op("i32.sub", p.m, ic), rowBlock);
          const a = at(at(p.a, pc, p.aColumn), ic, p.aRow);
          f.call(packA, pa, a, mc, kc, p.aRow, p.aColumn);
          const c = at(cColumn, ic, p.cRow);
          const from = select(add, at(add, ic, addRow), 0);
          f.call(macro, mc, nc, kc, pa, pb, c, p.cRow, from, addRow, tmp);
        });
        // From now on, sums are added to what C has.
        f.set(add, cColumn);
        f.set(addRow, p.cRow);
      });
    });
  });
}
