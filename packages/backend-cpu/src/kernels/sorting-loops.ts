/**
 * Sorts lines of elements as records. A record is an unsigned key, made such that keys have the wanted order, and the
 * position of the element. A key of 32 bits shares a 64-bit word with the position; one of 64 bits has a word of its
 * own. Long lines are sorted by the bytes of the keys, the lowest byte first (radix sort). Short ones, and the first
 * few elements of long ones, are kept in order by insertion.
 */
import type { DType } from "@dl/tensor";
import { at, shareOf } from "../dense/element.ts";
import { type Expr, type Func, type FuncRef, type Local, load, type Module, type OpName, op } from "../wasm/emitter.ts";
import { access, loadPacked, loadScalar, storeScalar } from "./access.ts";
import {
  add,
  bits,
  constant,
  ge,
  input,
  isFloatType,
  isNan,
  le,
  type Node,
  type NumberType,
  not,
  or,
  select,
  shr,
  widthOf,
  xor,
} from "./expression.ts";
import { Tools } from "./helpers.ts";
import { lanesOf } from "./lanes.ts";
import { Lowering } from "./lower.ts";

type Address = Local<"i32">;
type Bytes = Expr<"i32">;

const BUCKETS = 256;
const COUNTS = 4 * BUCKETS;

interface Records {
  readonly bytes: 8 | 16;
  /** The offset of the key. */
  readonly key: number;
  readonly keyBytes: 4 | 8;
  /** The offset of the position. */
  readonly position: number;
}

const narrow: Records = { bytes: 8, key: 4, keyBytes: 4, position: 0 };
const wide: Records = { bytes: 16, key: 0, keyBytes: 8, position: 8 };

function recordsOf(dtype: DType): Records {
  return access[dtype].bytes === 8 ? wide : narrow;
}

/** The bytes that a thread needs to sort lines of `size` elements. */
export function areaOf(dtype: DType, size: number): number {
  const { bytes, keyBytes } = recordsOf(dtype);
  return 2 * size * bytes + keyBytes * COUNTS;
}

/** The key of an element. NaN gets the highest key, −0 that of 0; the bits of negative floats are inverted. */
function keyOf(x: Node, down: boolean): Node {
  const type = widthOf(x.type) === 64 ? "i64" : "i32";
  const sign = constant(type, type === "i64" ? -(2n ** 63n) : -(2 ** 31));
  const key = isFloatType(x.type) ? select(isNan(x), constant(type, -1), ordered(bits(add(x, 0)), sign)) : xor(x, sign);
  return down ? xor(key, -1) : key;
}

function ordered(word: Node, sign: Node): Node {
  return xor(word, or(shr(word, widthOf(word.type) - 1), sign));
}

// biome-ignore format: by meaning
const params = [
  "chunk", "chunks", "lines", "size", "keep", "source", "values", "indices", "areas", "areaBytes",
] as const;
type Params = { readonly [K in (typeof params)[number]]: Address };

/** What all functions of a module share. */
interface Order {
  readonly m: Module;
  readonly dtype: DType;
  readonly down: boolean;
  readonly records: Records;
  readonly key: Node;
  readonly tools: Tools;
}

/** Exports `sort`, and `few` for the first few elements of each line, both with `params`. */
export function buildSort(m: Module, dtype: DType, down: boolean): void {
  const { raw, decode } = access[dtype];
  const key = keyOf(decode(input(0, raw)), down);
  const order: Order = { m, dtype, down, records: recordsOf(dtype), key, tools: new Tools(m, [key]) };
  const write = addWrite(order);
  addFew(order, write);
  addSort(order, write);
}

/** What records are compared by: the key, and in narrow ones the position in the bits below it. */
const orderAt = (address: Expr<"i32">): Expr<"i64"> => load("i64.load", address);

function move({ bytes }: Records, f: Func, to: Expr<"i32">, from: Expr<"i32">): void {
  if (bytes === 8) f.store("i64.store", to, load("i64.load", from));
  else f.store("v128.store", to, load("v128.load", from));
}

/** What the record of an element would be compared by. */
function orderOf({ dtype, key, records, tools }: Order, f: Func, element: Address, position: Address): Local<"i64"> {
  const loaded = f.let(loadScalar(access[dtype], element));
  const value = new Lowering(f, [key], "scalar", tools).emit([key], [loaded])[0]!;
  if (records.bytes === 16) return f.let(value as Expr<"i64">);
  const high = op("i64.shl", op("i64.extend_i32_u", value as Expr<"i32">), 32);
  return f.let(op("i64.or", high, op("i64.extend_i32_u", position)));
}

function put({ bytes, position: offset }: Records, f: Func, to: Address, order: Local<"i64">, position: Address): void {
  f.store("i64.store", to, order);
  if (bytes === 16) f.store("i32.store", to, position, offset);
}

type Write = FuncRef<readonly ["from", "count", "source", "values", "indices"], undefined>;

/** Adds a function that writes the values and positions of sorted records. */
function addWrite({ m, dtype, records }: Order): Write {
  const element = access[dtype];
  return m.inner("write", ["from", "count", "source", "values", "indices"], (f, p) => {
    const position = f.local("i32");
    f.while(p.count, () => {
      f.set(position, load("i32.load", p.from, records.position));
      storeScalar(f, element, p.values, loadScalar(element, at(p.source, position, element.bytes)));
      f.store("i64.store", p.indices, op("i64.extend_i32_u", position));
      f.inc(p.from, records.bytes);
      f.inc(p.values, element.bytes);
      f.inc(p.indices, 8);
      f.inc(p.count, -1);
    });
  });
}

/** Visits the lines of a chunk. `body` sorts a line and returns where its records are, which are then written out. */
function eachLine(
  f: Func,
  p: Params,
  bytes: number,
  body: (source: Address, area: Address) => Bytes,
  write: Write,
): void {
  const area = f.let(at(p.areas, p.chunk, p.areaBytes));
  shareOf(f, p, p.lines, (line) => {
    const source = f.let(at(p.source, op("i32.mul", line, p.size), bytes));
    const found = body(source, area);
    const first = f.let(op("i32.mul", line, p.keep));
    f.call(write, found, p.keep, source, at(p.values, first, bytes), at(p.indices, first, 8));
  });
}

/**
 * Adds a function that inserts an element into the sorted `records` that end at `place`. If `isTaken`, the record at
 * `place` is the last that is kept: the element replaces it, but only if it comes before it.
 */
function addInsert(order: Order): FuncRef<readonly ["records", "place", "isTaken", "element", "position"], undefined> {
  const { m, records } = order;
  return m.inner("insert", ["records", "place", "isTaken", "element", "position"], (f, p) => {
    const wanted = orderOf(order, f, p.element, p.position);
    f.if(p.isTaken, () => f.if(op("i64.ge_u", wanted, orderAt(p.place)), () => f.return()));
    const before = f.local("i32");
    f.block((found) => {
      f.while(op("i32.gt_u", p.place, p.records), () => {
        f.set(before, op("i32.sub", p.place, records.bytes));
        f.brIf(found, op("i64.ge_u", wanted, orderAt(before)));
        move(records, f, p.place, before);
        f.set(p.place, before);
      });
    });
    put(records, f, p.place, wanted, p.position);
  });
}

/**
 * Exports `few`. It keeps the first elements of a line; each further one is inserted if it comes before the last one
 * kept.
 */
function addFew(order: Order, write: Write): void {
  const { m, dtype, records } = order;
  const { bytes } = access[dtype];
  const insert = addInsert(order);
  m.func("few", params, (f, p) => {
    const [i, from, bound] = [f.local("i32"), f.local("i32"), f.local("v128")];
    const keep = (source: Address, area: Address): Bytes => {
      const end = f.let(at(area, op("i32.sub", p.keep, 1), records.bytes));
      const step = (place: Bytes, isTaken: 0 | 1): void => {
        f.call(insert, area, place, isTaken, from, i);
        f.inc(from, bytes);
        f.inc(i, 1);
      };
      const offer = (): void => step(end, 1);
      f.set(from, source);
      f.set(i, 0);
      f.while(op("i32.lt_u", i, p.keep), () => step(at(area, i, records.bytes), 0));
      offerVectors(f, order, { source, size: p.size, end, i, from, bound }, offer);
      f.while(op("i32.lt_u", i, p.size), offer);
      return area;
    };
    eachLine(f, p, bytes, keep, write);
  });
}

/** The state of going through a line. */
interface Offered {
  readonly source: Address;
  readonly size: Address;
  /** The last record that is kept. */
  readonly end: Address;
  /** Its element, in all lanes. */
  readonly bound: Local<"v128">;
  /** How many elements have been looked at, and where the next one is. */
  readonly i: Address;
  readonly from: Address;
}

/** Goes through whole vectors, and skips those in which no element comes before the last one kept. */
function offerVectors(f: Func, order: Order, line: Offered, offer: () => void): void {
  const { dtype, records, down, tools } = order;
  const { source, size, end, bound, i, from } = line;
  const element = access[dtype];
  const [x, last] = [0, 1].map((k) => element.decode(input(k, element.raw))) as [Node, Node];
  const test = not(down ? le(x, last) : ge(x, last));
  const lanes = lanesOf(test, x) as 2 | 4;
  const rest = f.let(op("i32.sub", size, lanes));
  const setBound = (): void => {
    const position = load("i32.load", end, records.position);
    f.set(bound, repeated(x.type as NumberType, loadScalar(element, at(source, position, element.bytes))));
  };
  const offerAll = (): void => {
    for (let lane = 0; lane < lanes; lane++) offer();
    setBound();
  };
  const pass = (): void => {
    f.inc(from, lanes * element.bytes);
    f.inc(i, lanes);
  };
  setBound();
  f.while(op("i32.le_s", i, rest), () => {
    const vector = f.let(loadPacked(element, lanes, from));
    const found = new Lowering(f, [test], lanes, tools).emit([test], [vector, bound])[0] as Expr<"v128">;
    f.if(op("v128.any_true", found), offerAll, pass);
  });
}

function repeated(type: NumberType, value: Expr): Expr<"v128"> {
  const names: { readonly [T in NumberType]: OpName } = {
    f32: "f32x4.splat",
    f64: "f64x2.splat",
    i32: "i32x4.splat",
    i64: "i64x2.splat",
  };
  return (op as (name: OpName, value: Expr) => Expr<"v128">)(names[type], value);
}

function addSort(order: Order, write: Write): void {
  const { m, dtype, records } = order;
  const read = addRead(order);
  const count = addCount(order);
  const deal = addDeal(order);
  m.func("sort", params, (f, p) => {
    const [from, to, table, digit, first] = f.locals("i32", 5) as [Address, Address, Address, Address, Address];
    const half = f.let(op("i32.mul", p.size, records.bytes));
    const dealOut = (): void => {
      f.call(deal, from, to, p.size, table, digit);
      f.set(first, from);
      f.set(from, to);
      f.set(to, first);
    };
    const sort = (source: Address, area: Address): Bytes => {
      f.set(from, area);
      f.set(to, op("i32.add", area, half));
      f.set(table, op("i32.add", to, half));
      f.call(read, source, area, p.size);
      f.fill(table, 0, records.keyBytes * COUNTS);
      f.call(count, area, p.size, table);
      f.for(digit, records.key, records.key + records.keyBytes, 1, () => {
        // Where all have the same byte, they are in order.
        f.set(first, load("i32.load8_u", op("i32.add", from, digit)));
        f.if(op("i32.ne", load("i32.load", at(table, first, 4)), p.size), dealOut);
        f.inc(table, COUNTS);
      });
      return from;
    };
    eachLine(f, p, access[dtype].bytes, sort, write);
  });
}

/** The elements of a line as records. */
function addRead(order: Order): FuncRef<readonly ["source", "to", "size"], undefined> {
  const { m, dtype, records } = order;
  return m.inner("read", ["source", "to", "size"], (f, p) => {
    f.range(p.size, (i) => {
      put(records, f, p.to, orderOf(order, f, p.source, i), i);
      f.inc(p.source, access[dtype].bytes);
      f.inc(p.to, records.bytes);
    });
  });
}

/** How often each byte occurs at each place of the keys. */
function addCount({ m, records }: Order): FuncRef<readonly ["from", "size", "table"], undefined> {
  return m.inner("count", ["from", "size", "table"], (f, p) => {
    const slot = f.local("i32");
    f.range(p.size, () => {
      for (let byte = 0; byte < records.keyBytes; byte++) {
        f.set(slot, at(p.table, load("i32.load8_u", p.from, records.key + byte), 4));
        f.store("i32.store", slot, op("i32.add", load("i32.load", slot, byte * COUNTS), 1), byte * COUNTS);
      }
      f.inc(p.from, records.bytes);
    });
  });
}

/** Records in the order of one byte; equal ones keep theirs. Counts become places. */
function addDeal({ m, records }: Order): FuncRef<readonly ["from", "to", "size", "table", "digit"], undefined> {
  return m.inner("deal", ["from", "to", "size", "table", "digit"], (f, p) => {
    const [slot, place, next] = f.locals("i32", 3) as [Address, Address, Address];
    f.set(slot, p.table);
    f.range(BUCKETS, () => {
      f.set(place, op("i32.mul", load("i32.load", slot), records.bytes));
      f.store("i32.store", slot, next);
      f.inc(next, place);
      f.inc(slot, 4);
    });
    f.while(p.size, () => {
      f.set(slot, at(p.table, load("i32.load8_u", op("i32.add", p.from, p.digit)), 4));
      f.set(place, load("i32.load", slot));
      move(records, f, op("i32.add", p.to, place), p.from);
      f.store("i32.store", slot, op("i32.add", place, records.bytes));
      f.inc(p.from, records.bytes);
      f.inc(p.size, -1);
    });
  });
}
