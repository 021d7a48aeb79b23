/** The ways without packing, for few rows or few operations: operands are read where they lie. */
import { type FuncRef, i32, load, type Module, type Operand, op, when } from "../wasm/emitter.ts";
import { at, combine, type Element, loadScalar, type ScalarName, storeScalar, sumLanes } from "./element.ts";
import { storeTile } from "./gemm-kernels.ts";
import { callByName, type Product, productParams } from "./product.ts";
import { type Tile, tilesFor } from "./tiles.ts";

const microParams = ["k", "a", "aRow", "aColumn", "b", "bRow", "c", "cRow", "add", "addRow"] as const;

/** A tile of C from contiguous rows of B. */
function directMicro(m: Module, e: Element, { rows, vectors }: Tile): FuncRef<typeof microParams, undefined> {
  return m.inner(`direct${rows}x${vectors}`, microParams, (f, p) => {
    const sums = f.locals("v128", rows * vectors);
    const row = f.locals("v128", vectors);
    const factor = f.local("v128");
    const offsets = Array.from({ length: rows - 1 }, (_, i) => f.let(op("i32.mul", p.aRow, i + 1)));
    f.while(p.k, () => {
      for (const [j, vector] of row.entries()) f.set(vector, load("v128.load", p.b, 16 * j));
      for (let i = 0; i < rows; i++) {
        f.set(factor, load(e.loadSplat, i === 0 ? p.a : op("i32.add", p.a, offsets[i - 1]!)));
        row.forEach((vector, j) => {
          const sum = sums[i * vectors + j]!;
          f.set(sum, f.madd(e.shape, factor, vector, sum));
        });
      }
      f.inc(p.a, p.aColumn);
      f.inc(p.b, p.bRow);
      f.inc(p.k, -1);
    });
    storeTile(f, e, { sums, vectors, c: p.c, cRow: p.cRow, add: p.add, addRow: p.addRow });
  });
}

const axpyParams = ["vectors", "aColumn", "a", "b", "bRow", "c"] as const;

/** Adds `steps` rows of B, each times its element of a row of A, to a row of C: reads B as it streams from memory. */
function axpyMicro(m: Module, e: Element, steps: number): FuncRef<typeof axpyParams, undefined> {
  return m.inner(`axpy${steps}`, axpyParams, (f, p) => {
    const factors = Array.from({ length: steps }, () => {
      const factor = f.let(load(e.loadSplat, p.a));
      f.inc(p.a, p.aColumn);
      return factor;
    });
    const offsets = Array.from({ length: steps - 1 }, (_, i) => f.let(op("i32.mul", p.bRow, i + 1)));
    const sum = f.local("v128");
    f.while(p.vectors, () => {
      f.set(sum, load("v128.load", p.c));
      for (const [i, factor] of factors.entries()) {
        const row = load("v128.load", i === 0 ? p.b : op("i32.add", p.b, offsets[i - 1]!));
        f.set(sum, f.madd(e.shape, factor, row, sum));
      }
      f.store("v128.store", p.c, sum);
      f.inc(p.b, 16);
      f.inc(p.c, 16);
      f.inc(p.vectors, -1);
    });
  });
}

/** One row of C after the other, for so few rows that B is read from memory for each operation. */
function rowByRow(m: Module, e: Element): Product {
  const micros = [4, 1].map((steps) => ({ steps, micro: axpyMicro(m, e, steps) }));
  return m.inner("rows", productParams, (f, p) => {
    const vectors = f.let(op("i32.div_u", p.n, e.lanes));
    const bytes = f.let(op("i32.shl", vectors, 4));
    const k = f.local("i32");
    f.range(p.m, () => {
      f.if(
        p.add,
        () => f.copy(p.c, p.add, bytes),
        () => f.fill(p.c, 0, bytes),
      );
      f.set(k, 0);
      for (const { steps, micro } of micros) {
        f.while(op("i32.le_s", op("i32.add", k, steps), p.k), () => {
          f.call(micro, vectors, p.aColumn, at(p.a, k, p.aColumn), at(p.b, k, p.bRow), p.bRow, p.c);
          f.inc(k, steps);
        });
      }
      f.inc(p.a, p.aRow);
      f.inc(p.c, p.cRow);
      f.if(p.add, () => f.inc(p.add, p.addRow));
    });
  });
}

/** A B of so many bytes stays near as it lies: then tiles of all rows are fastest, and packing gains nothing. */
export const CACHED_BYTES = 48 * 1024;

/** Rows of B, of C and of `add` are contiguous; `k` ≥ 1. */
export function directProduct(m: Module, e: Element, scalar: Product): Product {
  const { rows: high, vectors: widest } = tilesFor(m.options).wide;
  const rowwise = rowByRow(m, e);
  const strips = [4, 2, 1]
    .filter((vectors) => vectors <= widest)
    .map((vectors) => ({
      vectors,
      micros: [high, 4, 2, 1].map((rows) => directTile(m, e, { rows, vectors })),
    }));
  return m.inner("direct", productParams, (f, p) => {
    const i = f.local("i32");
    const cached = f.let(op("i32.le_u", op("i32.mul", p.n, p.k), CACHED_BYTES / e.bytes));
    const advance = (columns: Operand<"i32">): void => {
      const bytes = f.let(op("i32.mul", columns, e.bytes));
      f.inc(p.b, bytes);
      f.inc(p.c, bytes);
      f.if(p.add, () => f.inc(p.add, bytes));
      f.set(p.n, op("i32.sub", p.n, columns));
    };
    f.if(op("i32.lt_s", p.m, 4), () => {
      callByName(f, rowwise, p);
      advance(f.let(op("i32.and", p.n, -e.lanes)));
    });
    for (const { vectors, micros } of strips) {
      f.while(op("i32.ge_s", p.n, vectors * e.lanes), () => {
        f.set(i, 0);
        for (const { rows, micro } of micros) {
          const left = op("i32.le_s", op("i32.add", i, rows), p.m);
          f.while(rows === high ? op("i32.and", cached, left) : left, () => {
            const add = when(p.add, at(p.add, i, p.addRow), 0);
            const a = at(p.a, i, p.aRow);
            f.call(micro, p.k, a, p.aRow, p.aColumn, p.b, p.bRow, at(p.c, i, p.cRow), p.cRow, add, p.addRow);
            f.inc(i, rows);
          });
        }
        advance(i32(vectors * e.lanes));
      });
    }
    callByName(f, scalar, p);
  });
}

function directTile(m: Module, e: Element, tile: Tile) {
  return { rows: tile.rows, micro: directMicro(m, e, tile) };
}

// biome-ignore format: one line
const dotParams = ["k", "a", "aRow", "b", "bColumn", "c", "cRow", "cColumn", "add", "addRow", "addColumn"] as const;

/** `rows` × `columns` of C, one or two rows. */
function dotMicro(m: Module, e: Element, rows: number, columns: number): FuncRef<typeof dotParams, undefined> {
  return m.inner(`dot${rows}x${columns}`, dotParams, (f, p) => {
    const sums = Array.from({ length: rows }, () => f.locals("v128", columns));
    const offsets = Array.from({ length: columns - 1 }, (_, j) => f.let(op("i32.mul", p.bColumn, j + 1)));
    const a = (i: number) => (i === 0 ? p.a : op("i32.add", p.a, p.aRow));
    const b = (j: number) => (j === 0 ? p.b : op("i32.add", p.b, offsets[j - 1]!));
    const advance = (bytes: number): void => {
      f.inc(p.a, bytes);
      f.inc(p.b, bytes);
    };
    const left = f.locals("v128", rows);
    const right = f.local("v128");
    f.while(op("i32.ge_s", p.k, e.lanes), () => {
      for (const [i, vector] of left.entries()) f.set(vector, load("v128.load", a(i)));
      for (let j = 0; j < columns; j++) {
        f.set(right, load("v128.load", b(j)));
        for (const [i, vector] of left.entries()) {
          f.set(sums[i]![j]!, f.madd(e.shape, vector, right, sums[i]![j]!));
        }
      }
      advance(16);
      f.inc(p.k, -e.lanes);
    });
    const totals = sums.map((row) => row.map((sum) => f.let(sumLanes(e, sum))));
    f.while(p.k, () => {
      totals.forEach((row, i) => {
        row.forEach((total, j) => {
          const product = combine(e.name, "mul", loadScalar(e.name, a(i)), loadScalar(e.name, b(j)));
          f.set(total, combine(e.name, "add", total, product));
        });
      });
      advance(e.bytes);
      f.inc(p.k, -1);
    });
    totals.forEach((row, i) => {
      row.forEach((total, j) => {
        const add = at(at(p.add, i, p.addRow), j, p.addColumn);
        f.if(p.add, () => f.set(total, combine(e.name, "add", total, loadScalar(e.name, add))));
        storeScalar(f, e.name, at(at(p.c, i, p.cRow), j, p.cColumn), total);
      });
    });
  });
}

/** Rows of A and columns of B are contiguous; C may have any strides. */
export function dotProduct(m: Module, e: Element): Product {
  const strips = [4, 2, 1].map((columns) => ({
    columns,
    micros: [2, 1].map((rows) => ({ rows, micro: dotMicro(m, e, rows, columns) })),
  }));
  return m.inner("dots", productParams, (f, p) => {
    const i = f.local("i32");
    const j = f.local("i32");
    for (const { columns, micros } of strips) {
      f.while(op("i32.le_s", op("i32.add", j, columns), p.n), () => {
        f.set(i, 0);
        for (const { rows, micro } of micros) {
          f.while(op("i32.le_s", op("i32.add", i, rows), p.m), () => {
            const c = at(at(p.c, i, p.cRow), j, p.cColumn);
            const add = when(p.add, at(at(p.add, i, p.addRow), j, p.addColumn), 0);
            const [a, b] = [at(p.a, i, p.aRow), at(p.b, j, p.bColumn)];
            f.call(micro, p.k, a, p.aRow, b, p.bColumn, c, p.cRow, p.cColumn, add, p.addRow, p.addColumn);
            f.inc(i, rows);
          });
        }
        f.inc(j, columns);
      });
    }
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
        const add = at(at(p.add, i, p.addRow), j, p.addColumn);
        f.if(p.add, () => f.set(total, combine(name, "add", total, loadScalar(name, add))));
        storeScalar(f, name, at(at(p.c, i, p.cRow), j, p.cColumn), total);
      });
    });
  });
}
