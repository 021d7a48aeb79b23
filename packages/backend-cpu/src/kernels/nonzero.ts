/**
 * The positions of the true elements of a mask, or the elements of another tensor there. First each part of the mask
 * counts its true elements; then each part writes its results, from the place on that follows from the counts.
 */
import { engine, heap, memory, threads } from "../runtime/index.ts";
import { type Expr, type Func, i32, type Local, load, type Module, op, select } from "../wasm/emitter.ts";
import type { ArrayKernel, ArrayView } from "./array-kernel.ts";
import { moves } from "./indexing-loops.ts";

type Int = Local<"i32">;

const PART = 2 ** 14;
const MOST_PARTS = 64;
/** The mask is read in words of so many elements. */
const WORD = 8;
/** First the counts of all parts, then where the results of each part begin, and where those of the last one end. */
const tallies = memory.allocate(4 * (MOST_PARTS + 1));

const ends = ["chunk", "chunks", "per", "size", "mask"] as const;
type Ends = Readonly<Record<(typeof ends)[number], Int>>;

/** The first element of a part, the end of the part, and the address of its tally. */
function partOf(f: Func, { chunk, per, size }: Ends): Int[] {
  const first = f.let(op("i32.mul", chunk, per));
  const end = f.let(op("i32.add", first, per));
  f.if(op("i32.gt_u", end, size), () => f.set(end, size));
  return [first, end, f.let(op("i32.mul", chunk, 4))];
}

const FULL = 0x0101010101010101n;
const wordAt = (address: Expr<"i32">): Expr<"i64"> => op("i64.and", load("i64.load", address), FULL);

function buildCount(m: Module): void {
  m.func("count", ends, (f, p) => {
    const [i, end, tally] = partOf(f, p) as [Int, Int, Int];
    const found = f.local("i32");
    const from = f.let(op("i32.add", p.mask, i));
    f.while(op("i32.ge_u", op("i32.sub", end, i), WORD), () => {
      f.inc(found, op("i32.wrap_i64", op("i64.popcnt", wordAt(from))));
      f.inc(from, WORD);
      f.inc(i, WORD);
    });
    f.while(op("i32.lt_u", i, end), () => {
      f.inc(found, op("i32.and", load("i32.load8_u", from), 1));
      f.inc(from, 1);
      f.inc(i, 1);
    });
    f.store("i32.store", tally, found, tallies.address);
  });
}

/** What is written for a true element: `write` writes to `target`, for the element `offset` behind the current one. */
interface Written {
  readonly bytes: number;
  write(target: Int, offset: number | Int): void;
  /** Writes the results of a whole word of true elements. */
  writeWord?(target: Int): void;
}

/**
 * Exports `write`. A result is written for every element, but only true elements advance the target: that is faster
 * than unpredictable branches. A part ends with its last true element, so that nothing is written beyond its results.
 */
function buildWrite(m: Module, rank: number, written: (f: Func, at: readonly Int[], values: Int) => Written): void {
  const sizes = Array.from({ length: rank }, (_, dim) => `size${dim}` as const);
  m.func("write", [...ends, "out", "values", ...sizes], (f, locals) => {
    const p = locals as unknown as Ends & Readonly<Record<"out" | "values" | `size${number}`, Int>>;
    const [i, end, tally] = partOf(f, p) as [Int, Int, Int];
    const before = f.let(load("i32.load", tally, tallies.address));
    const left = f.let(op("i32.sub", load("i32.load", tally, tallies.address + 4), before));
    const extents = sizes.map((name) => p[name]!);
    const at = placeOf(f, i, extents);
    const what = written(f, at, p.values);
    const target = f.let(op("i32.add", p.out, op("i32.mul", before, what.bytes)));
    const last = at.at(-1)!;
    const from = f.let(op("i32.add", p.mask, i));
    const stop = f.local("i32");
    f.while(left, () => {
      f.set(stop, op("i32.sub", extents.at(-1)!, last));
      const rest = f.let(op("i32.sub", end, i));
      f.set(stop, op("i32.add", last, select(op("i32.lt_u", stop, rest), stop, rest)));
      f.set(i, op("i32.add", i, op("i32.sub", stop, last)));
      writeLine(f, what, { from, last, stop, left, target });
      carry(f, at, extents);
    });
  });
}

/** The elements of a line from the coordinate `last` up to `stop`, of which `left` true ones are still to be found. */
type Line = Readonly<Record<"from" | "last" | "stop" | "left" | "target", Int>>;

function writeLine(f: Func, { bytes, write, writeWord }: Written, line: Line): void {
  const { from, last, stop, left, target } = line;
  const take = (offset: number | Int, holds: Expr<"i32">): void => {
    write(target, offset);
    const step = f.let(holds);
    f.inc(target, op("i32.mul", step, bytes));
    f.set(left, op("i32.sub", left, step));
  };
  const takeWord = (): void => {
    writeWord!(target);
    f.inc(target, WORD * bytes);
    f.inc(left, -WORD);
  };
  words(f, line, take, writeWord && takeWord);
  f.while(op("i32.and", op("i32.lt_u", last, stop), op("i32.ne", left, 0)), () => {
    take(0, op("i32.and", load("i32.load8_u", from), 1));
    f.inc(from, 1);
    f.inc(last, 1);
  });
}

const positions = (f: Func, at: readonly Int[]): Written => ({
  bytes: 8 * at.length,
  write: (target, offset) => {
    for (const [dim, place] of at.entries()) {
      const shift = dim === at.length - 1 ? offset : 0;
      f.store("i64.store", target, op("i64.extend_i32_u", op("i32.add", place, shift)), 8 * dim);
    }
  },
});

const elements =
  (bytes: number) =>
  (f: Func, [place]: readonly Int[], values: Int): Written => {
    const element = (offset: number | Int): Int =>
      f.let(op("i32.add", values, op("i32.mul", op("i32.add", place!, offset), bytes)));
    return {
      bytes,
      write: (target, offset) => moves[bytes]!(f, target, element(offset)),
      writeWord: (target) => {
        const from = element(0);
        if (bytes === 1) moves[WORD]!(f, target, from);
        else for (let k = 0; k < WORD * bytes; k += 16) f.store("v128.store", target, load("v128.load", from, k), k);
      },
    };
  };

/** The coordinates of an element, from its flat index. */
function placeOf(f: Func, element: Int, extents: readonly Int[]): Int[] {
  const rest = f.let(element);
  const at = extents.map(() => f.local("i32"));
  for (let dim = extents.length - 1; dim > 0; dim--) {
    f.set(at[dim]!, op("i32.rem_u", rest, extents[dim]!));
    f.set(rest, op("i32.div_u", rest, extents[dim]!));
  }
  f.set(at[0]!, rest);
  return at;
}

/**
 * Goes through whole words, as long as at least a word of true elements is left to be found. Words without true
 * elements, with a single one and with nothing else are treated specially.
 */
function words(
  f: Func,
  { from, last, stop, left }: Line,
  take: (offset: number | Int, holds: Expr<"i32">) => void,
  takeWord?: () => void,
): void {
  const isWord = op("i32.ge_u", op("i32.sub", stop, last), WORD);
  f.while(op("i32.and", isWord, op("i32.ge_u", left, WORD)), () => {
    const word = f.let(wordAt(from));
    const singly = (): void => {
      for (let k = 0; k < WORD; k++) {
        const bit = op("i32.wrap_i64", op("i64.shr_u", word, BigInt(8 * k)));
        take(k, op("i32.and", bit, 1));
      }
    };
    const only = (): void => take(f.let(op("i32.shr_u", op("i32.wrap_i64", op("i64.ctz", word)), 3)), i32(1));
    const some = (): void => f.if(op("i64.eqz", op("i64.and", word, op("i64.sub", word, 1n))), only, singly);
    f.if(op("i32.eqz", op("i64.eqz", word)), () => {
      if (takeWord) f.if(op("i64.eq", word, FULL), takeWord, some);
      else some();
    });
    f.inc(from, WORD);
    f.inc(last, WORD);
  });
}

/** At the end of a line moves the coordinates on to the next one. */
function carry(f: Func, at: readonly Int[], extents: readonly Int[]): void {
  for (let dim = at.length - 1; dim > 0; dim--) {
    f.if(op("i32.eq", at[dim]!, extents[dim]!), () => {
      f.set(at[dim]!, 0);
      f.inc(at[dim - 1]!, 1);
    });
  }
}

/** Turns the counts of the parts into the places where their results begin. */
function addUp(parts: number): void {
  let sum = 0;
  for (let k = tallies.address / 4; k <= tallies.address / 4 + parts; k++) {
    const found = heap.i32[k]!;
    heap.i32[k] = sum;
    sum += found;
  }
}

function writeAll(
  what: string,
  { shape, data }: ArrayView,
  out: ArrayView,
  written: Parameters<typeof buildWrite>[2],
  values = 0,
): void {
  const key = `${what} ${shape.length}`;
  engine.module(key, (m) => {
    buildCount(m);
    buildWrite(m, shape.length, written);
  });
  const per = Math.max(PART, Math.ceil(data.length / MOST_PARTS / WORD) * WORD);
  const parts = Math.ceil(data.length / per);
  const args = [per, data.length, data.byteOffset];
  threads.parallel(key, "count", parts, args);
  addUp(parts);
  threads.parallel(key, "write", parts, [...args, out.data.byteOffset, values, ...shape]);
}

export const nonzero: ArrayKernel<"nonzero"> = ([mask], _, [out]) => writeAll("nonzero", mask!, out!, positions);

export const maskedSelect: ArrayKernel<"maskedSelect"> = ([x, mask], _, [out]) => {
  const bytes = x!.data.BYTES_PER_ELEMENT;
  writeAll(`maskedSelect ${bytes}`, mask!, out!, elements(bytes), x!.data.byteOffset);
};
