/**
 * The innermost kernels of a convolution. For a tile of output channels and neighbouring pixels, a loop over the taps
 * multiplies weights with pixels, which it loads through the table of the taps' offsets.
 */
import { type Expr, type Func, type FuncRef, load, type Module, type Operand, op, splat } from "../wasm/emitter.ts";
import { readPlan } from "./conv-plan.ts";
import { at, copyScalar, type Element, type Int, loadScalar, storeScalar } from "./element.ts";
import { tileSums } from "./gemm-kernels.ts";
import type { Tile } from "./tiles.ts";

/** Room for one tile, at the start of the scratch area. */
export const TILE_BYTES = 512;

const microParams = ["a", "taps", "tapsEnd", "b", "bias", "c", "cRow"] as const;
type Micro = FuncRef<typeof microParams, undefined>;

/** C[rows × vectors] = bias + Σ over taps of packed weights times the pixels at the tap. */
function gatherMicro(m: Module, e: Element, tile: Tile): Micro {
  const { rows, vectors } = tile;
  return m.inner(`gather${rows}x${vectors}`, microParams, (f, p) => {
    const { sums, multiply } = tileSums(f, e, tile);
    const at = f.local("i32");
    f.if(p.bias, () => {
      for (const [s, sum] of sums.entries()) {
        const first = sums[s - (s % vectors)]!;
        f.set(sum, s % vectors === 0 ? load(e.loadSplat, p.bias, (s / vectors) * e.bytes) : first);
      }
    });
    f.while(op("i32.ne", p.taps, p.tapsEnd), () => {
      f.set(at, op("i32.add", p.b, load("i32.load", p.taps)));
      multiply(at, (i) => load(e.loadSplat, p.a, i * e.bytes));
      f.inc(p.a, rows * e.bytes);
      f.inc(p.taps, 4);
    });
    for (const [s, sum] of sums.entries()) {
      f.store("v128.store", p.c, sum, 16 * (s % vectors));
      if (s % vectors === vectors - 1) f.inc(p.c, p.cRow);
    }
  });
}

/** The function that computes a tile, and the size of the tile in elements. */
interface Gather {
  readonly rows: number;
  readonly width: number;
  readonly micro: Micro;
}

const blockParams = ["plan", "w", "base", "bias", "c", "row", "rowsEnd"] as const;
export type BlockKernel = FuncRef<typeof blockParams, undefined>;

/** Adds a function that computes some rows of pixels of `rows` output channels. */
export function blockKernel(m: Module, e: Element, rows: number, rectify: Rectify | undefined): BlockKernel {
  const tile = (vectors: number): Gather => {
    return { rows, width: vectors * e.lanes, micro: gatherMicro(m, e, { rows, vectors }) };
  };
  const [wide, narrow] = [tile(2), tile(1)];
  return m.inner(`block${rows}`, blockParams, (f, q) => {
    const names = ["allTaps", "tapCount", "channels", "rows", "rowLength", "yChannel", "yRow"] as const;
    const p = readPlan(f, q.plan, ...names);
    const tapsEnd = f.let(at(p.allTaps, op("i32.mul", p.tapCount, p.channels), 4));
    const [b, x] = [f.local("i32"), f.local("i32")];
    const pixels = { ...q, ...p, e, tapsEnd, b, x, tmp: m.scratch() };
    f.for(q.row, q.row, q.rowsEnd, 1, () => {
      f.set(b, op("i32.add", q.base, load("i32.load", at(p.rows, q.row, 4))));
      f.set(x, 0);
      f.while(op("i32.le_s", op("i32.add", x, wide.width), p.rowLength), () => {
        gather(f, pixels, wide, x);
        f.inc(x, wide.width);
      });
      const rest = f.let(op("i32.sub", p.rowLength, x));
      f.if(
        op("i32.gt_s", rest, e.lanes),
        () => lastTile(f, pixels, wide, rest),
        () => f.if(rest, () => lastTile(f, pixels, narrow, rest)),
      );
      if (rectify) f.call(rectify, q.c, p.rowLength, p.yChannel, rows);
      f.inc(q.c, p.yRow);
    });
  });
}

/** A row of pixels of a block: where it is read and written, and the first pixel that has not been computed yet. */
type Pixels = {
  readonly [K in "w" | "allTaps" | "tapsEnd" | "b" | "bias" | "c" | "yChannel" | "rowLength" | "x"]: Int;
} & { readonly e: Element; readonly tmp: Expr<"i32"> };

/** Computes a tile of pixels from `x` on, into its place or into other memory. */
function gather(
  f: Func,
  pixels: Pixels,
  { micro }: Gather,
  x: Int,
  c = at(pixels.c, x, pixels.e.bytes),
  cRow: Operand<"i32"> = pixels.yChannel,
): void {
  const { e, w, allTaps, tapsEnd, b, bias } = pixels;
  f.call(micro, w, allTaps, tapsEnd, at(b, x, e.bytes), bias, c, cRow);
}

/**
 * The last `count` pixels of a row: by a tile that overlaps the one before or, if the row is too short, via scratch
 * memory.
 */
function lastTile(f: Func, pixels: Pixels, tile: Gather, count: Int): void {
  const start = f.let(op("i32.sub", pixels.rowLength, tile.width));
  f.if(
    op("i32.ge_s", start, 0),
    () => gather(f, pixels, tile, start),
    () => {
      const tmp = f.let(pixels.tmp);
      gather(f, pixels, tile, pixels.x, tmp, tile.width * pixels.e.bytes);
      copyOut(f, pixels, tile, tmp, count);
    },
  );
}

const rectifyParams = ["c", "length", "pitch", "rows"] as const;
export type Rectify = FuncRef<typeof rectifyParams, undefined>;

/**
 * Applies ReLU to rows that were just written. Inside the micro kernel it would cost registers, because V8 would load
 * all vectors first and add later.
 */
export function rectifier(m: Module, e: Element): Rectify {
  return m.inner("rectify", rectifyParams, (f, p) => {
    const x = f.local("i32");
    f.range(p.rows, () => {
      f.set(x, p.c);
      const end = f.let(at(p.c, p.length, e.bytes));
      for (const vectors of [4, 1]) {
        f.while(op("i32.ge_u", op("i32.sub", end, x), 16 * vectors), () => {
          for (let offset = 0; offset < 16 * vectors; offset += 16) {
            // Adding 0 turns -0 into 0.
            const largest = op(`${e.shape}.pmax`, load("v128.load", x, offset), splat(e.shape, 0));
            f.store("v128.store", x, op(`${e.shape}.add`, largest, splat(e.shape, 0)), offset);
          }
          f.inc(x, 16 * vectors);
        });
      }
      f.while(op("i32.lt_u", x, end), () => {
        storeScalar(f, e.name, x, op(`${e.name}.max`, loadScalar(e.name, x) as never, 0));
        f.inc(x, e.bytes);
      });
      f.inc(p.c, p.pitch);
    });
  });
}

/** The first `count` columns of a tile. */
function copyOut(f: Func, { e, c, yChannel }: Pixels, { rows, width }: Gather, from: Int, count: Int): void {
  const target = f.let(c);
  f.range(count, () => {
    const t = f.let(target);
    for (let i = 0; i < rows; i++) {
      copyScalar(f, e.name, t, from, 0, i * width * e.bytes);
      f.inc(t, yChannel);
    }
    f.inc(from, e.bytes);
    f.inc(target, e.bytes);
  });
}
