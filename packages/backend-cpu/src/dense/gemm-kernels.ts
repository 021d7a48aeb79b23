/**
 * Micro kernels of matrix multiplication. All strides are in bytes. If `add` is not 0, it is the address of what is
 * added to the product, with the row stride `addRow`: C itself to accumulate, or a row of biases (`addRow` is 0).
 *
 * A micro kernel contains a single loop over one step of k, calls nothing, and has as many vectors as V8 can keep in
 * registers, see `tiles.ts`.
 */
import { type Expr, type Func, type FuncRef, type Local, load, type Module, op } from "../wasm/emitter.ts";
import type { Element, Int } from "./element.ts";
import type { Tile } from "./tiles.ts";

type MicroParams = readonly ["a", "aEnd", "b", "c", "cRow", "add", "addRow"];
export type Micro = FuncRef<MicroParams, undefined>;

/**
 * C[rows × vectors] = add + A·B from packed panels. For each step of k ≥ 1 these hold `pitch` rows of A, of which the
 * first `tile.rows` are used, and `vectors` vectors of B.
 */
export function packedMicro(m: Module, e: Element, tile: Tile, pitch = tile.rows): Micro {
  const params = ["a", "aEnd", "b", "c", "cRow", "add", "addRow"] as const;
  return m.inner(`packed${tile.rows}x${tile.vectors}`, params, (f, { a, aEnd, b, c, cRow, add, addRow }) => {
    const { sums, multiply } = tileSums(f, e, tile);
    f.while(op("i32.ne", a, aEnd), () => {
      multiply(b, (i) => load(e.loadSplat, a, i * e.bytes));
      f.inc(a, pitch * e.bytes);
      f.inc(b, 16 * tile.vectors);
    });
    storeTile(f, e, { sums, vectors: tile.vectors, c, cRow, add, addRow });
  });
}

/** The sums of a tile, row by row, and `multiply`, which adds to each row the vectors at `b` times a factor. */
export function tileSums(f: Func, e: Element, { rows, vectors }: Tile) {
  const sums = f.locals("v128", rows * vectors);
  const row = f.locals("v128", vectors);
  const factor = f.local("v128");
  const multiply = (b: Int, factorOf: (row: number) => Expr<"v128">): void => {
    for (const [j, vector] of row.entries()) f.set(vector, load("v128.load", b, 16 * j));
    for (let i = 0; i < rows; i++) {
      f.set(factor, factorOf(i));
      for (const [j, vector] of row.entries()) {
        const sum = sums[i * vectors + j]!;
        f.set(sum, f.madd(e.shape, factor, vector, sum));
      }
    }
  };
  return { sums, multiply };
}

/**
 * The end of a micro kernel, in two separate branches with and without `add`. If a branch changed the sums before a
 * common end, V8 would not keep them in registers during the loop.
 */
export function storeTile(f: Func, e: Element, tile: FinishedTile): void {
  const { sums, vectors, c, cRow, add, addRow } = tile;
  const rows = (each: (sum: Local<"v128">, offset: number) => void, endOfRow: () => void): void => {
    for (const [s, sum] of sums.entries()) {
      each(sum, 16 * (s % vectors));
      if (s % vectors === vectors - 1 && s < sums.length - 1) endOfRow();
    }
  };
  const plain = (): void => {
    rows(
      (sum, offset) => f.store("v128.store", c, sum, offset),
      () => f.inc(c, cRow),
    );
  };
  const added = (): void => {
    rows(
      (sum, offset) => {
        const total = op(`${e.shape}.add`, sum, load("v128.load", add, offset));
        f.store("v128.store", c, total, offset);
      },
      () => {
        f.inc(c, cRow);
        f.inc(add, addRow);
      },
    );
  };
  f.if(add, added, plain);
}

interface FinishedTile {
  /** Row by row. */
  readonly sums: readonly Local<"v128">[];
  /** In a row. */
  readonly vectors: number;
  readonly c: Local<"i32">;
  readonly cRow: Local<"i32">;
  readonly add: Local<"i32">;
  readonly addRow: Local<"i32">;
}
