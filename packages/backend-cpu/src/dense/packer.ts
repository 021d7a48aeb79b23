/** Copies lines of a matrix, rows of the left side or columns of the right one, into the panels that micro kernels read. */
import { type Expr, type Func, type FuncRef, type Local, load, type Module, op, shuffle } from "../wasm/emitter.ts";
import { at, copyScalar, type Element, type Int } from "./element.ts";

const packParams = ["target", "source", "n", "count", "line", "step"] as const;
export type PackParams = typeof packParams;

/** What a packer was called with, and where it is. */
interface Packing extends Readonly<Record<PackParams[number], Int>> {
  readonly e: Element;
  /** Lines in a panel, and the bytes of one step of them. */
  readonly width: number;
  readonly pitch: number;
  /** The first line of the panel. */
  readonly first: Int;
  /** The next step, and where the first line has it. */
  readonly k: Int;
  readonly s: Int;
  /** The number of steps of each panel that are transposed; the number of steps that are copied in all panels first. */
  readonly full: Int;
  readonly ready: Int;
}

/**
 * Packs `n` lines of `count` elements into panels of `width` lines, interleaved: the first elements of all lines, then
 * the second ones. `line` is the stride from line to line, `step` along a line. The last panel is filled with zeros.
 */
export function packer(m: Module, e: Element, width: number): FuncRef<PackParams, undefined> {
  return m.inner(`pack${width}`, packParams, (f, p) => {
    const [first, k, s, full, ready] = f.locals("i32", 5) as [Int, Int, Int, Int, Int];
    const packing = { ...p, e, width, pitch: width * e.bytes, first, k, s, full, ready };
    const ifSideBySide = (copy: (f: Func, packing: Packing) => void): void => {
      if (width >= e.lanes) f.if(op("i32.eq", p.line, e.bytes), () => copy(f, packing));
    };
    ifSideBySide(copySteps);
    f.for(first, 0, p.n, width, () => {
      f.set(s, at(p.source, first, p.line));
      f.set(k, 0);
      const rest = f.let(op("i32.sub", p.n, first));
      f.if(
        op("i32.lt_s", rest, width),
        () => packFewer(f, packing, rest),
        () => {
          ifSideBySide(copyRest);
          const inLine = op("i32.and", op("i32.eq", p.step, e.bytes), op("i32.eqz", k));
          f.if(inLine, () => transposeSteps(f, packing));
          packSteps(f, packing);
        },
      );
    });
  });
}

/** So many steps are copied at a time, since rows that are a power of two apart compete for one set of the cache. */
const STEPS = 8;

/**
 * Copies lines that lie side by side: a few steps of all whole panels, then the next few steps. So a cache line is used
 * up before others evict it.
 */
function copySteps(f: Func, packing: Packing): void {
  const { target, source, n, count, step, width, pitch, first, k, s, ready } = packing;
  const [to, from] = [f.local("i32"), f.local("i32")];
  const end = f.let(op("i32.sub", n, width - 1));
  f.set(ready, op("i32.and", count, -STEPS));
  f.for(k, 0, ready, STEPS, () => {
    f.set(to, at(target, k, pitch));
    f.set(s, at(source, k, step));
    f.for(first, 0, end, width, () => {
      f.set(from, s);
      for (let i = 0; i < STEPS; i++) copyStep(f, packing, to, from, i * pitch);
      f.inc(to, op("i32.mul", count, pitch));
      f.inc(s, pitch);
    });
  });
}

/** Copies the steps of one panel that `copySteps` has left. */
function copyRest(f: Func, packing: Packing): void {
  const { target, count, step, pitch, k, s, ready } = packing;
  f.set(s, at(s, ready, step));
  f.set(target, at(target, ready, pitch));
  f.for(k, ready, count, 1, () => {
    copyStep(f, packing, target, s, 0);
    f.inc(target, pitch);
  });
}

/** Copies one step of a panel in whole vectors. If these do not fit the width, the last one overlaps the one before. */
function copyStep(f: Func, { e, width, step }: Packing, to: Int, from: Int, offset: number): void {
  for (let j = 0; j < width; j += e.lanes) {
    const start = Math.min(j, width - e.lanes) * e.bytes;
    f.store("v128.store", to, load("v128.load", from, start), offset + start);
  }
  f.inc(from, step);
}

/** Packs lines whose elements are contiguous: transposes `lanes` steps of all lines of a panel at a time. */
function transposeSteps(f: Func, { e, width, pitch, target, count, line, k, s, full }: Packing): void {
  f.set(full, op("i32.and", count, -e.lanes));
  f.for(k, 0, full, e.lanes, () => {
    const from = f.let(s);
    for (let j = 0; j < width; j += e.lanes) {
      const rows = Array.from({ length: Math.min(e.lanes, width - j) }, () => {
        const row = f.let(load("v128.load", from));
        f.inc(from, line);
        return row;
      });
      storeTransposed(f, e, target, rows, { offset: j * e.bytes, pitch });
    }
    f.inc(target, e.lanes * pitch);
    f.inc(s, 16);
  });
}

/** Packs lines with any strides, one element of each line at a time. */
function packSteps(f: Func, { e, width, pitch, target, count, line, step, k, s }: Packing): void {
  f.while(op("i32.lt_s", k, count), () => {
    const from = f.let(s);
    for (let j = 0; j < width; j++) {
      copyScalar(f, e.name, target, from, j * e.bytes);
      if (j < width - 1) f.inc(from, line);
    }
    f.inc(target, pitch);
    f.inc(s, step);
    f.inc(k, 1);
  });
}

/** Packs a last panel with fewer lines, with zeros in place of the others. */
function packFewer(f: Func, { e, pitch, target, count, line, step, k, s }: Packing, lines: Int): void {
  f.fill(target, 0, op("i32.mul", count, pitch));
  f.for(k, 0, count, 1, () => {
    const [from, to] = [f.let(s), f.let(target)];
    f.range(lines, () => {
      copyScalar(f, e.name, to, from);
      f.inc(to, e.bytes);
      f.inc(from, line);
    });
    f.inc(target, pitch);
    f.inc(s, step);
  });
}

/** Where a transposed square lies: `pitch` bytes from row to row. */
interface Place {
  readonly offset: number;
  readonly pitch: number;
}

/** Rows, as columns. */
function storeTransposed(f: Func, e: Element, target: Int, rows: readonly Local<"v128">[], place: Place): void {
  const { offset, pitch } = place;
  if (rows.length === e.lanes) {
    for (const [i, vector] of transposed(f, rows).entries()) f.store("v128.store", target, vector, offset + i * pitch);
  } else if (rows.length === 2) {
    storePairs(f, target, rows, place);
  } else {
    rows.forEach((row, j) => {
      for (let i = 0; i < e.lanes; i++) f.storeLane(e.storeLane, target, row, i, offset + i * pitch + j * e.bytes);
    });
  }
}

/** Lanes of two rows of four, by turns. */
const HALVES = [
  [0, 4, 1, 5],
  [2, 6, 3, 7],
] as const;

/** A square of lanes, transposed. */
function transposed(f: Func, rows: readonly Local<"v128">[]): Expr<"v128">[] {
  const [a, b, c, d] = rows as [Local<"v128">, Local<"v128">, Local<"v128">, Local<"v128">];
  if (rows.length === 2) return [shuffle(a, b, [0, 2]), shuffle(a, b, [1, 3])];
  const interleaved = HALVES.map((lanes) => [f.let(shuffle(a, b, lanes)), f.let(shuffle(c, d, lanes))]);
  return interleaved.flatMap(([x, y]) => [shuffle(x!, y!, [0, 1, 4, 5]), shuffle(x!, y!, [2, 3, 6, 7])]);
}

/** Two rows of four elements, as pairs. */
function storePairs(f: Func, target: Int, rows: readonly Local<"v128">[], { offset, pitch }: Place): void {
  const [a, b] = rows as [Local<"v128">, Local<"v128">];
  for (const [half, lanes] of HALVES.entries()) {
    const pairs = f.let(shuffle(a, b, lanes));
    for (const i of [0, 1]) f.storeLane("v128.store64_lane", target, pairs, i, offset + (2 * half + i) * pitch);
  }
}
