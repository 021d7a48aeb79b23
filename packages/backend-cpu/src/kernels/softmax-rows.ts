/** Softmax along contiguous lines of float32: four vectors at once, then one, then the rest under a mask. */
import { type Expr, type Func, type Local, op, shuffle, v128 } from "../wasm/emitter.ts";
import { access, loadPacked, storeFirst, storePacked } from "./access.ts";
import type { Node } from "./expression.ts";
import { Lowering } from "./lower.ts";
import { operands, type Way } from "./softmax-lines.ts";

type Int = Local<"i32">;
type Vector = Local<"v128">;
type Visit = (vector: number, mask?: Vector) => void;

const LANES = 4;
const VECTORS = 4;
const { float32 } = access;

export class RowWriter {
  readonly #f: Func;
  readonly #way: Way;
  readonly #starts: readonly Int[];
  readonly #size: Int;
  readonly #pointers: readonly Int[];
  readonly #left: Int;

  /** `starts`: of each input and of the output. */
  constructor(f: Func, way: Way, starts: readonly Int[], size: Int) {
    [this.#f, this.#way, this.#starts, this.#size] = [f, way, starts, size];
    this.#pointers = starts.map(() => f.local("i32"));
    this.#left = f.local("i32");
  }

  write(): void {
    const { folds, output, keeps } = this.#way.trees;
    const results: Vector[] = [];
    for (const fold of folds) {
      const totals = this.#f.locals("v128", VECTORS);
      const start = this.#emit([fold.start], []);
      for (const total of totals) this.#f.set(total, start[0]!);
      this.#each((vector, mask) => {
        const total = totals[vector]!;
        const [element, next] = this.#emit([fold.element, fold.next], operands(this.#inputs(vector), results, total));
        if (fold.keep) this.#store(element!, vector, mask !== undefined);
        this.#f.set(total, mask ? op("v128.bitselect", next!, total, mask) : next!);
      });
      results.push(this.#emit([fold.finish], operands([], [], this.#merged(totals, fold.merge)))[0]!);
    }
    this.#each((vector, mask) => {
      const kept = keeps ? this.#load(this.#pointers.at(-1)!, vector) : undefined;
      const [value] = this.#emit([output], operands(this.#inputs(vector), results, undefined, kept));
      this.#store(value!, vector, mask !== undefined);
    });
  }

  #emit(trees: readonly Node[], inputs: readonly Expr[]): Vector[] {
    const { lanes, tools } = this.#way;
    const values = new Lowering(this.#f, trees, lanes, tools).emit(trees, inputs);
    return values.map((value) => this.#f.let(value as Expr<"v128">));
  }

  /** `mask` says which lanes are elements where not all are. */
  #each(visit: Visit): void {
    const [f, left] = [this.#f, this.#left];
    for (const [i, pointer] of this.#pointers.entries()) f.set(pointer, this.#starts[i]!);
    f.set(left, this.#size);
    for (const vectors of [VECTORS, 1]) {
      f.while(op("i32.ge_s", left, vectors * LANES), () => {
        for (let vector = 0; vector < vectors; vector++) visit(vector);
        for (const pointer of this.#pointers) f.inc(pointer, 16 * vectors);
        f.inc(left, -vectors * LANES);
      });
    }
    const numbers = v128(new Int32Array([0, 1, 2, 3]));
    f.if(left, () => visit(0, f.let(op("i32x4.lt_s", numbers, op("i32x4.splat", left)))));
  }

  #inputs(vector: number): Vector[] {
    return this.#pointers.slice(0, -1).map((pointer) => this.#load(pointer, vector));
  }

  #load(pointer: Int, vector: number): Vector {
    return this.#f.let(loadPacked(float32, LANES, pointer, 16 * vector));
  }

  #store(value: Vector, vector: number, partial: boolean): void {
    const target = this.#pointers.at(-1)!;
    if (partial) storeFirst(this.#f, float32, LANES, this.#left, target, value);
    else storePacked(this.#f, float32, LANES, target, value, 16 * vector);
  }

  /** The fold of all totals' lanes, in every lane. */
  #merged(totals: readonly Vector[], merge: Node): Vector {
    const pair = (a: Vector, b: Vector): Vector => this.#emit([merge], [a, b])[0]!;
    const [a, b, c, d] = totals as [Vector, Vector, Vector, Vector];
    const turned = (x: Vector, order: readonly number[]): Vector => pair(x, this.#f.let(shuffle(x, x, order)));
    return turned(turned(pair(pair(a, b), pair(c, d)), [2, 3, 0, 1]), [1, 0, 3, 2]);
  }
}
