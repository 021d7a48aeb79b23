/**
 * What all kernels share that pick or place elements along one dimension by an index tensor. The indices point into a
 * *table* of shape [outer, size, inner]; the elements picked or placed are the *values*, of shape [outer, count,
 * inner]. There is an index for each value, or one for each row of them. An index outside the table ends the walk and
 * sets `failure`.
 */
import type { DType } from "@dl/tensor";
import { at, partOf } from "../dense/element.ts";
import { type Expr, type Func, type Local, load, type Module, op, select } from "../wasm/emitter.ts";
import { access } from "./access.ts";
import { input, type Node } from "./expression.ts";
import { Tools } from "./helpers.ts";

export type Address = Local<"i32">;

/** Copies one element, by its size in bytes, to `to + offset`. */
export const moves: { readonly [bytes: number]: (f: Func, to: Address, from: Address, offset?: number) => void } = {
  1: (f, to, from, offset) => f.store("i32.store8", to, load("i32.load8_u", from), offset),
  2: (f, to, from, offset) => f.store("i32.store16", to, load("i32.load16_u", from), offset),
  4: (f, to, from, offset) => f.store("i32.store", to, load("i32.load", from), offset),
  8: (f, to, from, offset) => f.store("i64.store", to, load("i64.load", from), offset),
};

/**
 * The parameters of all kernels. The work at each outer position is cut into `parts` units of up to `per` rows or
 * columns. `indexStep` is the distance between the indices of outer positions. There are as many `rows` of values as
 * indices, or a single one that is placed at every index. `self` is the address of the initial contents of a table that
 * is written; 0 stands for zeros, and the table's own address for contents that are there already.
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

/** Loads an index, and leaves the function if it is outside the table. */
export function indexAt(f: Func, p: Params, address: Address, bound: Local<"i64">, offset = 0): Expr<"i32"> {
  const index = f.let(load("i64.load", address, offset));
  f.if(op("i64.ge_u", index, bound), () => {
    f.store("i32.store", p.failure, 1);
    f.return();
  });
  return op("i32.wrap_i64", index);
}

/**
 * The tree of a new element of the table, from the old one and the value that is placed there, all as they are stored.
 */
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
 * Exports `check`, which sets `outside` if any of `count` int64 indices is outside [0, size). It is enough to gather
 * the maximum of the high and low words, as unsigned numbers: that of the high words must be 0, that of the low ones
 * below size.
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
