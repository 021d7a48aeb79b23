/** Softmax along lines that lie side by side: a panel of columns at once, row by row, with its totals in scratch memory. */
import { type Expr, type Func, type Local, op } from "../wasm/emitter.ts";
import { access, loadPacked, storeFirst, storePacked } from "./access.ts";
import type { Node } from "./expression.ts";
import { Lowering } from "./lower.ts";
import { MOST_RESULTS, operands, type Way } from "./softmax-lines.ts";

type Int = Local<"i32">;

/** Columns of a panel, at most. */
export const PANEL = 256;
/** Of scratch, for results of float64. */
export const SCRATCH_BYTES: number = MOST_RESULTS * 8 * PANEL;

export interface Panel {
  /** Of each input and of the output. */
  readonly starts: readonly Int[];
  readonly size: Int;
  /** Bytes from one row to the next. */
  readonly step: Int;
  readonly width: Int;
  readonly scratch: Int;
}

export class PanelWriter {
  readonly #f: Func;
  readonly #way: Way;
  readonly #panel: Panel;
  readonly #lanes: 2 | 4;
  /** In the order of `starts`, then into the totals. */
  readonly #cursors: readonly Int[];
  readonly #left: Int;

  constructor(f: Func, way: Way, panel: Panel) {
    [this.#f, this.#way, this.#panel] = [f, way, panel];
    this.#lanes = way.lanes;
    this.#cursors = [...panel.starts, panel.scratch].map(() => f.local("i32"));
    this.#left = f.local("i32");
  }

  write(): void {
    const { folds, output, keeps } = this.#way.trees;
    let known = 0;
    for (const fold of folds) {
      const k = known;
      this.#eachTotal(() => this.#setTotal(k, this.#emit([fold.start], [])[0]!));
      this.#eachRow((partial) => {
        const inputs = operands(this.#inputs(), this.#totals(k), this.#total(k));
        const [element, next] = this.#emit([fold.element, fold.next], inputs);
        if (fold.keep) this.#store(element!, partial);
        this.#setTotal(k, next!);
      });
      this.#eachTotal(() => {
        const results = this.#emit(fold.finish, operands([], [], this.#total(k)));
        for (const [i, result] of results.entries()) this.#setTotal(k + i, result);
      });
      known += fold.finish.length;
    }
    this.#eachRow((partial) => {
      const kept = keeps ? this.#load(this.#cursors.at(-2)!) : undefined;
      const inputs = operands(this.#inputs(), this.#totals(known), undefined, kept);
      this.#store(this.#emit([output], inputs)[0]!, partial);
    });
  }

  #emit(trees: readonly Node[], inputs: readonly Expr[]): Local[] {
    const { lanes, tools } = this.#way;
    return new Lowering(this.#f, trees, lanes, tools).emit(trees, inputs).map((value) => this.#f.let(value));
  }

  #eachRow(visit: (partial: boolean) => void): void {
    const { starts, size, step } = this.#panel;
    const rows = starts.map((start) => this.#f.let(start));
    this.#f.range(size, () => {
      this.#eachVector(rows, visit);
      for (const row of rows) this.#f.inc(row, step);
    });
  }

  #eachTotal(visit: () => void): void {
    this.#eachVector([], visit);
  }

  /** Lanes beyond a row compute what nobody reads. */
  #eachVector(rows: readonly Int[], visit: (partial: boolean) => void): void {
    const [f, left, lanes] = [this.#f, this.#left, this.#lanes];
    const { bytes } = access[this.#way.dtype];
    for (const [i, row] of rows.entries()) f.set(this.#cursors[i]!, row);
    f.set(this.#cursors.at(-1)!, this.#panel.scratch);
    f.set(left, this.#panel.width);
    f.while(op("i32.ge_s", left, lanes), () => {
      visit(false);
      for (const cursor of this.#cursors) f.inc(cursor, lanes * bytes);
      f.inc(left, -lanes);
    });
    f.if(left, () => visit(true));
  }

  #inputs(): Local[] {
    return this.#cursors.slice(0, -2).map((cursor) => this.#load(cursor));
  }

  /** The first `count`. */
  #totals(count: number): Local[] {
    return Array.from({ length: count }, (_, fold) => this.#total(fold));
  }

  #placeOf(fold: number): Expr<"i32"> {
    return op("i32.add", this.#cursors.at(-1)!, fold * PANEL * access[this.#way.dtype].bytes);
  }

  #total(fold: number): Local {
    return this.#load(this.#placeOf(fold));
  }

  #setTotal(fold: number, value: Local): void {
    this.#put(this.#placeOf(fold), value);
  }

  #load(address: Expr<"i32">): Local {
    const { dtype, lanes } = this.#way;
    return this.#f.let(loadPacked(access[dtype], lanes, address));
  }

  #put(address: Expr<"i32">, value: Local): void {
    const { dtype, lanes } = this.#way;
    storePacked(this.#f, access[dtype], lanes, address, value as Local<"v128">);
  }

  #store(value: Local, partial: boolean): void {
    const { dtype, lanes } = this.#way;
    const target = this.#cursors.at(-2)!;
    if (partial) storeFirst(this.#f, access[dtype], lanes, this.#left, target, value as Local<"v128">);
    else this.#put(target, value);
  }
}
