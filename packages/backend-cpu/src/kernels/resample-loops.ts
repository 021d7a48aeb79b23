/**
 * Weighted sums of rows, each of them a list of taps: rows of elements that lie side by side, or of what neighbouring
 * lines have at the same place, once they are turned. A task is one stage, or all stages over a few planes that stay in the caches.
 */
import {
  at,
  ceilDiv,
  combine,
  type Element,
  loadScalar,
  partOf,
  shareOf,
  min as smaller,
  storeScalar,
} from "../dense/element.ts";
import { turner } from "../dense/turned.ts";
import { type Func, type FuncRef, type Local, load, type Module, op, select } from "../wasm/emitter.ts";
import type { Arguments } from "../wasm/func.ts";

/** Bytes that lines which are turned together have at the same place: a line of the cache, which one sum takes. */
const PITCH = 64;
/** How many lines those are. */
export const linesOf = (bytes: number): number => PITCH / bytes;
/** Outputs of a line whose sums are turned back together. */
export const TILE = 64;
/** Vectors of a row that are summed together. */
const WIDE = 4;

const sumParams = ["x", "y", "tap", "weight", "end"] as const;
type Sum = FuncRef<typeof sumParams, undefined>;

/** What a stage is, in words: from where its tables lie, `bounds`, `taps` and `weights` are as many bytes away. */
export const stageWords = ["turned", "outer", "size", "count", "inner", "bounds", "taps", "weights", "to"] as const;
const walkParams = ["x", "y", "from", "to", "scratch", "stage", "outer"] as const;
type Walk = FuncRef<typeof walkParams, undefined>;
type Walks = readonly [rows: Walk, turned: Walk];

/** `stage`: units are rows of the output, or lines that are turned together; `planes`: they are a few planes. */
export function buildResample(m: Module, e: Element): void {
  const sums = [vectors(m, e, WIDE), vectors(m, e, 1), single(m, e)] as const;
  const walks = [rows(m, e, sums), turned(m, e, sums[0])] as const;
  addStage(m, walks);
  addPlanes(m, e, walks);
}

/** y[…] = Σ weight · (x + tap)[…] over some vectors. */
function vectors(m: Module, e: Element, count: number): Sum {
  return m.inner(`vectors${count}`, sumParams, (f, { x, y, tap, weight, end }) => {
    const sums = f.locals("v128", count);
    const row = f.local("i32");
    eachTap(f, e, tap, weight, end, (isFirst) => {
      const factor = f.let(load(e.loadSplat, weight));
      f.set(row, op("i32.add", x, load("i32.load", tap)));
      for (const [i, sum] of sums.entries()) {
        const value = load("v128.load", row, 16 * i);
        f.set(sum, isFirst ? op(`${e.shape}.mul`, value, factor) : f.madd(e.shape, value, factor, sum));
      }
    });
    for (const [i, sum] of sums.entries()) f.store("v128.store", y, sum, 16 * i);
  });
}

function single(m: Module, e: Element): Sum {
  return m.inner("single", sumParams, (f, { x, y, tap, weight, end }) => {
    const sum = f.local(e.name);
    eachTap(f, e, tap, weight, end, (isFirst) => {
      const value = loadScalar(e.name, op("i32.add", x, load("i32.load", tap)));
      const product = combine(e.name, "mul", value, loadScalar(e.name, weight));
      f.set(sum, (isFirst ? product : combine(e.name, "add", sum, product)) as never);
    });
    storeScalar(f, e.name, y, sum);
  });
}

/** The first is not added to anything: a sum that began with 0 would lose the sign of −0. */
function eachTap(
  f: Func,
  e: Element,
  tap: Local<"i32">,
  weight: Local<"i32">,
  end: Local<"i32">,
  body: (isFirst: boolean) => void,
): void {
  const step = (isFirst: boolean): void => {
    body(isFirst);
    f.inc(tap, 4);
    f.inc(weight, e.bytes);
  };
  f.if(op("i32.lt_u", tap, end), () => {
    step(true);
    f.while(op("i32.lt_u", tap, end), () => step(false));
  });
}

/** The words of a stage, and the taps of its outputs. */
function stageAt(f: Func, stage: Local<"i32">, e: { readonly bytes: number }) {
  const word = (name: (typeof stageWords)[number]) => load("i32.load", stage, 4 * stageWords.indexOf(name));
  const [size, count, inner] = [f.let(word("size")), f.let(word("count")), f.let(word("inner"))];
  const table = (name: "bounds" | "taps" | "weights") => f.let(op("i32.add", stage, word(name)));
  const [bounds, taps, weights] = [table("bounds"), table("taps"), table("weights")];
  const tapsOf = (index: Local<"i32">) => {
    const bound = (offset: number) => load("i32.load", at(bounds, index, 4), offset);
    return [at(taps, bound(0), 4), at(weights, bound(0), e.bytes), at(taps, bound(4), 4)] as const;
  };
  return { size, count, inner, tapsOf };
}

/** Rows of the output. */
function rows(m: Module, e: Element, sums: readonly [Sum, Sum, Sum]): Walk {
  return m.inner("rows", walkParams, (f, p) => {
    const { size, count, inner, tapsOf } = stageAt(f, p.stage, e);
    const bytes = f.let(op("i32.mul", inner, e.bytes));
    const column = f.local("i32");
    f.for(p.from, p.from, p.to, 1, () => {
      const outer = f.let(op("i32.div_u", p.from, count));
      const [tap, weight, end] = tapsOf(f.let(op("i32.sub", p.from, op("i32.mul", outer, count))));
      const taps = [f.let(tap), f.let(weight), f.let(end)] as const;
      const [x, y] = [f.let(at(p.x, op("i32.mul", outer, size), bytes)), f.let(at(p.y, p.from, bytes))];
      sumRow(f, e, sums, { x, y, taps, bytes, column });
    });
  });
}

interface Row {
  readonly x: Local<"i32">;
  readonly y: Local<"i32">;
  /** Its taps, their weights, and where the taps end. */
  readonly taps: readonly [Local<"i32">, Local<"i32">, Local<"i32">];
  readonly bytes: Local<"i32">;
  readonly column: Local<"i32">;
}

/** In the widest blocks that fit. */
function sumRow(f: Func, e: Element, [wide, narrow, single]: readonly [Sum, Sum, Sum], row: Row): void {
  f.block((done) => {
    for (const [sum, bytes] of [
      [wide, 16 * WIDE],
      [narrow, 16],
    ] as const) {
      f.if(op("i32.ge_u", row.bytes, bytes), () => {
        inBlocks(f, sum, bytes, row);
        f.br(done);
      });
    }
    inBlocks(f, single, e.bytes, row);
  });
}

/** The last block may overlap the one before. */
function inBlocks(f: Func, sum: Sum, bytes: number, { x, y, taps, bytes: rowBytes, column }: Row): void {
  const last = f.let(op("i32.sub", rowBytes, bytes));
  f.set(column, 0);
  f.while(op("i32.lt_u", column, rowBytes), () => {
    f.set(column, select(op("i32.lt_u", column, last), column, last));
    f.call(sum, op("i32.add", x, column), op("i32.add", y, column), ...taps);
    f.inc(column, bytes);
  });
}

/** Sums are turned back a tile at a time while they are near, four lines together, since lines may be far apart. */
function turned(m: Module, e: Element, sum: Sum): Walk {
  const turn = turner(m, e.bytes);
  const lineCount = linesOf(e.bytes);
  return m.inner("turned", walkParams, (f, p) => {
    const { size, count, tapsOf } = stageAt(f, p.stage, e);
    const sums = p.scratch;
    const lines = f.let(op("i32.add", sums, TILE * PITCH));
    const [lineBytes, sumBytes] = [f.let(op("i32.mul", size, e.bytes)), f.let(op("i32.mul", count, e.bytes))];
    const [tile, line] = [f.local("i32"), f.local("i32")];
    f.for(p.from, p.from, p.to, 1, () => {
      const first = f.let(op("i32.mul", p.from, lineCount));
      const height = smaller(f, op("i32.sub", p.outer, first), lineCount);
      f.call(turn, at(p.x, first, lineBytes), lines, lineBytes, PITCH, size, height);
      const y = f.let(at(p.y, first, sumBytes));
      f.for(tile, 0, count, TILE, () => {
        const width = smaller(f, op("i32.sub", count, tile), TILE);
        f.range(width, (i) => {
          f.call(sum, lines, at(sums, i, PITCH), ...tapsOf(f.let(op("i32.add", tile, i))));
        });
        f.for(line, 0, height, 4, () => {
          const to = at(at(y, line, sumBytes), tile, e.bytes);
          f.call(turn, at(sums, line, e.bytes), to, PITCH, sumBytes, smaller(f, op("i32.sub", height, line), 4), width);
        });
      });
    });
  });
}

/** Runs a stage as its first word says: over rows, or over lines. */
function walkStage(f: Func, [rows, turned]: Walks, args: Arguments<typeof walkParams>, stage: Local<"i32">) {
  f.if(
    load("i32.load", stage),
    () => f.call(turned, ...args),
    () => f.call(rows, ...args),
  );
}

function addStage(m: Module, walks: Walks): void {
  m.func("stage", ["chunk", "chunks", "units", "outer", "x", "y", "stage"], (f, p) => {
    const [from, to] = partOf(f, p.units, p.chunk, p.chunks);
    walkStage(f, walks, [p.x, p.y, from, to, m.scratch(), p.stage, p.outer], p.stage);
  });
}

/** `per` planes at a time go through all stages; in between they lie in the thread's scratch. */
function addPlanes(m: Module, e: Element, walks: Walks): void {
  const params = ["chunk", "chunks", "units", "per", "planes", "x", "y", "xPlane", "yPlane", "stages", "end"] as const;
  m.func("planes", params, (f, p) => {
    const scratch = f.let(m.scratch());
    const [stage, from, to, outer, units] = [0, 1, 2, 3, 4].map(() => f.local("i32")) as Local<"i32">[];
    shareOf(f, p, p.units, (unit) => {
      const first = f.let(op("i32.mul", unit, p.per));
      const planes = smaller(f, op("i32.sub", p.planes, first), p.per);
      f.set(from!, at(p.x, first, p.xPlane));
      f.for(stage!, p.stages, p.end, 4 * stageWords.length, () => {
        const word = (name: (typeof stageWords)[number]) => load("i32.load", stage!, 4 * stageWords.indexOf(name));
        const isLast = op("i32.eq", op("i32.add", stage!, 4 * stageWords.length), p.end);
        f.if(isLast, () => f.set(to!, at(p.y, first, p.yPlane)), () => f.set(to!, op("i32.add", scratch, word("to")))); // biome-ignore format: short
        f.set(outer!, op("i32.mul", planes, word("outer")));
        f.set(units!, op("i32.mul", outer!, word("count")));
        f.if(word("turned"), () => f.set(units!, ceilDiv(outer!, linesOf(e.bytes))));
        walkStage(f, walks, [from!, to!, 0, units!, scratch, stage!, outer!], stage!);
        f.set(from!, to!);
      });
    });
  });
}
