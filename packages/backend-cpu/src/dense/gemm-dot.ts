/** The way to multiply few rows or columns that are contiguous: every element of C is the dot product of two lines. */
import { type Expr, type Func, type FuncRef, type Local, load, type Module, op, when } from "../wasm/emitter.ts";
import { at, combine, type Element, type Int, loadScalar, type Scalar, sumLanes } from "./element.ts";
import { bySize, inSteps } from "./numbered.ts";
import { type Product, productParams, storeTotal } from "./product.ts";

// biome-ignore format: one line
const dotParams = ["k", "a", "aRow", "b", "bColumn", "c", "cRow", "cColumn", "add", "addRow", "addColumn"] as const;

/** A dot product is split into so many sums, whose additions do not wait for each other. */
const CHAINS = 4;

/** The sums of a tile, row by row. */
type Sums = readonly Local<"v128">[];

/** The lines of a tile, each from its first element that has not been multiplied yet. */
interface Lines {
  readonly e: Element;
  readonly columns: number;
  readonly k: Int;
  readonly a: Int;
  readonly b: Int;
  readonly row: (i: number) => Expr<"i32">;
  readonly column: (j: number) => Expr<"i32">;
  /** Locals for a vector of each row, and for one of a column. */
  readonly left: readonly Local<"v128">[];
  readonly right: Local<"v128">;
}

/** Adds a function that computes `rows` × `columns` elements of C; one or two rows. */
function dotMicro(m: Module, e: Element, rows: number, columns: number): FuncRef<typeof dotParams, undefined> {
  return m.inner(`dot${rows}x${columns}`, dotParams, (f, p) => {
    const together = Math.max(1, CHAINS / (rows * columns));
    const chains = Array.from({ length: together }, () => f.locals("v128", rows * columns));
    const offsets = Array.from({ length: columns - 1 }, (_, j) => f.let(op("i32.mul", p.bColumn, j + 1)));
    const row = (i: number) => (i === 0 ? p.a : op("i32.add", p.a, p.aRow));
    const column = (j: number) => (j === 0 ? p.b : op("i32.add", p.b, offsets[j - 1]!));
    const lines = { ...p, e, columns, row, column, left: f.locals("v128", rows), right: f.local("v128") };
    addVectors(f, lines, chains);
    if (together > 1) addVectors(f, lines, chains.slice(0, 1));
    const totals = joined(f, e, chains).map((sum) => f.let(sumLanes(e, sum)));
    addElements(f, lines, totals);
    forEachCell(totals, columns, (total, i, j) => storeTotal(f, p, [i, j], total));
  });
}

function forEachCell<T>(cells: readonly T[], columns: number, body: (cell: T, i: number, j: number) => void): void {
  for (const [n, cell] of cells.entries()) body(cell, Math.floor(n / columns), n % columns);
}

/** Writes the loop that adds a vector of each line to each chain, as long as the lines have that many left. */
function addVectors(f: Func, lines: Lines, chains: readonly Sums[]): void {
  const { e, columns, k, row, column, left, right } = lines;
  const count = chains.length * e.lanes;
  f.while(op("i32.ge_s", k, count), () => {
    for (const [step, sums] of chains.entries()) {
      for (const [i, vector] of left.entries()) f.set(vector, load("v128.load", row(i), 16 * step));
      for (let j = 0; j < columns; j++) {
        f.set(right, load("v128.load", column(j), 16 * step));
        for (const [i, vector] of left.entries()) {
          const sum = sums[i * columns + j]!;
          f.set(sum, f.madd(e.shape, vector, right, sum));
        }
      }
    }
    advance(f, lines, count);
  });
}

/** Adds up all chains, pairwise, into the first. */
function joined(f: Func, e: Element, chains: readonly Sums[]): Sums {
  for (let apart = chains.length / 2; apart >= 1; apart /= 2) {
    for (const [k, sums] of chains.slice(0, apart).entries()) {
      for (const [i, sum] of sums.entries()) f.set(sum, op(`${e.shape}.add`, sum, chains[k + apart]![i]!));
    }
  }
  return chains[0]!;
}

/** Adds the last elements of the lines, one by one. Each is loaded once: V8 would repeat what is written twice. */
function addElements(f: Func, lines: Lines, totals: readonly Local<Scalar["type"]>[]): void {
  const { e, columns, k, row, column } = lines;
  f.while(k, () => {
    const left = lines.left.map((_, i) => f.let(loadScalar(e.name, row(i))));
    for (let j = 0; j < columns; j++) {
      const right = f.let(loadScalar(e.name, column(j)));
      for (const [i, element] of left.entries()) {
        const total = totals[i * columns + j]!;
        f.set(total, combine(e.name, "add", total, combine(e.name, "mul", element, right)));
      }
    }
    advance(f, lines, 1);
  });
}

function advance(f: Func, { e, k, a, b }: Lines, elements: number): void {
  f.inc(a, elements * e.bytes);
  f.inc(b, elements * e.bytes);
  f.inc(k, -elements);
}

/**
 * Rows of A and columns of B must be contiguous; C may have any strides. If `depth` is not 0, B is too large for the
 * caches and its columns are read one after the other.
 */
export function dotProduct(m: Module, e: Element): Product {
  const strips = bySize([4, 2, 1], (columns) => bySize([2, 1], (rows) => dotMicro(m, e, rows, columns)));
  return m.inner("dots", productParams, (f, p) => {
    const [i, j] = [f.local("i32"), f.local("i32")];
    for (const [columns, micros] of strips) {
      const fits = op("i32.le_s", op("i32.add", j, columns), p.n);
      f.while(columns === 1 ? fits : op("i32.and", fits, op("i32.eqz", p.depth)), () => {
        inSteps(f, i, 0, p.m, micros, (micro) => {
          const c = at(at(p.c, i, p.cRow), j, p.cColumn);
          const add = when(p.add, at(at(p.add, i, p.addRow), j, p.addColumn), 0);
          const [a, b] = [at(p.a, i, p.aRow), at(p.b, j, p.bColumn)];
          f.call(micro, p.k, a, p.aRow, b, p.bColumn, c, p.cRow, p.cColumn, add, p.addRow, p.addColumn);
        });
        f.inc(j, columns);
      });
    }
  });
}
