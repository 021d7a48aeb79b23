/** The ways without packing, for few rows or few operations: operands are read where they lie. */
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
  /** What C has does not count. */
  readonly begins: boolean;
}

/** Adds `steps` rows of B, each times its element of A, to `rows` rows of C, or of zeros: reads B as it streams from memory. */
function axpyMicro(m: Module, e: Element, { rows, steps, begins }: Rows): Axpy {
  return m.inner(`${begins ? "ax" : "axpy"}${rows}x${steps}`, axpyParams, (f, p) => {
    const factors = Array.from({ length: rows }, (_, i) => {
      const a = f.let(at(p.a, i, p.aRow));
      return Array.from({ length: steps }, (_, s) => f.let(load(e.loadSplat, at(a, s, p.aColumn))));
    });
    // All that lies elsewhere is found from the place in C, the only one that moves.
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

/** Columns of C whose rows stay in the nearest cache while B goes by. */
const BAND = 512;
/** Rows of C that do so, too. */
const NEAR_ROWS = 16;
/** What a thread keeps of C. */
export const nearBytes = (bytes: number): number => NEAR_ROWS * BAND * bytes;

/**
 * For few rows, where B is read from memory for each operation, or few steps, where C is written so: a few rows of B at a
 * time, for all rows of C that are near. What goes by often is kept in the thread's own memory: caches fetch ahead what lies
 * behind it in C, which other threads write.
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

/** Four steps at a time. Where nothing is added to, the first one to four write C anew, so that it is not cleared before. */
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

/** Puts what is added into all rows. */
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

/** A B of so many bytes stays near as it lies: then tiles of all rows are fastest, and packing gains nothing. */
export const CACHED_BYTES = 48 * 1024;
/** With fewer columns, reading rows of B as they lie takes too many calls. */
const NARROW = 96;
/** With fewer steps, writing C takes longest; dots of so few are slower than reading B row by row. */
export const SHORT = 8;
/** Where V8 joins vectors, tiles are faster unless rows of B are so far apart that they share a few places of the caches. */
const FAR = 4096;

/** Rows of B, of C and of `add` are contiguous; `k` ≥ 1. */
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
 * Row after row of tiles where all of B is near, which `depth` tells, so that C is written as it lies. Else column after
 * column.
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
        // Eight rows are twice four.
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
