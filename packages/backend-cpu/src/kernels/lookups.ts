/** How numbers are looked up in tables, lane by lane. */
import { type Expr, extract, type Func, load, loadLane, op, shuffle } from "../wasm/emitter.ts";
import type { Node } from "./expression.ts";
import type { Tools } from "./helpers.ts";
import { MANY_ROWS, ROW_BYTES, ROWS, WORD_PAIR } from "./tables.ts";

type Vector = Expr<"v128">;

/** A `lookup` node for both lanes. */
export function lookUp({ detail, bit = 0 }: Node, index: Vector): Vector {
  const address = Number(detail);
  const row = (lane: number): Expr<"i32"> =>
    rowOf(extract("i32x4.extract_lane", index, 2 * lane + (bit >> 5)), bit & 31);
  return loadLane("v128.load64_lane", row(1), load("v128.load64_zero", row(0), address), 1, address);
}

export function lookUpScalar({ detail, bit = 0 }: Node, index: Expr<"i64">): Expr<"f64"> {
  return load("f64.load", rowOf(op("i32.wrap_i64", op("i64.shr_u", index, bit)), 0), Number(detail));
}

/** Where the row of a table begins that eight bits say. */
function rowOf(word: Expr<"i32">, bit: number): Expr<"i32"> {
  const up = Math.log2(ROW_BYTES) - bit;
  if (up > 0) return op("i32.shl", op("i32.and", word, ROWS - 1), up);
  return op("i32.and", op("i32.shr_u", word, -up), (ROWS - 1) * ROW_BYTES);
}

export function columnScalar({ detail, column = 0 }: Node, place: Expr<"i32">): Expr<"f32"> {
  return load("f32.load", op("i32.and", place, MANY_ROWS * WORD_PAIR - 1), Number(detail) + 4 * column);
}

/** `column` nodes of one vector. */
export class Columns {
  readonly #f: Func;
  readonly #tools: Tools;
  readonly #found = new Map<Node, readonly [Vector, Vector]>();

  constructor(f: Func, tools: Tools) {
    this.#f = f;
    this.#tools = tools;
  }

  /** The place's rows are loaded with its first column. */
  of({ args: [place], detail, column }: Node, value: Vector): Vector {
    const [first, last] = this.#found.get(place!) ?? this.#load(value, Number(detail));
    this.#found.set(place!, [first, last]);
    return shuffle(first, last, column === 0 ? [0, 2] : [1, 3]);
  }

  /**
   * The rows of the first two lanes and of the last two, their numbers by turns. Places go through memory: the ports that
   * take lanes out of vectors are those that compute, and loads have their own.
   */
  #load(place: Vector, address: number): readonly [Vector, Vector] {
    const f = this.#f;
    const notes = f.let(this.#tools.notes());
    f.store("v128.store", notes, place);
    const row = (lane: number): Vector =>
      f.let(load("v128.load64_zero", load("i32.load16_u", notes, 4 * lane), address));
    const [a, b, c, d] = [row(0), row(1), row(2), row(3)];
    return [f.let(shuffle(a, b, [0, 4, 1, 5])), f.let(shuffle(c, d, [0, 4, 1, 5]))];
  }
}
