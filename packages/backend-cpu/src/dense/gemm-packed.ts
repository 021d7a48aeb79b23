/**
 * The packed way: A and B are copied into panels that the micro kernel reads in order, so that every load hits the nearest
 * caches (the scheme of BLIS). A matrix of a batch is packed and multiplied by one thread, in its scratch area; for a big
 * one, all threads pack both sides once, and then all multiply (`gemm-panels.ts`).
 */
import { type FuncRef, type Local, load, type Module, type Operand, op, select, when } from "../wasm/emitter.ts";
import { at, ceilDiv, combine, type Element, loadScalar, min, shareOf, storeScalar } from "./element.ts";
import { type Micro, type PackParams, packedMicro, packer } from "./gemm-kernels.ts";
import { type Product, productParams } from "./product.ts";
import { type Tile, tilesFor } from "./tiles.ts";

/** Room for one tile. */
export const TILE_BYTES = 1024;

/** How much of k goes at a time: a panel of each side stays in the L1 cache. Every further time, C is read again. */
export function panelDepth(e: Element, { vectors }: Tile): number {
  return 4096 / (vectors * e.bytes);
}

/** What one thread packs at a time when all do: whole panels, see `tiles.ts`. */
export const PACK_ROWS = 60;
export const PACK_COLUMNS = 64;

/** What multiplication by panels is made of. */
interface Panels {
  readonly e: Element;
  readonly tile: Tile;
  readonly packA: FuncRef<PackParams, undefined>;
  readonly packB: FuncRef<PackParams, undefined>;
  readonly macro: FuncRef<typeof macroParams, undefined>;
}

/** The way for one thread; the module also gets the two functions for all threads. */
export function packedProduct(m: Module, e: Element): Product {
  const tile = tilesFor(m.options).wide;
  const columns = tile.vectors * e.lanes;
  const packA = packer(m, e, tile.rows);
  const packB = columns === tile.rows ? packA : packer(m, e, columns);
  const panels = { e, tile, packA, packB, macro: macroKernel(m, e, tile) };
  exportPack(m, panels);
  exportMultiply(m, panels);
  return productOf(m, panels);
}

/** Bytes of the next panel of B that are touched after each tile, so that it is near when its turn comes. */
const AHEAD = 512;

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
    const ahead = f.local("i32");
    const panel = f.let(op("i32.mul", p.k, columns * e.bytes));
    const end = f.let(op("i32.sub", at(p.pb, ceilDiv(p.n, columns), panel), AHEAD));
    f.for(j, 0, p.n, columns, () => {
      f.set(ahead, op("i32.add", p.pb, panel));
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
        f.if(op("i32.lt_u", ahead, end), () => {
          for (let line = 0; line < AHEAD; line += 64) f.drop(load("i32.load", ahead, line));
          f.inc(ahead, AHEAD);
        });
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

/** For each `depth` of k in turn, the panels of all lines follow each other. */
const packParams = ["k", "depth", "lines", "source", "line", "step", "panels", "first", "count"] as const;

/** `count` lines from the line `first` on, into their panels. */
function linePacker(
  m: Module,
  e: Element,
  width: number,
  pack: Panels["packA"],
): FuncRef<typeof packParams, undefined> {
  return m.inner(`lines${width}`, packParams, (f, p) => {
    const from = f.local("i32");
    const padded = f.let(op("i32.mul", ceilDiv(p.lines, width), width * e.bytes));
    f.for(from, 0, p.k, p.depth, () => {
      const depth = min(f, op("i32.sub", p.k, from), p.depth);
      const target = at(at(p.panels, from, padded), p.first, op("i32.mul", depth, e.bytes));
      f.call(pack, target, at(at(p.source, from, p.step), p.first, p.line), p.count, depth, p.line, p.step);
    });
  });
}

const sideParams = ["m", "n", "k", "depth", "a", "aRow", "aColumn", "b", "bRow", "bColumn", "pa", "pb"] as const;

/** `pack`: both sides into panels. */
function exportPack(m: Module, { e, tile, packA, packB }: Panels): void {
  const rows = linePacker(m, e, tile.rows, packA);
  const columns = linePacker(m, e, tile.vectors * e.lanes, packB);
  m.func("pack", ["chunk", "chunks", ...sideParams], (f, p) => {
    const rowUnits = f.let(ceilDiv(p.m, PACK_ROWS));
    const units = op("i32.add", rowUnits, ceilDiv(p.n, PACK_COLUMNS));
    const share = (index: Operand<"i32">, size: number, total: Local<"i32">) => {
      const first = f.let(op("i32.mul", index, size));
      return [first, min(f, op("i32.sub", total, first), size)] as const;
    };
    shareOf(f, p, units, (unit) => {
      f.if(
        op("i32.lt_u", unit, rowUnits),
        () => f.call(rows, p.k, p.depth, p.m, p.a, p.aRow, p.aColumn, p.pa, ...share(unit, PACK_ROWS, p.m)),
        () => {
          const index = op("i32.sub", unit, rowUnits);
          f.call(columns, p.k, p.depth, p.n, p.b, p.bColumn, p.bRow, p.pb, ...share(index, PACK_COLUMNS, p.n));
        },
      );
    });
  });
}

const panelParams = ["m", "n", "k", "depth", "pa", "pb", "c", "cRow", "add", "addRow"] as const;

/**
 * `multiply`: C from panels, by blocks of whole ones. Where k goes by in several steps, a block adds up in the scratch area
 * and is written with the last: its rows lie side by side there, while those of C may be so far apart that each needs a page
 * and they share the few places of one set of a cache.
 */
function exportMultiply(m: Module, { e, tile, macro }: Panels): void {
  const padded = (lines: Local<"i32">, width: number) => op("i32.mul", ceilDiv(lines, width), width * e.bytes);
  m.func("multiply", ["chunk", "chunks", "blockRows", "blockColumns", ...panelParams], (f, p) => {
    const gridColumns = f.let(ceilDiv(p.n, p.blockColumns));
    const [allA, allB] = [f.let(padded(p.m, tile.rows)), f.let(padded(p.n, tile.vectors * e.lanes))];
    const tmp = f.let(m.scratch());
    const pitch = f.let(op("i32.mul", p.blockColumns, e.bytes));
    const [from, addRow] = [f.local("i32"), f.local("i32")];
    shareOf(f, p, op("i32.mul", gridColumns, ceilDiv(p.m, p.blockRows)), (unit) => {
      const i = f.let(op("i32.mul", op("i32.div_u", unit, gridColumns), p.blockRows));
      const j = f.let(op("i32.mul", op("i32.rem_u", unit, gridColumns), p.blockColumns));
      const rows = min(f, op("i32.sub", p.m, i), p.blockRows);
      const columns = min(f, op("i32.sub", p.n, j), p.blockColumns);
      const c = at(at(p.c, i, p.cRow), j, e.bytes);
      const sums = f.let(op("i32.add", tmp, TILE_BYTES));
      const add = f.let(select(p.add, at(at(p.add, i, p.addRow), j, e.bytes), 0));
      f.set(addRow, p.addRow);
      f.for(from, 0, p.k, p.depth, () => {
        const rest = f.let(op("i32.sub", p.k, from));
        const depth = min(f, rest, p.depth);
        const bytes = f.let(op("i32.mul", depth, e.bytes));
        const [a, b] = [at(at(p.pa, from, allA), i, bytes), at(at(p.pb, from, allB), j, bytes)];
        const isLast = f.let(op("i32.eq", depth, rest));
        const [target, row] = [select(isLast, c, sums), select(isLast, p.cRow, pitch)];
        f.call(macro, rows, columns, depth, a, b, target, row, add, addRow, tmp);
        // From now on, sums are added to what there is.
        f.set(add, sums);
        f.set(addRow, pitch);
      });
    });
  });
}

/** C must have contiguous rows, and `add` too. */
function productOf(m: Module, { e, tile, packA, packB, macro }: Panels): Product {
  return m.inner("packed", productParams, (f, p) => {
    const tmp = f.let(m.scratch());
    const step = min(f, p.k, panelDepth(e, tile));
    const pa = f.let(op("i32.add", tmp, TILE_BYTES));
    const lines = op("i32.mul", ceilDiv(p.m, tile.rows), tile.rows);
    const pb = f.let(at(pa, lines, op("i32.mul", step, e.bytes)));
    f.while(p.k, () => {
      f.call(packA, pa, p.a, p.m, step, p.aRow, p.aColumn);
      f.call(packB, pb, p.b, p.n, step, p.bColumn, p.bRow);
      f.call(macro, p.m, p.n, step, pa, pb, p.c, p.cRow, p.add, p.addRow, tmp);
      f.set(p.a, at(p.a, step, p.aColumn));
      f.set(p.b, at(p.b, step, p.bRow));
      f.set(p.k, op("i32.sub", p.k, step));
      f.if(op("i32.lt_s", p.k, step), () => f.set(step, p.k));
      // From now on, sums are added to what C has.
      f.set(p.add, p.c);
      f.set(p.addRow, p.cRow);
    });
  });
}
