/** Picking and placing whole rows: an index for each row, the same for all outer positions. */
import type { DType } from "@dl/tensor";
import { at } from "../dense/element.ts";
import { type Expr, type Func, i32, load, type Module, op, select } from "../wasm/emitter.ts";
import { access, loadPacked, loadScalar, storePacked, storeScalar } from "./access.ts";
import { copyBulk } from "./bulk.ts";
import { add } from "./expression.ts";
import { type Address, combined, eachPart, indexAt, moves, type Params, walkParams } from "./indexing-loops.ts";
import { lanesOf } from "./lanes.ts";
import { Lowering } from "./lower.ts";

export function buildPickRows(m: Module, bytes: number): void {
  m.func("walk", walkParams, (f, p) => {
    const rowBytes = f.let(op("i32.mul", p.inner, bytes));
    const [place, target] = f.locals("i32", 2) as [Address, Address];
    eachPart(f, p, p.count, ({ outer, start, length }) => {
      const table = f.let(at(p.table, op("i32.mul", outer, p.size), rowBytes));
      const values = f.let(at(p.values, op("i32.add", op("i32.mul", outer, p.count), start), rowBytes));
      eachIndex(f, p, start, length, (index, address) => {
        f.set(place, at(table, index, rowBytes));
        f.set(target, values);
        f.if(op("i32.ge_u", rowBytes, TOUCHED), () => touchNext(f, p, table, address, rowBytes));
        copyRow(f, bytes, target, place, rowBytes);
        f.inc(values, rowBytes);
      });
    });
  });
}

/**
 * For rows of at least so many bytes the beginning of the next row is read ahead: rows come from anywhere in memory,
 * and the processor prefetches the rest of a row once its beginning was read.
 */
const TOUCHED = 2 ** 8;

/** Reads the beginning of the row of the next index, which has not been checked yet. */
function touchNext(f: Func, p: Params, table: Address, index: Address, rowBytes: Address): void {
  const last = at(p.index, op("i32.sub", p.count, 1), 8);
  const next = f.let(load("i32.load", select(op("i32.lt_u", index, last), op("i32.add", index, 8), index)));
  f.drop(load("i32.load", at(table, select(op("i32.lt_u", next, p.size), next, i32(0)), rowBytes)));
}

/**
 * Placing of rows. A unit is some rows of the table: it goes through all indices and places the rows that belong there.
 */
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

/** Writes the code that places a row of `width` bytes. It may move both addresses. */
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

/**
 * For rows of at least so many bytes `memory.copy` is faster: it uses wider vectors, so more of the next row is loaded
 * while this one is written.
 */
const LONG_ROW = 2 ** 12;

/**
 * Copies a row: in vectors, the last of which may overlap the one before; element by element if it is shorter than a
 * vector; by `memory.copy` if it is long.
 */
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
  f.if(op("i32.ge_u", width, LONG_ROW), inBulk, () => f.if(op("i32.lt_u", width, 16), singly, inVectors));
}

/** So many vectors of a row are copied together: first all are loaded, then all are stored. */
const ROUND = 8;

/**
 * Goes through the whole vectors of a row, and moves both addresses. `read` loads a vector and returns what stores it.
 */
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

function eachIndex(
  f: Func,
  p: Params,
  start: Address | 0,
  count: Address,
  body: (index: Expr<"i32">, address: Address) => void,
): void {
  const bound = f.let(op("i64.extend_i32_u", p.size));
  const index = f.let(at(p.index, start, 8));
  f.range(count, () => {
    body(indexAt(f, p, index, bound), index);
    f.inc(index, 8);
  });
}
