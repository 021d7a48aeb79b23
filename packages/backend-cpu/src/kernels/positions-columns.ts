/** Extremes of lines that lie side by side: in lanes, with their rows beside them in scratch memory, while rows go by. */
import type { DType } from "@dl/tensor";
import { at, min, shareOf } from "../dense/element.ts";
import { type Expr, type Func, type Local, load, type Module, op, splat } from "../wasm/emitter.ts";
import { type Access, access, loadPacked } from "./access.ts";
import { eachRow, eachVector, type Run } from "./columns.ts";
import { input, type Node, type NumberType, select, widthOf } from "./expression.ts";
import { placeOf } from "./folds.ts";
import { Tools } from "./helpers.ts";
import { Lowering } from "./lower.ts";
import { type PositionOp, params, treesOf } from "./positions-loops.ts";

type I32 = Local<"i32">;
type Vector = Local<"v128">;

/** Lines of a unit, which needs 16 bytes of scratch for each. */
export const ABREAST = 256;
/** Of scratch for a vector of extremes, and the vector of their rows. */
const HELD = 32;

export function buildAbreast(m: Module, name: PositionOp, dtype: DType): void {
  const { value, wins } = treesOf(name, dtype);
  const wide = widthOf(value.type) === 64;
  const [x, best] = [0, 1].map((i) => input(i, value.type as NumberType)) as [Node, Node];
  const [row, found] = [2, 3].map((i) => input(i, wide ? "i64" : "i32")) as [Node, Node];
  const next = [select(wins, x, best), select(wins, row, found)];
  const tools = new Tools(m, [value, ...next]);
  m.func("positions", params, (f, p) => {
    const seeker = new Seeker(f, access[dtype], wide ? 2 : 4, value, next, tools);
    const scratch = f.let(m.scratch());
    shareOf(f, p, p.units, (unit) => {
      const blocks = f.let(op("i32.div_u", op("i32.add", p.width, ABREAST - 1), ABREAST));
      const column = f.let(op("i32.mul", op("i32.rem_u", unit, blocks), ABREAST));
      const line = f.let(op("i32.div_u", unit, blocks));
      const width = min(f, op("i32.sub", p.width, column), ABREAST);
      const source = at(placeOf(p, line), column, access[dtype].bytes);
      const target = at(p.target, op("i32.add", op("i32.mul", line, p.width), column), 8);
      seeker.seek(scratch, width, source, p.inner, p.innerStride, target);
    });
  });
}

class Seeker {
  readonly #f: Func;
  readonly #element: Access;
  readonly #lanes: 2 | 4;
  readonly #value: Node;
  readonly #next: readonly Node[];
  readonly #code: Lowering;
  readonly #zero: Vector;

  constructor(f: Func, element: Access, lanes: 2 | 4, value: Node, next: readonly Node[], tools: Tools) {
    [this.#f, this.#element, this.#lanes, this.#value, this.#next] = [f, element, lanes, value, next];
    this.#code = new Lowering(f, [value, ...next], lanes, tools);
    this.#zero = f.let(splat("i32x4", 0));
  }

  seek(scratch: I32, width: I32, source: Expr<"i32">, count: I32, stride: I32, target: Expr<"i32">): void {
    const [f, lanes] = [this.#f, this.#lanes];
    const held: Run = [scratch, HELD];
    const first: Run = [f.let(source), lanes * this.#element.bytes];
    eachVector(f, width, lanes, [held, first], ([state, place], vectors) => {
      for (let i = 0; i < vectors; i++) this.#keep(state!, i, this.#load(place!, i), this.#zero);
    });
    eachRow(f, count, stride, first, (rows, row) => {
      eachVector(f, width, lanes, [held, ...rows], ([state, ...places], vectors) => {
        for (let i = 0; i < vectors; i++) this.#join(state!, i, places, row);
      });
    });
    eachVector(f, width, lanes, [held, [target, 8 * lanes]], (places, _, left) => this.#write(places, left), [1]);
  }

  #load(place: I32, i: number): Vector {
    const raw = loadPacked(this.#element, this.#lanes, place, i * this.#lanes * this.#element.bytes);
    return this.#f.let(this.#code.emit([this.#value], [raw])[0] as Expr<"v128">);
  }

  #keep(state: I32, i: number, top: Vector, found: Vector): void {
    this.#f.store("v128.store", state, top, HELD * i);
    this.#f.store("v128.store", state, found, HELD * i + 16);
  }

  #join(state: I32, i: number, places: readonly I32[], first: I32): void {
    const f = this.#f;
    let [top, found] = [0, 16].map((k) => f.let(load("v128.load", state, HELD * i + k))) as [Vector, Vector];
    for (const [k, place] of places.entries()) {
      const row = op("i32.add", first, k);
      const rows = this.#lanes === 4 ? op("i32x4.splat", row) : op("i64x2.splat", op("i64.extend_i32_u", row));
      const after = this.#code.emit(this.#next, [this.#load(place, i), top, rows, found]) as Expr<"v128">[];
      [top, found] = after.map((vector) => f.let(vector)) as [Vector, Vector];
    }
    this.#keep(state, i, top, found);
  }

  #write([state, target]: readonly I32[], left: I32): void {
    for (let lane = 0; lane < this.#lanes; lane++) {
      const place = 16 + (16 / this.#lanes) * lane;
      const found =
        this.#lanes === 4 ? op("i64.extend_i32_u", load("i32.load", state!, place)) : load("i64.load", state!, place);
      this.#f.if(op("i32.gt_s", left, lane), () => this.#f.store("i64.store", target!, found, 8 * lane));
    }
  }
}
