/** Picking and placing single elements: an index for each of the values. */
import type { DType } from "@dl/tensor";
import { at, partOf } from "../dense/element.ts";
import { type Expr, type Func, i32, type Local, load, type Module, op } from "../wasm/emitter.ts";
import { access, loadRepeated, loadScalar, storeScalar, storeStrided } from "./access.ts";
import { add, constant, max, min, mul, type Node } from "./expression.ts";
import {
  type Address,
  combined,
  eachPart,
  indexAt,
  moves,
  type Params,
  type Part,
  walkParams,
} from "./indexing-loops.ts";
import { lanesOf } from "./lanes.ts";
import { Lowering } from "./lower.ts";

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

/** Bytes of a table that stay in the nearest cache: it is brought there in order, if many of its places are written. */
const NEAR = 2 ** 15;

function bringNear(f: Func, p: Params, table: Address, bytes: Address): void {
  const isDense = op("i32.and", op("i32.le_u", bytes, NEAR), op("i32.ge_u", at(p.count, p.count, 15), p.size));
  f.if(isDense, () => {
    const [line, end] = [f.let(table), f.let(op("i32.add", table, bytes))];
    f.while(op("i32.lt_u", line, end), () => {
      f.drop(load("i32.load8_u", line));
      f.inc(line, 64);
    });
  });
}

/** Writes one element of the table to `values + offset`, or the other way round. */
type Visit = (f: Func, table: Address, values: Address, offset: number) => void;

/** Where the walk is: in the table, among the indices and among the values. */
type Places = readonly [table: Address, index: Address, values: Address];

/** An index for each of the values. A part is some of their rows, or of their columns and the table's. */
function addElements(m: Module, bytes: number, cut: "rows" | "columns", visit: Visit): void {
  m.func("walk", walkParams, (f, p) => {
    const rowBytes = f.let(op("i32.mul", p.inner, bytes));
    const tableBytes = f.let(op("i32.mul", p.size, rowBytes));
    const places = f.locals("i32", 3) as [Address, Address, Address];
    const [table, index, values] = places;
    const goTo = (outer: Address, first: Address | 0): void => {
      f.set(table, at(p.table, outer, tableBytes));
      f.set(index, at(at(p.index, outer, p.indexStep), first, 8));
      f.set(values, at(at(p.values, outer, op("i32.mul", p.count, rowBytes)), first, bytes));
    };
    const line = lineWriter(f, p, places, bytes, visit);
    // Of one value and index each, outer positions are a line.
    const alone = (): void => {
      const [unit, end] = partOf(f, p.units, p.chunk, p.chunks);
      goTo(unit, 0);
      if (cut === "columns") layOut(f, p, table, op("i32.mul", op("i32.sub", end, unit), tableBytes));
      line(f.let(op("i32.sub", end, unit)), bytes, tableBytes);
    };
    const rows = (part: Part): void => {
      goTo(part.outer, f.let(op("i32.mul", part.start, p.inner)));
      addLines(f, p, places, { rows: part.length, columns: p.inner, rowBytes, bytes }, line);
    };
    const columns = ({ outer, start, length }: Part): void => {
      goTo(outer, start);
      layOut(f, p, table, tableBytes);
      bringNear(f, p, table, tableBytes);
      f.inc(table, op("i32.mul", start, bytes));
      addLines(f, p, places, { rows: p.count, columns: length, rowBytes, bytes }, line);
    };
    const many = (): void => (cut === "rows" ? eachPart(f, p, p.count, rows) : eachPart(f, p, p.inner, columns));
    f.if(op("i32.eq", p.indexStep, 8), alone, many);
  });
}

/** Lays out what a part of the table begins as, where that is not there yet: zeros, or what lies in the same place of `self`. */
function layOut(f: Func, p: Params, part: Address, bytes: Expr<"i32">): void {
  const copy = (): void => f.copy(part, op("i32.add", p.self, op("i32.sub", part, p.table)), bytes);
  f.if(op("i32.ne", p.self, p.table), () => f.if(p.self, copy, () => f.fill(part, 0, bytes)));
}

interface Sizes {
  readonly rows: Address;
  readonly columns: Address;
  readonly rowBytes: Address;
  readonly bytes: number;
}

/** Rows of some columns; where there is but one, they are a line. */
function addLines(f: Func, p: Params, [, index, values]: Places, sizes: Sizes, line: Line): void {
  const { rows, columns, rowBytes, bytes } = sizes;
  const gap = f.let(op("i32.sub", p.inner, columns));
  const inRows = (): void => {
    f.range(rows, () => {
      line(columns, rowBytes, bytes);
      f.inc(index, op("i32.mul", gap, 8));
      f.inc(values, op("i32.mul", gap, bytes));
    });
  };
  f.if(op("i32.eq", p.inner, 1), () => line(rows, bytes, 0), inRows);
}

/**
 * Visits `count` values side by side, and moves on to what lies behind them: `row` leads from one place that an index may
 * name to the next, `step` from one value's places to those of the next.
 */
type Line = (count: Address, row: Address | number, step: Address | number) => void;

function lineWriter(f: Func, p: Params, [table, index, values]: Places, bytes: number, visit: Visit): Line {
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
