/** The ways to multiply without packing, for few rows or small products: operands are read where they lie. */
import {
  type Expr,
  type Func,
  type FuncRef,
  i32,
  load,
  type Module,
  op,
  select,
  splat,
  when,
} from "../wasm/emitter.ts";
import { at, combine, type Element, type Int, loadScalar, min, type ScalarName } from "./element.ts";
import { storeTile, tileSums } from "./gemm-kernels.ts";
import { bySize, dispatch, inSteps, type Numbered } from "./numbered.ts";
import { callByName, type Product, productParams, storeTotal } from "./product.ts";
import { type Tile, tilesFor } from "./tiles.ts";

const microParams = ["k", "a", "aRow", "aColumn", "b", "bRow", "c", "cRow", "add", "addRow"] as const;

/** A tile of C from contiguous rows of B. */
function directMicro(m: Module, e: Element, tile: Tile): FuncRef<typeof microParams, undefined> {
  const { rows, vectors } = tile;
  return m.inner(`direct${rows}x${vectors}`, microParams, (f, p) => {
    const { sums, multiply } = tileSums(f, e, tile);
    const offsets = Array.from({ length: rows - 1 }, (_, i) => f.let(op("i32.mul", p.aRow, i + 1)));
    f.while(p.k, () => {
      multiply(p.b, (i) => load(e.loadSplat, i === 0 ? p.a : op("i32.add", p.a, offsets[i - 1]!)));
      f.inc(p.a, p.aColumn);
      f.inc(p.b, p.bRow);
      f.inc(p.k, -1);
    });
    storeTile(f, e, { sums, vectors, c: p.c, cRow: p.cRow, add: p.add, addRow: p.addRow });
  });
}

const axpyParams = ["vectors", "a", "aRow", "aColumn", "b", "bRow", "c", "cRow"] as const;
type Axpy = FuncRef<typeof axpyParams, undefined>;

interface Rows {
  readonly rows: number;
  readonly steps: number;
  /** Whether C is overwritten instead of added to. */
  readonly begins: boolean;
}

/** Adds `steps` rows of B, each times its element of A, to `rows` rows of C. Reads B in the order of memory. */
function axpyMicro(m: Module, e: Element, { rows, steps, begins }: Rows): Axpy {
  return m.inner(`${begins ? "ax" : "axpy"}${rows}x${steps}`, axpyParams, (f, p) => {
    const factors = Array.from({ length: rows }, (_, i) => {
      const a = f.let(at(p.a, i, p.aRow));
      return Array.from({ length: steps }, (_, s) => f.let(load(e.loadSplat, at(a, s, p.aColumn))));
    });
    // Only the pointer into C moves; rows of B are found by their distance from it.
    const fromC = Array.from({ length: steps }, (_, s) => f.let(op("i32.sub", at(p.b, s, p.bRow), p.c)));
    const [sum, vectors] = [f.local("v128"), f.locals("v128", steps)];
    f.while(p.vectors, () => {
      for (const [s, vector] of vectors.entries()) f.set(vector, load("v128.load", op("i32.add", p.c, fromC[s]!)));
      for (const [i, row] of factors.entries()) {
        const c = i === 0 ? p.c : f.let(at(p.c, i, p.cRow));
        f.set(sum, begins ? splat(e.shape, 0) : load("v128.load", c));
        for (const [s, factor] of row.entries()) f.set(sum, f.madd(e.shape, factor, vectors[s]!, sum));
        f.store("v128.store", c, sum);
      }
      f.inc(p.c, 16);
      f.inc(p.vectors, -1);
    });
  });
}

/** A block of C with so many columns and rows stays in the nearest cache while rows of B are added to it. */
const BAND = 512;
const NEAR_ROWS = 16;
/** The scratch bytes of a thread for a block of C. */
export const nearBytes = (bytes: number): number => NEAR_ROWS * BAND * bytes;

/**
 * For products with few rows or few steps (small k), whose time goes into reading B or writing C. Takes a few rows of B
 * at a time, for all rows of a block of C. Unless k is small, the block is kept in the thread's own scratch area: in C
 * itself, prefetching would run into the neighbouring memory, which other threads write.
 */
function byRowsOfB(m: Module, e: Element): Product {
  const near = nearByRowsOfB(m, e);
  return m.inner("byRowsOfB", productParams, (f, p) => {
    const [i, j] = f.locals("i32", 2) as [Int, Int];
    const columns = f.let(op("i32.and", p.n, -e.lanes));
    const scratch = f.let(m.scratch());
    const short = f.let(op("i32.lt_s", p.k, SHORT));
    f.for(j, 0, columns, BAND, () => {
      const [n, b] = [min(f, op("i32.sub", columns, j), BAND), f.let(at(p.b, j, e.bytes))];
      const bytes = f.let(op("i32.mul", n, e.bytes));
      f.for(i, 0, p.m, NEAR_ROWS, () => {
        const c = f.let(at(at(p.c, i, p.cRow), j, e.bytes));
        const add = when(p.add, at(at(p.add, i, p.addRow), j, e.bytes), 0);
        const block = { ...p, m: min(f, op("i32.sub", p.m, i), NEAR_ROWS), n, a: at(p.a, i, p.aRow), b, add };
        const kept = { ...block, c: select(short, c, scratch), cRow: f.let(select(short, p.cRow, bytes)) };
        callByName(f, near, kept);
        f.if(op("i32.eqz", short), () => copyRows(f, { ...block, c, add: scratch, addRow: bytes }, bytes));
      });
    });
  });
}

/**
 * Multiplies a block, four steps at a time. If nothing is to be added, the first one to four steps overwrite C, so that
 * it need not be cleared first.
 */
function nearByRowsOfB(m: Module, e: Element): Product {
  const kernels = (most: readonly number[], begins: boolean) =>
    bySize(most, (steps) => bySize([2, 1], (rows) => axpyMicro(m, e, { rows, steps, begins })));
  const [begin, go] = [kernels([4, 3, 2, 1], true), kernels([4, 1], false)];
  return m.inner("near", productParams, (f, p) => {
    const [i, k] = f.locals("i32", 2) as [Int, Int];
    const vectors = f.let(op("i32.div_u", p.n, e.lanes));
    const multiply = (micros: Numbered<Axpy>): void => {
      const [a, b] = [f.let(at(p.a, k, p.aColumn)), f.let(at(p.b, k, p.bRow))];
      inSteps(f, i, 0, p.m, micros, (micro) => {
        f.call(micro, vectors, at(a, i, p.aRow), p.aRow, p.aColumn, b, p.bRow, at(p.c, i, p.cRow), p.cRow);
      });
    };
    const start = (): void => {
      const steps = f.let(op("i32.add", op("i32.and", op("i32.sub", p.k, 1), 3), 1));
      dispatch(f, steps, begin, multiply);
      f.set(k, steps);
    };
    f.if(p.add, () => copyRows(f, p, op("i32.mul", p.n, e.bytes)), start);
    inSteps(f, k, k, p.k, go, multiply);
  });
}

/** Copies what is to be added into all rows. */
function copyRows(
  f: Func,
  p: { readonly [K in "m" | "c" | "cRow" | "add" | "addRow"]: Expr<"i32"> },
  bytes: Expr<"i32">,
): void {
  const [to, from] = [f.let(p.c), f.let(p.add)];
  f.range(p.m, () => {
    f.copy(to, from, bytes);
    f.inc(to, p.cRow);
    f.inc(from, p.addRow);
  });
}

/** If B has at most so many bytes, it stays in the caches: tiles are fastest then, and packing gains nothing. */
export const CACHED_BYTES = 48 * 1024;
/** With fewer columns, going row by row of B takes too many calls. */
const NARROW = 96;
/** With fewer steps, writing C takes the most time, and dot products are slower than going row by row of B. */
export const SHORT = 8;
/**
 * Where V8 joins vectors, tiles are faster unless rows of B are so far apart that they compete for one set of the
 * cache.
 */
const FAR = 4096;

/** Chooses between both direct ways. Rows of B, of C and of `add` must be contiguous, and k ≥ 1. */
export function directProduct(m: Module, e: Element, scalar: Product): Product {
  const streamed = byRowsOfB(m, e);
  const tiled = tiledProduct(m, e);
  return m.inner("direct", productParams, (f, p) => {
    const cached = f.let(op("i32.le_u", op("i32.mul", p.n, p.k), CACHED_BYTES / e.bytes));
    const far = op("i32.ge_s", p.bRow, m.options.joined ? FAR : 0);
    const comes = op("i32.or", op("i32.eqz", cached), op("i32.lt_s", p.k, SHORT));
    const streams = op("i32.and", comes, op("i32.and", op("i32.ge_s", p.n, NARROW), far));
    f.if(
      op("i32.or", op("i32.lt_s", p.m, 4), streams),
      () => callByName(f, streamed, p),
      () => callByName(f, tiled, { ...p, depth: cached }),
    );
    const done = f.let(op("i32.and", p.n, -e.lanes));
    f.if(op("i32.lt_s", done, p.n), () => {
      const after = (start: Int): Expr<"i32"> => at(start, done, e.bytes);
      const rest = { n: op("i32.sub", p.n, done), b: after(p.b), c: after(p.c), add: when(p.add, after(p.add), 0) };
      callByName(f, scalar, { ...p, ...rest });
    });
  });
}

/**
 * Multiplies tile by tile: row after row of tiles if all of B stays in the caches (then `depth` is not 0), so that C is
 * written in the order of memory; otherwise column after column.
 */
function tiledProduct(m: Module, e: Element): Product {
  const { rows: high, vectors: widest } = tilesFor(m.options).wide;
  const widths = [4, 2, 1].filter((vectors) => vectors <= widest).map((vectors) => vectors * e.lanes);
  const micro = (rows: number, columns: number) => directMicro(m, e, { rows, vectors: columns / e.lanes });
  const heights = bySize([high, 4, 2, 1], (rows) => bySize(widths, (columns) => micro(rows, columns)));
  return m.inner("tiled", productParams, (f, p) => {
    const [i, j, first] = f.locals("i32", 3) as [Int, Int, Int];
    const strip = f.let(select(p.depth, p.n, i32(widest * e.lanes)));
    f.for(first, 0, p.n, strip, () => {
      const end = min(f, op("i32.add", first, strip), p.n);
      f.set(i, 0);
      for (const [rows, micros] of heights) {
        const left = op("i32.sub", p.m, i);
        const fits = op("i32.ge_s", left, rows);
        // Eight rows are better taken as twice four.
        f.while(rows === high ? op("i32.and", fits, op("i32.ne", left, 8)) : fits, () => {
          const [a, c] = [f.let(at(p.a, i, p.aRow)), f.let(at(p.c, i, p.cRow))];
          const add = f.let(at(p.add, i, p.addRow));
          inSteps(f, j, first, end, micros, (micro) => {
            const [b, to] = [at(p.b, j, e.bytes), at(c, j, e.bytes)];
            const from = when(p.add, at(add, j, e.bytes), 0);
            f.call(micro, p.k, a, p.aRow, p.aColumn, b, p.bRow, to, p.cRow, from, p.addRow);
          });
          f.inc(i, rows);
        });
      }
    });
  });
}

/** Any type, any strides, any size: one element of C at a time. */
export function scalarProduct(m: Module, name: ScalarName): Product {
  const zero = combine(name, "mul", 0, 0);
  return m.inner("scalars", productParams, (f, p) => {
    const total = f.local(name);
    const [i, j] = [f.local("i32"), f.local("i32")];
    f.for(i, 0, p.m, 1, () => {
      f.for(j, 0, p.n, 1, () => {
        const a = f.let(at(p.a, i, p.aRow));
        const b = f.let(at(p.b, j, p.bColumn));
        f.set(total, zero);
        f.range(p.k, () => {
          f.set(total, combine(name, "add", total, combine(name, "mul", loadScalar(name, a), loadScalar(name, b))));
          f.inc(a, p.aColumn);
          f.inc(b, p.bRow);
        });
        storeTotal(f, p, [i, j], total);
      });
    });
  });
}
