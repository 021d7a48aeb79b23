/**
 * Picking and placing along one dimension by an index tensor. A table is [outer, size, inner], values are
 * [outer, count, inner]; there is an index for each of the values, or one for each of their rows. Whole numbers outside the
 * table end the walk: `failure` says so.
 */
import type { DType } from "@dl/tensor";
import { at, partOf } from "../dense/element.ts";
import { type Expr, type Func, i32, type Local, load, type Module, op, select } from "../wasm/emitter.ts";
import { access, loadPacked, loadRepeated, loadScalar, storePacked, storeScalar, storeStrided } from "./access.ts";
import { add, constant, input, max, min, mul, type Node } from "./expression.ts";
import { Tools } from "./helpers.ts";
import { Lowering, lanesOf } from "./lower.ts";
import { BULK_FULL, copyBulk } from "./packed-loops.ts";

type Address = Local<"i32">;

/** What an element of the table becomes where one of the values meets it. `zero` and `one` are where a fold begins. */
const placings = {
  add: (x: Node, value: Node) => add(x, value),
  prod: (x: Node, value: Node) => mul(x, value),
  amax: (x: Node, value: Node) => max(x, value),
  amin: (x: Node, value: Node) => min(x, value),
  zero: (x: Node) => constant(x.type, 0),
  one: (x: Node) => constant(x.type, 1),
} as const;
export type Placing = keyof typeof placings | "replace";

/** One element to `to + offset`. */
export const moves: { readonly [bytes: number]: (f: Func, to: Address, from: Address, offset?: number) => void } = {
  1: (f, to, from, offset) => f.store("i32.store8", to, load("i32.load8_u", from), offset),
  2: (f, to, from, offset) => f.store("i32.store16", to, load("i32.load16_u", from), offset),
  4: (f, to, from, offset) => f.store("i32.store", to, load("i32.load", from), offset),
  8: (f, to, from, offset) => f.store("i64.store", to, load("i64.load", from), offset),
};

export function buildPick(m: Module, bytes: number): void {
  addElements(m, bytes, "rows", (f, table, values, offset) => moves[bytes]!(f, values, table, offset));
}

export function buildPlace(m: Module, dtype: DType, placing: Placing): void {
  const element = access[dtype];
  if (placing === "replace") {
    const move = moves[element.bytes]!;
    addElements(m, element.bytes, "columns", (f, table, values, offset) =>
      move(f, table, f.let(op("i32.add", values, offset))),
    );
    return;
  }
  const { root, tools } = combined(m, dtype, placings[placing]);
  // V8 chooses between scalars by jumps.
  const lanes = placing === "amax" || placing === "amin" ? lanesOf(root) : "scalar";
  addElements(m, element.bytes, "columns", (f, table, values, offset) => {
    const loaded = [table, op("i32.add", values, offset)].map((address) =>
      f.let(lanes === "scalar" ? loadScalar(element, address) : loadRepeated(element, address)),
    );
    const result = f.let(new Lowering(f, [root], lanes, tools).emit([root], loaded)[0]!);
    if (lanes === "scalar") storeScalar(f, element, table, result);
    else storeStrided(f, element, 1, table, i32(0), result as Local<"v128">);
  });
}

function combined(m: Module, dtype: DType, placing: (x: Node, value: Node) => Node): { root: Node; tools: Tools } {
  const { raw, decode, encode } = access[dtype];
  const root = encode(placing(decode(input(0, raw)), decode(input(1, raw))));
  return { root, tools: new Tools(m, [root]) };
}

export function buildPickRows(m: Module, bytes: number): void {
  m.func("walk", walkParams, (f, p) => {
    const rowBytes = f.let(op("i32.mul", p.inner, bytes));
    const [place, target] = f.locals("i32", 2) as [Address, Address];
    eachPart(f, p, p.count, ({ outer, start, length }) => {
      const table = f.let(at(p.table, op("i32.mul", outer, p.size), rowBytes));
      const values = f.let(at(p.values, op("i32.add", op("i32.mul", outer, p.count), start), rowBytes));
      eachIndex(f, p, start, length, (index) => {
        f.set(place, at(table, index, rowBytes));
        f.set(target, values);
        copyRow(f, bytes, target, place, rowBytes);
        f.inc(values, rowBytes);
      });
    });
  });
}

/** A part is some rows of the table: of the values' rows, all of which it looks at, it takes those that go there. */
export function buildPlaceRows(m: Module, dtype: DType, placing: "replace" | "add"): void {
  const { bytes } = access[dtype];
  const write = placing === "add" ? adderOf(m, dtype) : copyRow;
  m.func("walk", walkParams, (f, p) => {
    const rowBytes = f.let(op("i32.mul", p.inner, bytes));
    const step = f.let(select(op("i32.eq", p.rows, p.count), rowBytes, i32(0)));
    const [row, place, source] = f.locals("i32", 3) as [Address, Address, Address];
    eachPart(f, p, p.size, ({ outer, start, length }) => {
      const first = f.let(op("i32.add", op("i32.mul", outer, p.size), start));
      const table = f.let(at(p.table, first, rowBytes));
      const values = f.let(at(p.values, op("i32.mul", outer, p.rows), rowBytes));
      const begin = (): void => f.copy(table, at(p.self, first, rowBytes), op("i32.mul", length, rowBytes));
      f.if(op("i32.ne", p.self, p.table), begin);
      eachIndex(f, p, 0, p.count, (index) => {
        f.set(row, op("i32.sub", index, start));
        f.if(op("i32.lt_u", row, length), () => {
          f.set(place, at(table, row, rowBytes));
          f.set(source, values);
          write(f, bytes, place, source, rowBytes);
        });
        f.inc(values, step);
      });
    });
  });
}

/** Lays out what a part of the table begins as, where that is not there yet: zeros, or what lies in the same place of `self`. */
function layOut(f: Func, p: Params, part: Address, bytes: Expr<"i32">): void {
  const copy = (): void => f.copy(part, op("i32.add", p.self, op("i32.sub", part, p.table)), bytes);
  f.if(op("i32.ne", p.self, p.table), () => f.if(p.self, copy, () => f.fill(part, 0, bytes)));
}

/** Writes a row into another, whose addresses it may move. */
type RowWriter = (f: Func, bytes: number, to: Address, from: Address, width: Address) => void;

function adderOf(m: Module, dtype: DType): RowWriter {
  const element = access[dtype];
  const { root, tools } = combined(m, dtype, add);
  const lanes = lanesOf(root) as 2 | 4;
  return (f, bytes, to, from, width) => {
    const end = f.let(op("i32.add", to, width));
    eachRound(f, [to, from], end, lanes * bytes, (offset) => {
      const loaded = [to, from].map((address) => f.let(loadPacked(element, lanes, address, offset)));
      const sum = f.let(new Lowering(f, [root], lanes, tools).emit([root], loaded)[0] as Expr<"v128">);
      return () => storePacked(f, element, lanes, to, sum, offset);
    });
    eachSingle(f, [to, from], end, bytes, () => {
      const loaded = [to, from].map((address) => f.let(loadScalar(element, address)));
      storeScalar(f, element, to, new Lowering(f, [root], "scalar", tools).emit([root], loaded)[0]!);
    });
  };
}

/** Vectors, the last of which may overlap; single elements where there is not even one; the engine's own copying of long rows. */
function copyRow(f: Func, bytes: number, to: Address, from: Address, width: Address): void {
  const end = f.let(op("i32.add", to, width));
  const inVectors = (): void => {
    eachRound(f, [to, from], end, 16, (offset) => {
      const vector = f.let(load("v128.load", from, offset));
      return () => f.store("v128.store", to, vector, offset);
    });
    f.inc(from, op("i32.sub", end, to));
    f.store("v128.store", op("i32.sub", end, 16), load("v128.load", op("i32.sub", from, 16)));
  };
  const singly = (): void => eachSingle(f, [to, from], end, bytes, () => moves[bytes]!(f, to, from));
  const inBulk = (): void => copyBulk(f, to, from, f.let(width));
  f.if(op("i32.ge_u", width, BULK_FULL), inBulk, () => f.if(op("i32.lt_u", width, 16), singly, inVectors));
}

/** Vectors of a row that go by together: first all are loaded, then all are stored. */
const ROUND = 8;

/** Whole vectors of a row, whose addresses go with them: `read` gives what writes one. */
function eachRound(
  f: Func,
  [to, from]: readonly [Address, Address],
  end: Address,
  bytes: number,
  read: (offset: number) => () => void,
): void {
  for (const many of [ROUND, 1]) {
    const last = f.let(op("i32.sub", end, many * bytes - 1));
    f.while(op("i32.lt_u", to, last), () => {
      const writers = Array.from({ length: many }, (_, k) => read(k * bytes));
      for (const write of writers) write();
      for (const address of [to, from]) f.inc(address, many * bytes);
    });
  }
}

function eachSingle(
  f: Func,
  [to, from]: readonly [Address, Address],
  end: Address,
  bytes: number,
  visit: () => void,
): void {
  f.while(op("i32.lt_u", to, end), () => {
    visit();
    for (const address of [to, from]) f.inc(address, bytes);
  });
}

/**
 * Each outer position has `parts` units of up to `per` rows or columns. `indexStep` leads from one outer position's indices
 * to the next. There are as many `rows` of values as indices, or where rows are placed one for all of them. `self` is what a
 * table that is written begins as: 0 is zeros; where it is the table, it lies there already.
 */
// biome-ignore format: by meaning
const walkParams = [
  "chunk", "chunks", "units", "parts", "per",
  "size", "count", "rows", "inner", "indexStep", "table", "index", "values", "self", "failure",
] as const;
type Params = { readonly [K in (typeof walkParams)[number]]: Address };

interface Part {
  readonly outer: Address;
  readonly start: Address;
  readonly length: Address;
}

function eachPart(f: Func, p: Params, total: Address, body: (part: Part) => void): void {
  const [unit, end] = partOf(f, p.units, p.chunk, p.chunks);
  const outer = f.let(op("i32.div_u", unit, p.parts));
  const start = f.let(op("i32.mul", op("i32.sub", unit, op("i32.mul", outer, p.parts)), p.per));
  f.while(op("i32.lt_u", unit, end), () => {
    const rest = f.let(op("i32.sub", total, start));
    const length = f.let(select(op("i32.lt_u", rest, p.per), rest, p.per));
    body({ outer, start, length });
    f.inc(unit, 1);
    f.inc(start, p.per);
    f.if(op("i32.ge_u", start, total), () => {
      f.set(start, 0);
      f.inc(outer, 1);
    });
  });
}

/** The index at an address, inside the table. */
function indexAt(f: Func, p: Params, address: Address, bound: Local<"i64">, offset = 0): Expr<"i32"> {
  const index = f.let(load("i64.load", address, offset));
  f.if(op("i64.ge_u", index, bound), () => {
    f.store("i32.store", p.failure, 1);
    f.return();
  });
  return op("i32.wrap_i64", index);
}

/** Those of rows, which are the same for all outer positions. */
function eachIndex(f: Func, p: Params, start: Address | 0, count: Address, body: (index: Expr<"i32">) => void): void {
  const bound = f.let(op("i64.extend_i32_u", p.size));
  const index = f.let(at(p.index, start, 8));
  f.range(count, () => {
    body(indexAt(f, p, index, bound));
    f.inc(index, 8);
  });
}

/** Bytes of a table that stay in the nearest cache: it is brought there in order, if many of its places are written. */
const NEAR = 2 ** 15;

function touch(f: Func, table: Address, bytes: Address): void {
  const [line, end] = [f.let(table), f.let(op("i32.add", table, bytes))];
  f.while(op("i32.lt_u", line, end), () => {
    f.drop(load("i32.load8_u", line));
    f.inc(line, 64);
  });
}

/** Writes one element of the table to `values + offset`, or the other way round. */
type Visit = (f: Func, table: Address, values: Address, offset: number) => void;

/** An index for each of the values. A part is some of their rows, or of their columns and the table's. */
function addElements(m: Module, bytes: number, cut: "rows" | "columns", visit: Visit): void {
  m.func("walk", walkParams, (f, p) => {
    const rowBytes = f.let(op("i32.mul", p.inner, bytes));
    const tableBytes = f.let(op("i32.mul", p.size, rowBytes));
    const isDense = op("i32.and", op("i32.le_u", tableBytes, NEAR), op("i32.ge_u", at(p.count, p.count, 15), p.size));
    const [table, index, values] = f.locals("i32", 3) as [Address, Address, Address];
    const goTo = (outer: Address, first: Address | 0): void => {
      f.set(table, at(p.table, outer, tableBytes));
      f.set(index, at(at(p.index, outer, p.indexStep), first, 8));
      f.set(values, at(at(p.values, outer, op("i32.mul", p.count, rowBytes)), first, bytes));
    };
    const line = lineWriter(f, p, [table, index, values], bytes, visit);
    // Of one value and index each, outer positions are a line.
    const alone = (): void => {
      const [unit, end] = partOf(f, p.units, p.chunk, p.chunks);
      goTo(unit, 0);
      if (cut === "columns") layOut(f, p, table, op("i32.mul", op("i32.sub", end, unit), tableBytes));
      line(f.let(op("i32.sub", end, unit)), bytes, tableBytes);
    };
    const many = (): void =>
      eachPart(f, p, cut === "rows" ? p.count : p.inner, ({ outer, start, length }) => {
        const [rows, columns] = cut === "rows" ? [length, p.inner] : [p.count, length];
        goTo(outer, cut === "rows" ? f.let(op("i32.mul", start, p.inner)) : start);
        if (cut === "columns") {
          layOut(f, p, table, tableBytes);
          f.if(isDense, () => touch(f, table, tableBytes));
          f.inc(table, op("i32.mul", start, bytes));
        }
        const gap = f.let(op("i32.sub", p.inner, columns));
        const inRows = (): void => {
          f.range(rows, () => {
            line(columns, rowBytes, bytes);
            f.inc(index, op("i32.mul", gap, 8));
            f.inc(values, op("i32.mul", gap, bytes));
          });
        };
        f.if(op("i32.eq", p.inner, 1), () => line(rows, bytes, 0), inRows);
      });
    f.if(op("i32.eq", p.indexStep, 8), alone, many);
  });
}

/**
 * Visits `count` values side by side, and moves on to what lies behind them: `row` leads from one place that an index may
 * name to the next, `step` from one value's places to those of the next.
 */
function lineWriter(
  f: Func,
  p: Params,
  [table, index, values]: readonly [Address, Address, Address],
  bytes: number,
  visit: Visit,
): (count: Address, row: Address | number, step: Address | number) => void {
  const bound = f.let(op("i64.extend_i32_u", p.size));
  const [left, base, place] = f.locals("i32", 3) as [Address, Address, Address];
  return (count, row, step) => {
    f.set(base, table);
    f.set(left, count);
    for (const many of [4, 1]) {
      f.while(op("i32.ge_u", left, many), () => {
        for (let k = 0; k < many; k++) {
          f.set(place, at(base, indexAt(f, p, index, bound, 8 * k), row));
          visit(f, place, values, k * bytes);
          if (step !== 0) f.inc(base, step);
        }
        f.inc(index, 8 * many);
        f.inc(values, bytes * many);
        f.inc(left, -many);
      });
    }
  };
}

/**
 * Whether some of `count` int64 are outside of [0, size), which `outside` says. The greatest of what vectors hold as words
 * tells: of the high ones it must be 0, of the low ones at most that of the last place.
 */
export function buildCheck(m: Module): void {
  m.func("check", ["chunk", "chunks", "index", "count", "size", "outside"], (f, p) => {
    const [first, end] = partOf(f, p.count, p.chunk, p.chunks);
    const [index, left] = [f.let(at(p.index, first, 8)), f.let(op("i32.sub", end, first))];
    const last = f.let(op("i64x2.splat", op("i64.extend_i32_u", op("i32.sub", p.size, 1))));
    const greatest = Array.from({ length: 4 }, () => f.let(last));
    f.while(op("i32.ge_u", left, 8), () => {
      for (const [k, words] of greatest.entries()) {
        f.set(words, op("i32x4.max_u", words, load("v128.load", index, 16 * k)));
      }
      f.inc(index, 64);
      f.inc(left, -8);
    });
    f.while(left, () => {
      f.set(greatest[0]!, op("i32x4.max_u", greatest[0]!, load("v128.load64_splat", index)));
      f.inc(index, 8);
      f.inc(left, -1);
    });
    const all = greatest.reduce<Expr<"v128">>((a, b) => op("i32x4.max_u", a, b), last);
    f.if(op("v128.any_true", op("v128.xor", all, last)), () => f.store("i32.store", p.outside, 1));
  });
}
