/**
 * Weighted sums of rows, each of them a list of taps: rows of elements that lie side by side, or of what sixteen lines have
 * at the same place, once they are turned.
 */
import {
  at,
  combine,
  type Element,
  type Int,
  loadScalar,
  shareOf,
  min as smaller,
  storeScalar,
} from "../dense/element.ts";
import { turner } from "../dense/turned.ts";
import { type FuncRef, load, type Module, op, select } from "../wasm/emitter.ts";

/** Lines that are turned together. */
export const LINES = 16;
/** Outputs of a line whose sums are turned back together. */
export const TILE = 64;
/** Vectors of a row that are summed together. */
const WIDE = 4;

const sumParams = ["x", "y", "tap", "weight", "end"] as const;
type Sum = FuncRef<typeof sumParams, undefined>;

// biome-ignore format: by meaning
const params = [
  "chunk", "chunks", "units", "outer", "size", "count", "inner", "x", "y", "bounds", "taps", "weights",
] as const;
type Params = { readonly [K in (typeof params)[number]]: Int };

/** `rows`: units are rows of the output; `turned`: sixteen lines each. */
export function buildResample(m: Module, e: Element): void {
  const sums = [vectors(m, e, WIDE), vectors(m, e, 1), single(m, e)] as const;
  addRows(m, e, sums);
  if (e.name === "f32") addTurned(m, sums[0]);
}

/** y[…] = Σ weight · (x + tap)[…] over some vectors. */
function vectors(m: Module, e: Element, count: number): Sum {
  return m.inner(`vectors${count}`, sumParams, (f, { x, y, tap, weight, end }) => {
    const sums = f.locals("v128", count);
    const row = f.local("i32");
    const step = (isFirst: boolean): void => {
      const factor = f.let(load(e.loadSplat, weight));
      f.set(row, op("i32.add", x, load("i32.load", tap)));
      for (const [i, sum] of sums.entries()) {
        const value = load("v128.load", row, 16 * i);
        f.set(sum, isFirst ? op(`${e.shape}.mul`, value, factor) : f.madd(e.shape, value, factor, sum));
      }
      f.inc(tap, 4);
      f.inc(weight, e.bytes);
    };
    f.if(op("i32.lt_u", tap, end), () => {
      step(true);
      f.while(op("i32.lt_u", tap, end), () => step(false));
    });
    for (const [i, sum] of sums.entries()) f.store("v128.store", y, sum, 16 * i);
  });
}

function single(m: Module, e: Element): Sum {
  return m.inner("single", sumParams, (f, { x, y, tap, weight, end }) => {
    const sum = f.local(e.name);
    const product = () =>
      combine(e.name, "mul", loadScalar(e.name, op("i32.add", x, load("i32.load", tap))), loadScalar(e.name, weight));
    const next = (): void => {
      f.inc(tap, 4);
      f.inc(weight, e.bytes);
    };
    f.if(op("i32.lt_u", tap, end), () => {
      f.set(sum, product() as never);
      next();
      f.while(op("i32.lt_u", tap, end), () => {
        f.set(sum, combine(e.name, "add", sum, product()) as never);
        next();
      });
    });
    storeScalar(f, e.name, y, sum);
  });
}

/** The addresses of an output's first tap and weight, and of the first tap that is not its own. */
function tapsOf(p: Params, e: { readonly bytes: number }, index: Int) {
  const bound = (offset: number) => load("i32.load", at(p.bounds, index, 4), offset);
  return [at(p.taps, bound(0), 4), at(p.weights, bound(0), e.bytes), at(p.taps, bound(4), 4)] as const;
}

/** Blocks of a row; the last of them may overlap the one before. */
function addRows(m: Module, e: Element, [wide, narrow, single]: readonly [Sum, Sum, Sum]): void {
  m.func("rows", params, (f, p) => {
    const rowBytes = f.let(op("i32.mul", p.inner, e.bytes));
    const column = f.local("i32");
    shareOf(f, p, p.units, (unit) => {
      const outer = f.let(op("i32.div_u", unit, p.count));
      const [tap, weight, end] = tapsOf(p, e, f.let(op("i32.sub", unit, op("i32.mul", outer, p.count))));
      const own = [f.let(tap), f.let(weight), f.let(end)] as const;
      const [x, y] = [f.let(at(p.x, op("i32.mul", outer, p.size), rowBytes)), f.let(at(p.y, unit, rowBytes))];
      const blocks = (sum: Sum, bytes: number): void => {
        f.set(column, 0);
        f.while(op("i32.lt_u", column, rowBytes), () => {
          const last = f.let(op("i32.sub", rowBytes, bytes));
          f.set(column, select(op("i32.lt_u", column, last), column, last));
          f.call(sum, op("i32.add", x, column), op("i32.add", y, column), ...own);
          f.inc(column, bytes);
        });
      };
      const short = (): void => f.if(op("i32.ge_u", rowBytes, 16), () => blocks(narrow, 16), () => blocks(single, e.bytes)); // biome-ignore format: short
      f.if(op("i32.ge_u", rowBytes, 16 * WIDE), () => blocks(wide, 16 * WIDE), short);
    });
  });
}

/** Sums are turned back a tile at a time while they are near, four lines together, since lines may be far apart. */
function addTurned(m: Module, sum: Sum): void {
  const turn = turner(m);
  const pitch = 4 * LINES;
  m.func("turned", params, (f, p) => {
    const sums = f.let(m.scratch());
    const lines = f.let(op("i32.add", sums, TILE * pitch));
    const [lineBytes, sumBytes] = [f.let(op("i32.mul", p.size, 4)), f.let(op("i32.mul", p.count, 4))];
    const [tile, line] = [f.local("i32"), f.local("i32")];
    shareOf(f, p, p.units, (unit) => {
      const first = f.let(op("i32.mul", unit, LINES));
      const height = smaller(f, op("i32.sub", p.outer, first), LINES);
      f.call(turn, at(p.x, first, lineBytes), lines, lineBytes, pitch, p.size, height);
      const y = f.let(at(p.y, first, sumBytes));
      f.for(tile, 0, p.count, TILE, () => {
        const width = smaller(f, op("i32.sub", p.count, tile), TILE);
        f.range(width, (i) => {
          const taps = tapsOf(p, { bytes: 4 }, f.let(op("i32.add", tile, i)));
          f.call(sum, lines, at(sums, i, pitch), ...taps);
        });
        f.for(line, 0, height, 4, () => {
          const to = at(at(y, line, sumBytes), tile, 4);
          f.call(turn, at(sums, line, 4), to, pitch, sumBytes, smaller(f, op("i32.sub", height, line), 4), width);
        });
      });
    });
  });
}
