/**
 * What picking and placing along one dimension by an index tensor share. A table is [outer, size, inner], values are
 * [outer, count, inner]; there is an index for each of the values, or one for each of their rows. Whole numbers outside the
 * table end the walk: `failure` says so.
 */
import type { DType } from "@dl/tensor";
import { at, partOf } from "../dense/element.ts";
import { type Expr, type Func, type Local, load, type Module, op, select } from "../wasm/emitter.ts";
import { access } from "./access.ts";
import { input, type Node } from "./expression.ts";
import { Tools } from "./helpers.ts";

export type Address = Local<"i32">;

/** One element to `to + offset`. */
export const moves: { readonly [bytes: number]: (f: Func, to: Address, from: Address, offset?: number) => void } = {
  1: (f, to, from, offset) => f.store("i32.store8", to, load("i32.load8_u", from), offset),
  2: (f, to, from, offset) => f.store("i32.store16", to, load("i32.load16_u", from), offset),
  4: (f, to, from, offset) => f.store("i32.store", to, load("i32.load", from), offset),
  8: (f, to, from, offset) => f.store("i64.store", to, load("i64.load", from), offset),
};

/**
 * Each outer position has `parts` units of up to `per` rows or columns. `indexStep` leads from one outer position's indices
 * to the next. There are as many `rows` of values as indices, or where rows are placed one for all of them. `self` is what a
 * table that is written begins as: 0 is zeros; where it is the table, it lies there already.
 */
// biome-ignore format: by meaning
export const walkParams = [
  "chunk", "chunks", "units", "parts", "per",
  "size", "count", "rows", "inner", "indexStep", "table", "index", "values", "self", "failure",
] as const;
export type Params = { readonly [K in (typeof walkParams)[number]]: Address };

export interface Part {
  readonly outer: Address;
  readonly start: Address;
  readonly length: Address;
}

export function eachPart(f: Func, p: Params, total: Address, body: (part: Part) => void): void {
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
export function indexAt(f: Func, p: Params, address: Address, bound: Local<"i64">, offset = 0): Expr<"i32"> {
  const index = f.let(load("i64.load", address, offset));
  f.if(op("i64.ge_u", index, bound), () => {
    f.store("i32.store", p.failure, 1);
    f.return();
  });
  return op("i32.wrap_i64", index);
}

/** The tree of what meets at a place of the table, from what is there and one of the values, as both are stored. */
export function combined(
  m: Module,
  dtype: DType,
  placing: (x: Node, value: Node) => Node,
): { root: Node; tools: Tools } {
  const { raw, decode, encode } = access[dtype];
  const root = encode(placing(decode(input(0, raw)), decode(input(1, raw))));
  return { root, tools: new Tools(m, [root]) };
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
