/**
 * The packed way to multiply, after BLIS: A and B are first copied into panels that the micro kernel reads in order, so
 * that every load hits the nearest caches. A thread packs the rows that it multiplies into its scratch area, where they
 * stay in its L2 cache. Columns are packed by all threads together (`gemm-panels.ts`) or, in units that a thread
 * computes by itself, by that thread.
 */
import { type Expr, type Func, type FuncRef, i32, load, type Module, op, select, when } from "../wasm/emitter.ts";
import {
  at,
  ceilDiv,
  combine,
  type Element,
  type Int,
  loadScalar,
  min,
  partOf,
  shareOf,
  storeScalar,
} from "./element.ts";
import { type Micro, packedMicro } from "./gemm-kernels.ts";
import { type PackParams, packer } from "./packer.ts";
import { callByName, type Product, productParams } from "./product.ts";
import { type Tile, tilesFor } from "./tiles.ts";

/** Room for one tile, at the start of the scratch area. */
export const TILE_BYTES = 1024;
/** The columns that are packed at a time: whole panels, whose width follows from `tiles.ts`. */
export const PACK_COLUMNS = 64;

/** What the functions of this file share. */
interface Panels {
  readonly e: Element;
  readonly tile: Tile;
  /** Columns of a tile. */
  readonly columns: number;
  readonly packA: FuncRef<PackParams, undefined>;
  readonly packB: FuncRef<PackParams, undefined>;
}

/** Adds the way for one thread, and exports `pack` and `multiply` for all threads together. */
export function packedProduct(m: Module, e: Element): Product {
  const tile = tilesFor(m.options).wide;
  const columns = tile.vectors * e.lanes;
  const packA = packer(m, e, tile.rows);
  const panels = { e, tile, columns, packA, packB: columns === tile.rows ? packA : packer(m, e, columns) };
  const strip = stripKernel(m, panels);
  exportPack(m, panels);
  exportMultiply(m, panels, strip);
  return m.inner("packed", productParams, (f, p) => callByName(f, strip, { ...p, panels: i32(0) }));
}

const stripParams = [...productParams, "panels"] as const;
type Strip = FuncRef<typeof stripParams, undefined>;

/**
 * Multiplies a strip of rows. Rows of C and of `add` must be contiguous. The columns are in `panels`, for all of k, or
 * (`panels` is 0) they are packed here, so few at a time that they stay in the near caches until they are multiplied.
 *
 * If k takes several steps, sums stay in the scratch area, tile by tile, until the last step writes them to C. Rows of
 * C may be so far apart that each lies in a page of its own and all share one set of the cache, so C is touched only
 * once.
 */
function stripKernel(m: Module, panels: Panels): Strip {
  const { e, columns, packA, packB } = panels;
  const macro = macroKernel(m, panels);
  const width = columns * e.bytes;
  return m.inner("strip", stripParams, (f, p) => {
    const [from, pb] = [f.local("i32"), f.local("i32")];
    const { sums, sumColumn, pa, own } = placesOf(f, m, panels, p);
    const addColumn = f.let(i32(width));
    f.for(from, 0, p.k, p.depth, () => {
      const rest = f.let(op("i32.sub", p.k, from));
      const depth = min(f, rest, p.depth);
      const pitch = f.let(op("i32.mul", select(p.panels, p.k, depth), width));
      f.call(packA, pa, at(p.a, from, p.aColumn), p.m, depth, p.aRow, p.aColumn);
      const isLast = f.let(op("i32.eq", depth, rest));
      const cRow = f.let(select(isLast, p.cRow, width));
      const cColumn = f.let(select(isLast, i32(width), sumColumn));
      const to = { c: f.let(select(isLast, p.c, sums)), cColumn, add: f.let(p.add), addColumn };
      eachBlock(f, p, to, columns, (j, n) => {
        f.set(pb, at(p.panels, from, width));
        f.if(op("i32.eqz", p.panels), () => {
          f.set(pb, own);
          f.call(packB, own, at(at(p.b, from, p.bRow), j, p.bColumn), n, depth, p.bColumn, p.bRow);
        });
        f.call(macro, p.m, n, depth, pa, pb, pitch, to.c, cRow, cColumn, to.add, p.addRow, addColumn, m.scratch());
      });
      // All further steps add to the sums.
      f.set(p.add, sums);
      f.set(p.addRow, width);
      f.set(addColumn, sumColumn);
    });
  });
}

type StripLocals = { readonly [K in (typeof stripParams)[number]]: Int };

/**
 * The addresses of the parts of the scratch area: sums, packed rows (`pa`), and columns that are packed here (`own`).
 */
function placesOf(f: Func, m: Module, { e, tile, columns }: Panels, p: StripLocals) {
  const tall = f.let(op("i32.mul", ceilDiv(p.m, tile.rows), tile.rows));
  const sums = f.let(op("i32.add", m.scratch(), TILE_BYTES));
  const sumColumn = f.let(op("i32.mul", tall, columns * e.bytes));
  const pa = f.let(select(op("i32.lt_s", p.depth, p.k), at(sums, ceilDiv(p.n, columns), sumColumn), sums));
  const own = f.let(at(pa, tall, op("i32.mul", p.depth, e.bytes)));
  return { sums, sumColumn, pa, own };
}

/**
 * Where the sums of a block of columns go and what is added to them, each with the step to the next column of tiles.
 */
type Target = Readonly<Record<"c" | "cColumn" | "add" | "addColumn", Int>>;

/** Runs `body` for blocks of `n` columns from `j` on: all columns, or, if they are packed here, a few at a time. */
function eachBlock(f: Func, p: StripLocals, to: Target, columns: number, body: (j: Int, n: Int) => void): void {
  const j = f.local("i32");
  const across = f.let(select(p.panels, p.n, i32(PACK_COLUMNS)));
  const next = (column: Int) => op("i32.mul", column, PACK_COLUMNS / columns);
  f.for(j, 0, p.n, across, () => {
    body(j, min(f, op("i32.sub", p.n, j), across));
    f.inc(to.c, next(to.cColumn));
    f.set(to.add, select(to.add, op("i32.add", to.add, next(to.addColumn)), 0));
  });
}

// biome-ignore format: in groups
const macroParams = [
  "m", "n", "k", "pa", "pb", "pitch",
  "c", "cRow", "cColumn", "add", "addRow", "addColumn", "tmp",
] as const;

/**
 * Multiplies packed panels: A, m × k, at `pa`, with B, k × n, at `pb`, whose panels are `pitch` bytes apart. Columns of
 * tiles of C are `cColumn` bytes apart.
 */
function macroKernel(m: Module, { e, tile, columns }: Panels): FuncRef<typeof macroParams, undefined> {
  const { rows } = tile;
  const micro = packedMicro(m, e, tile);
  const edge = edgeTile(m, e, tile, micro);
  return m.inner("macro", macroParams, (f, p) => {
    const [i, j, a, aEnd, c, add, ahead, end] = f.locals("i32", 8) as [Int, Int, Int, Int, Int, Int, Int, Int];
    f.for(j, 0, p.n, columns, () => {
      const rest = f.let(op("i32.sub", p.n, j));
      const width = min(f, rest, columns);
      f.set(ahead, op("i32.add", p.pb, p.pitch));
      f.set(end, select(op("i32.gt_s", rest, columns), at(ahead, p.k, columns * e.bytes), 0));
      for (const [current, first] of [
        [aEnd, p.pa],
        [c, p.c],
        [add, p.add],
      ] as const)
        f.set(current, first);
      f.for(i, 0, p.m, rows, () => {
        const height = min(f, op("i32.sub", p.m, i), rows);
        f.set(a, aEnd);
        f.set(aEnd, at(a, p.k, rows * e.bytes));
        const args = [a, aEnd, p.pb, c, p.cRow, add, p.addRow] as const;
        f.if(
          op("i32.eq", op("i32.add", width, height), columns + rows),
          () => f.call(micro, ...args),
          () => f.call(edge, ...args, height, width, p.tmp),
        );
        touchAhead(f, ahead, end);
        f.set(c, at(c, rows, p.cRow));
        f.set(add, select(add, at(add, rows, p.addRow), 0));
      });
      f.inc(p.pb, p.pitch);
      f.inc(p.c, p.cColumn);
      f.set(p.add, select(p.add, op("i32.add", p.add, p.addColumn), 0));
    });
  });
}

/** After each tile so many bytes of the next panel of B are touched, so that it is in the cache when its turn comes. */
const AHEAD = 320;

function touchAhead(f: Func, ahead: Int, end: Int): void {
  f.if(op("i32.le_u", op("i32.add", ahead, AHEAD), end), () => {
    for (let line = 0; line < AHEAD; line += 64) f.drop(load("i32.load", ahead, line));
    f.inc(ahead, AHEAD);
  });
}

const edgeParams = ["a", "aEnd", "b", "c", "cRow", "add", "addRow", "height", "width", "tmp"] as const;

/** The height of smaller tiles for the lower end of C. Even fewer rows could not hide the latency of additions. */
const LOW = 4;

/** A tile that extends beyond C: computed into `tmp`, from which its `height` × `width` valid elements are copied. */
function edgeTile(m: Module, e: Element, tile: Tile, micro: Micro): FuncRef<typeof edgeParams, undefined> {
  const pitch = tile.vectors * 16;
  const low = packedMicro(m, e, { ...tile, rows: LOW }, tile.rows);
  return m.inner("edge", edgeParams, (f, p) => {
    const x = f.local("i32");
    const compute = (kernel: Micro) => f.call(kernel, p.a, p.aEnd, p.b, p.tmp, pitch, 0, 0);
    f.if(
      op("i32.le_u", p.height, LOW),
      () => compute(low),
      () => compute(micro),
    );
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

/** `pack`: the columns of B into panels. */
function exportPack(m: Module, { e, packB }: Panels): void {
  m.func("pack", ["chunk", "chunks", "n", "k", "b", "bRow", "bColumn", "panels"], (f, p) => {
    shareOf(f, p, ceilDiv(p.n, PACK_COLUMNS), (unit) => {
      const first = f.let(op("i32.mul", unit, PACK_COLUMNS));
      const count = min(f, op("i32.sub", p.n, first), PACK_COLUMNS);
      const target = at(p.panels, first, op("i32.mul", p.k, e.bytes));
      f.call(packB, target, at(p.b, first, p.bColumn), count, p.k, p.bColumn, p.bRow);
    });
  });
}

/** `multiply`: C in a grid of units, of whole tiles. */
function exportMultiply(m: Module, { e, tile, columns }: Panels, strip: Strip): void {
  m.func("multiply", ["chunk", "chunks", "gridRows", "gridColumns", ...stripParams], (f, p) => {
    const range = (total: Int, size: number, part: Expr<"i32">, parts: Int) => {
      const [first, end] = partOf(f, ceilDiv(total, size), part, parts);
      const start = f.let(op("i32.mul", first, size));
      return [start, op("i32.sub", min(f, op("i32.mul", end, size), total), start)] as const;
    };
    shareOf(f, p, op("i32.mul", p.gridRows, p.gridColumns), (unit) => {
      const [i, rows] = range(p.m, tile.rows, op("i32.div_u", unit, p.gridColumns), p.gridRows);
      const [j, width] = range(p.n, columns, op("i32.rem_u", unit, p.gridColumns), p.gridColumns);
      callByName(f, strip, {
        ...p,
        m: rows,
        n: width,
        a: at(p.a, i, p.aRow),
        panels: at(p.panels, j, op("i32.mul", p.k, e.bytes)),
        c: at(at(p.c, i, p.cRow), j, e.bytes),
        add: select(p.add, at(at(p.add, i, p.addRow), j, e.bytes), 0),
      });
    });
  });
}
