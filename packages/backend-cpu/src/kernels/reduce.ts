/**
 * Reductions (folds) over any dimensions of strided views: chooses the loop, cuts the work into units, and combines
 * partial results.
 */
import { type DType, dtypes, isContiguous, type Shape, sizeOf, type View } from "@dl/tensor";
import type { Kernel as WasmKernel } from "../runtime/engine.ts";
import { engine, threads } from "../runtime/index.ts";
import { addressOf } from "../storage.ts";
import { COLUMNS } from "./columns.ts";
import type { Node } from "./expression.ts";
import { buildFold, FOLD_SCRATCH } from "./fold-loops.ts";
import { type FoldPlan, keptFirst, planFold } from "./fold-plan.ts";
import type { Folded } from "./folds.ts";
import type { Kernel, Output } from "./kernel.ts";
import { lookThrough, type Source } from "./look-through.ts";
import type { FoldOp } from "./reductions.ts";
import { type Temporary, withTemporaries } from "./temporary.ts";
import { winnersOf } from "./waiting.ts";

/** From so many elements on, the work is shared by threads. */
const PARALLEL = 2 ** 16;
/** The elements of a unit. */
const PART = 2 ** 14;
/** The most rows that are added into each other, since longer chains of additions round too often. */
const ROWS = 128;
/** So many outputs make units enough for all threads, as long as none of them reduces more than `LONG` elements. */
const MANY = 16;
const LONG = 2 ** 16;

interface Compiled {
  readonly key: string;
  readonly rows: WasmKernel;
  readonly columns: WasmKernel;
}

/**
 * How a reduction is done in parts: the fold of the parts, the dtype of their results, and the folds of these results.
 */
interface Parts {
  readonly dtype: DType;
  readonly some: Fold;
  readonly rest: readonly Fold[];
}

/** One or more folds that read their input only once, from a dtype to another; perhaps through a deferred input. */
class Fold {
  readonly #ops: readonly FoldOp[];
  readonly #from: DType;
  readonly #to: DType;
  readonly #source: Source | undefined;
  readonly #compiled: Compiled;
  #parts: Parts | undefined;

  constructor(ops: readonly FoldOp[], from: DType, to: DType, source?: Source) {
    [this.#ops, this.#from, this.#to, this.#source] = [ops, from, to, source];
    const { name = "", element = (x: Node) => x, beside } = source ?? {};
    const key = `${ops} ${name} ${from} ${to}`;
    const folded: Folded = { from, views: beside ? 2 : 1, element };
    this.#compiled = { key, ...engine.module<"rows" | "columns">(key, (m) => buildFold(m, ops, folded, to)) };
  }

  run(x: View, dims: Shape, outs: readonly Output[]): void {
    if (dims.length === x.shape.length && isContiguous(x.shape, x.strides) && sizeOf(x.shape) <= PART) {
      this.#foldAll(x, outs);
      return;
    }
    const plan = planFold(x, dims);
    if (plan !== undefined) this.#follow(plan, x, outs);
    else {
      withTemporaries(outs[0]!, (temporaries) => {
        const copy = temporaries.rowMajor(keptFirst(x, dims));
        const last = dims.map((_, i) => x.shape.length - dims.length + i);
        this.run(copy, last, outs);
      });
    }
  }

  /** The distance in bytes from `x` to the second view of the source. */
  #beside(x: View): number {
    const other = this.#source?.beside;
    return other ? addressOf(other) - addressOf(x) : 0;
  }

  /** Reduces few contiguous elements to one result. This common case must have hardly any overhead. */
  #foldAll(x: View, [out, second]: readonly Output[]): void {
    const count = sizeOf(x.shape);
    const { bytes } = dtypes[this.#from];
    // biome-ignore format: in the order of foldParams
    this.#compiled.rows(0, 1, 1, addressOf(x), out!.address, apart(out!, second), 1, count, this.#beside(x), 1, 0, 0, 1, 0, 1, 0, count, bytes);
  }

  #follow(plan: FoldPlan, x: View, outs: readonly Output[]): void {
    const [first, second] = outs as readonly [Output, Output?];
    const kept = plan.kept[0].size * plan.kept[1].size;
    const part = partOf(plan, kept);
    const cut = plan.way === "rows" && plan.reduced[0].size === 1 ? plan.inner.size : plan.reduced[0].size;
    const parts = Math.max(1, Math.ceil(cut / part));
    if (parts === 1) this.#launch(plan, x, [first.address, apart(first, second)], kept, 1, part);
    else {
      withTemporaries(first, (temporaries) => {
        const shape = plan.way === "rows" ? [kept, parts] : [kept, parts, plan.inner.size];
        this.#parts ??= this.#makeParts();
        const { dtype, some, rest } = this.#parts;
        const partial = rest.map(() => temporaries.make(shape, dtype)) as [Temporary, Temporary?];
        some.#launch(plan, x, [partial[0].address, apart(...partial)], kept, parts, part);
        for (const [i, fold] of rest.entries()) fold.run(partial[i]!, [1], [outs[i]!]);
      });
    }
  }

  #makeParts(): Parts {
    const dtype = partialDType(this.#ops[0]!, this.#to);
    const some = dtype === this.#to ? this : new Fold(this.#ops, this.#from, dtype, this.#source);
    return { dtype, some, rest: this.#ops.map((op) => new Fold([op], dtype, this.#to)) };
  }

  #launch(plan: FoldPlan, x: View, target: readonly [number, number], kept: number, parts: number, part: number): void {
    const { bytes } = dtypes[this.#from];
    const { way, inner } = plan;
    const [[outerKept, innerKept], [outer, middle]] = [plan.kept, plan.reduced];
    const units = kept * parts * (way === "rows" ? 1 : Math.ceil(inner.size / COLUMNS));
    // biome-ignore format: in the order of foldParams
    const args = [
      units, addressOf(x), ...target, parts, part, this.#beside(x),
      innerKept.size, outerKept.stride * bytes, innerKept.stride * bytes,
      outer.size, outer.stride * bytes, middle.size, middle.stride * bytes,
      inner.size, inner.stride * bytes,
    ];
    const { key } = this.#compiled;
    const chunks = sizeOf(x.shape) < PARALLEL ? 1 : Math.min(units, 64);
    threads.parallel(key, way, chunks, args, FOLD_SCRATCH);
  }
}

/** The distance in bytes between two outputs; 0 if there is only one. */
function apart(first: { readonly address: number }, second: { readonly address: number } = first): number {
  return second.address - first.address;
}

/** How much of the reduced dimension one unit takes. It depends on the shapes alone, and so does the rounding. */
function partOf({ way, reduced, inner }: FoldPlan, kept: number): number {
  const [outer, middle] = [reduced[0].size, reduced[1].size];
  if (way === "columns") return outer * middle > ROWS ? Math.max(1, Math.floor(ROWS / middle)) : Math.max(1, outer);
  const whole = outer === 1 ? inner.size : outer;
  const each = outer === 1 ? 1 : middle * inner.size;
  const enough = whole * each <= LONG && (kept >= MANY || kept * whole * each < PARALLEL);
  return enough ? Math.max(1, whole) : Math.max(1, Math.floor(PART / each));
}

/** The dtype of partial results: 16-bit floats are folded further in float32. */
function partialDType(op: FoldOp, dtype: DType): DType {
  return dtype === "float16" || dtype === "bfloat16" ? "float32" : op === "any" || op === "all" ? "bool" : dtype;
}

function reduce<K extends FoldOp | "extremes">(op: K, ...ops: readonly FoldOp[]): Kernel<K> {
  const folds: { [D in DType]?: Fold } = {};
  return ({ inputs, attrs }, outs) => {
    const { dims } = attrs as { readonly dims: Shape };
    const given = inputs[0] as View;
    // A sum over whole planes needs only the numbers that are not zero.
    const winners = op === "sum" && given.shape.every((_, dim) => dim < 2 || dims.includes(dim)) && winnersOf(given);
    const x = winners ? winners[0] : given;
    const seen = lookThrough(x);
    const found = seen && planFold(x, dims) ? seen : undefined;
    // Of truth values that are written, sixteen neighbours are counted at a time, in less time than it takes to widen numbers.
    const counts = op === "sum" && x.dtype === "bool" && dims.includes(x.shape.length - 1);
    const source = counts && found && dtypes[found.view.dtype].bytes <= 2 ? undefined : found;
    const { dtype } = outs[0]!;
    if (source) new Fold(ops, source.view.dtype, dtype, source).run(source.view, dims, outs);
    else {
      folds[x.dtype] ??= new Fold(ops, x.dtype, dtype);
      folds[x.dtype]!.run(x, dims, outs);
    }
  };
}

export const folds: { readonly [K in FoldOp | "extremes"]: Kernel<K> } = {
  sum: reduce("sum", "sum"),
  prod: reduce("prod", "prod"),
  amax: reduce("amax", "amax"),
  amin: reduce("amin", "amin"),
  any: reduce("any", "any"),
  all: reduce("all", "all"),
  extremes: reduce("extremes", "amin", "amax"),
};
