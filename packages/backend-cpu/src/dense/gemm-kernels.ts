/**
 * The pieces of matrix multiplication. All strides are in bytes. A sum is added to, if `add` is not 0, the element at
 * `add` with row stride `addRow`: that is C itself to accumulate, or one row of biases with `addRow` 0.
 *
 * The micro kernels are leaf functions with one single-step loop and as many live vectors as V8 allocates without
 * spilling, see `tiles.ts`.
 */
import { type Expr, type Func, type FuncRef, type Local, load, type Module, op, shuffle } from "../wasm/emitter.ts";
import { at, type Element, loadScalar, storeScalar } from "./element.ts";
import type { Tile } from "./tiles.ts";

type MicroParams = readonly ["a", "aEnd", "b", "c", "cRow", "add", "addRow"];
export type Micro = FuncRef<MicroParams, undefined>;

/**
 * C[rows × vectors] = add + A·B from packed panels: `pitch` rows of A, of which the first ones count, and `vectors` of B
 * follow each other for every k ≥ 1.
 */
export function packedMicro(m: Module, e: Element, { rows, vectors }: Tile, pitch = rows): Micro {
  const params = ["a", "aEnd", "b", "c", "cRow", "add", "addRow"] as const;
  return m.inner(`packed${rows}x${vectors}`, params, (f, { a, aEnd, b, c, cRow, add, addRow }) => {
    const sums = f.locals("v128", rows * vectors);
    const row = f.locals("v128", vectors);
    const factor = f.local("v128");
    f.while(op("i32.ne", a, aEnd), () => {
      for (const [j, vector] of row.entries()) f.set(vector, load("v128.load", b, 16 * j));
      for (let i = 0; i < rows; i++) {
        f.set(factor, load(e.loadSplat, a, i * e.bytes));
        row.forEach((vector, j) => {
          const sum = sums[i * vectors + j]!;
          f.set(sum, f.madd(e.shape, factor, vector, sum));
        });
      }
      f.inc(a, pitch * e.bytes);
      f.inc(b, 16 * vectors);
    });
    storeTile(f, e, { sums, vectors, c, cRow, add, addRow });
  });
}

/** The end of a micro kernel. Two branches: sums that were changed in one of them would not stay in registers before. */
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

/** Steps of many lines that are copied at a time: rows a power of two apart share the few places of one set of a cache. */
const STEPS = 8;

/**
 * Packs `n` lines of `count` elements into panels of `width` lines, interleaved: the first elements of all lines, then
 * the second ones. `line` is the stride from line to line, `step` along a line. The last panel is filled with zeros.
 */
export function packer(m: Module, e: Element, width: number): FuncRef<PackParams, undefined> {
  return m.inner(`pack${width}`, packParams, (f, { target, source, n, count, line, step }) => {
    const { name, bytes, lanes } = e;
    const first = f.local("i32");
    const k = f.local("i32");
    const s = f.local("i32");
    const full = f.local("i32");
    const ready = f.local("i32");

    /** Lines lie side by side: whole vectors, the last of which overlaps where they do not fill the width. */
    const starts = Array.from(
      { length: Math.ceil(width / lanes) },
      (_, j) => Math.min(j * lanes, width - lanes) * bytes,
    );
    const copyStep = (to: Local<"i32">, from: Local<"i32">, offset: number): void => {
      for (const start of starts) f.store("v128.store", to, load("v128.load", from, start), offset + start);
      f.inc(from, step);
    };
    /** Few steps of all whole panels, then the next few: a cache line is used up before others push it out. */
    const copySteps = (): void => {
      const [to, from] = [f.local("i32"), f.local("i32")];
      const end = f.let(op("i32.sub", n, width - 1));
      f.set(ready, op("i32.and", count, -STEPS));
      f.for(k, 0, ready, STEPS, () => {
        f.set(to, at(target, k, width * bytes));
        f.set(s, at(source, k, step));
        f.for(first, 0, end, width, () => {
          f.set(from, s);
          for (let i = 0; i < STEPS; i++) copyStep(to, from, i * width * bytes);
          f.inc(to, op("i32.mul", count, width * bytes));
          f.inc(s, width * bytes);
        });
      });
    };
    const copyRest = (): void => {
      f.set(s, at(s, ready, step));
      f.set(target, at(target, ready, width * bytes));
      f.for(k, ready, count, 1, () => {
        copyStep(target, s, 0);
        f.inc(target, width * bytes);
      });
    };
    /** Elements of a line lie side by side: `lanes` steps of all lines at once, transposed. */
    const transpose = (): void => {
      f.set(full, op("i32.and", count, -lanes));
      f.for(k, 0, full, lanes, () => {
        const p = f.let(s);
        for (let j = 0; j < width; j += lanes) {
          const group = Math.min(lanes, width - j);
          const vectors = Array.from({ length: group }, () => {
            const vector = f.let(load("v128.load", p));
            f.inc(p, line);
            return vector;
          });
          if (group === lanes) {
            for (const [i, v] of transposed(f, vectors).entries()) {
              f.store("v128.store", target, v, (i * width + j) * bytes);
            }
          } else if (group === 2) {
            storePairs(f, target, vectors, { offset: j * bytes, pitch: width * bytes });
          } else {
            vectors.forEach((vector, row) => {
              for (let i = 0; i < lanes; i++)
                f.storeLane(e.storeLane, target, vector, i, (i * width + j + row) * bytes);
            });
          }
        }
        f.inc(target, lanes * width * bytes);
        f.inc(s, 16);
      });
    };
    const scalars = (): void => {
      f.while(op("i32.lt_s", k, count), () => {
        const p = f.let(s);
        for (let j = 0; j < width; j++) {
          storeScalar(f, name, target, loadScalar(name, p), j * bytes);
          if (j < width - 1) f.inc(p, line);
        }
        f.inc(target, width * bytes);
        f.inc(s, step);
        f.inc(k, 1);
      });
    };
    const zeros = (from: Local<"i32">): void => {
      f.fill(target, 0, op("i32.mul", count, width * bytes));
      f.for(k, 0, count, 1, () => {
        const p = f.let(s);
        const t = f.let(target);
        f.range(from, () => {
          storeScalar(f, name, t, loadScalar(name, p));
          f.inc(t, bytes);
          f.inc(p, line);
        });
        f.inc(target, width * bytes);
        f.inc(s, step);
      });
    };

    if (width >= lanes) f.if(op("i32.eq", line, bytes), copySteps);
    f.for(first, 0, n, width, () => {
      f.set(s, at(source, first, line));
      f.set(k, 0);
      const rest = f.let(op("i32.sub", n, first));
      f.if(
        op("i32.lt_s", rest, width),
        () => zeros(rest),
        () => {
          if (width >= lanes) f.if(op("i32.eq", line, bytes), copyRest);
          f.if(op("i32.and", op("i32.eq", step, bytes), op("i32.eqz", k)), transpose);
          scalars();
        },
      );
    });
  });
}

const packParams = ["target", "source", "n", "count", "line", "step"] as const;
export type PackParams = typeof packParams;

/** A square of lanes, transposed. */
function transposed(f: Func, rows: readonly Local<"v128">[]): Expr<"v128">[] {
  const [a, b, c, d] = rows as [Local<"v128">, Local<"v128">, Local<"v128">, Local<"v128">];
  if (rows.length === 2) return [shuffle(a, b, [0, 2]), shuffle(a, b, [1, 3])];
  const interleaved = [
    [0, 4, 1, 5],
    [2, 6, 3, 7],
  ].map((lanes) => [f.let(shuffle(a, b, lanes)), f.let(shuffle(c, d, lanes))]);
  return interleaved.flatMap(([x, y]) => [shuffle(x!, y!, [0, 1, 4, 5]), shuffle(x!, y!, [2, 3, 6, 7])]);
}

/** Two rows of four elements, transposed: pairs, `pitch` bytes apart. */
function storePairs(
  f: Func,
  target: Local<"i32">,
  rows: readonly Local<"v128">[],
  { offset, pitch }: { readonly offset: number; readonly pitch: number },
): void {
  const [a, b] = rows as [Local<"v128">, Local<"v128">];
  for (const [half, lanes] of [
    [0, 4, 1, 5],
    [2, 6, 3, 7],
  ].entries()) {
    const pairs = f.let(shuffle(a, b, lanes));
    for (const i of [0, 1]) f.storeLane("v128.store64_lane", target, pairs, i, offset + (2 * half + i) * pitch);
  }
}
