/** Folds over any dimensions of strided views: picks the loop, cuts the work, adds up partial results. */
import { type DType, dtypes, isContiguous, type Shape, sizeOf, type View } from "@dl/tensor";
import type { Kernel as WasmKernel } from "../runtime/engine.ts";
import { engine, threads } from "../runtime/index.ts";
import { addressOf } from "../storage.ts";
import { COLUMNS } from "./columns.ts";
import { lookThrough, type Source } from "./deferred.ts";
import type { Node } from "./expression.ts";
import { buildFold, FOLD_SCRATCH } from "./fold-loops.ts";
import { type FoldPlan, keptFirst, planFold } from "./fold-plan.ts";
import type { Kernel, Output } from "./kernel.ts";
import type { FoldOp } from "./reductions.ts";
import { withTemporaries } from "./temporary.ts";
import { winnersOf } from "./waiting.ts";

/** Elements from which the work is cut for threads, and how many are worth a unit. */
const PARALLEL = 2 ** 16;
const PART = 2 ** 14;
/** Rows that are added into each other one after the other: more would round too often. */
const ROWS = 256;
const MANY = 16;

interface Compiled {
  readonly key: string;
  readonly rows: WasmKernel;
  readonly columns: WasmKernel;
}

const itself = (x: Node): Node => x;

/** One fold from a dtype to another, of the elements or of what a source makes of them. */
class Fold {
  readonly #op: FoldOp;
  readonly #from: DType;
  readonly #to: DType;
  readonly #source: Source | undefined;
  readonly #compiled: Compiled;

  constructor(op: FoldOp, from: DType, to: DType, source?: Source) {
    [this.#op, this.#from, this.#to, this.#source] = [op, from, to, source];
    const { name = "", element = itself } = source ?? {};
    const key = `${op} ${name} ${from} ${to}`;
    this.#compiled = { key, ...engine.module<"rows" | "columns">(key, (m) => buildFold(m, op, from, to, element)) };
  }

  run(x: View, dims: Shape, out: Output): void {
    if (dims.length === x.shape.length && isContiguous(x.shape, x.strides) && sizeOf(x.shape) <= PART) {
      this.#foldAll(x, out);
      return;
    }
    const plan = planFold(x, dims);
    if (plan !== undefined) this.#follow(plan, x, out);
    else {
      withTemporaries(out, (temporaries) => {
        const copy = temporaries.rowMajor(keptFirst(x, dims));
        const last = dims.map((_, i) => x.shape.length - dims.length + i);
        this.run(copy, last, out);
      });
    }
  }

  /** Few elements to one result: the way that must cost nothing. */
  #foldAll(x: View, out: Output): void {
    const count = sizeOf(x.shape);
    const { bytes } = dtypes[this.#from];
    // biome-ignore format: in the order of foldParams
    this.#compiled.rows(0, 1, 1, addressOf(x), out.address, 1, count, 1, 0, 0, 1, 0, 1, 0, count, bytes);
  }

  #follow(plan: FoldPlan, x: View, out: Output): void {
    const kept = plan.kept[0].size * plan.kept[1].size;
    const part = partOf(plan, kept);
    const cut = plan.way === "rows" && plan.reduced[0].size === 1 ? plan.inner.size : plan.reduced[0].size;
    const parts = Math.max(1, Math.ceil(cut / part));
    if (parts === 1) this.#launch(plan, x, out.address, kept, 1, part);
    else {
      withTemporaries(out, (temporaries) => {
        const shape = plan.way === "rows" ? [kept, parts] : [kept, parts, plan.inner.size];
        const partial = temporaries.make(shape, partialDType(this.#op, this.#to));
        const some = new Fold(this.#op, this.#from, partial.dtype, this.#source);
        some.#launch(plan, x, partial.address, kept, parts, part);
        new Fold(this.#op, partial.dtype, this.#to).run(partial, [1], out);
      });
    }
  }

  #launch(plan: FoldPlan, x: View, target: number, kept: number, parts: number, part: number): void {
    const { bytes } = dtypes[this.#from];
    const { way, inner } = plan;
    const [[outerKept, innerKept], [outer, middle]] = [plan.kept, plan.reduced];
    const units = kept * parts * (way === "rows" ? 1 : Math.ceil(inner.size / COLUMNS));
    // biome-ignore format: in the order of foldParams
    const args = [
      units, addressOf(x), target, parts, part,
      innerKept.size, outerKept.stride * bytes, innerKept.stride * bytes,
      outer.size, outer.stride * bytes, middle.size, middle.stride * bytes,
      inner.size, inner.stride * bytes,
    ];
    const { key } = this.#compiled;
    const chunks = sizeOf(x.shape) < PARALLEL ? 1 : Math.min(units, 64);
    threads.parallel(key, way, chunks, args, FOLD_SCRATCH);
  }
}

/** How much of what is reduced one unit takes, by the shapes alone. */
function partOf({ way, reduced, inner }: FoldPlan, kept: number): number {
  const [outer, middle] = [reduced[0].size, reduced[1].size];
  if (way === "columns") return outer * middle > ROWS ? Math.max(1, Math.floor(ROWS / middle)) : Math.max(1, outer);
  const whole = outer === 1 ? inner.size : outer;
  const each = outer === 1 ? 1 : middle * inner.size;
  const enough = kept >= MANY || kept * whole * each < PARALLEL;
  return enough ? Math.max(1, whole) : Math.max(1, Math.floor(PART / each));
}

/** What parts are kept in: 16-bit floats are folded further in float32. */
function partialDType(op: FoldOp, dtype: DType): DType {
  return dtype === "float16" || dtype === "bfloat16" ? "float32" : op === "any" || op === "all" ? "bool" : dtype;
}

function reduce<K extends FoldOp>(op: K): Kernel<K> {
  const folds: { [D in DType]?: Fold } = {};
  return ({ inputs, attrs }, [out]) => {
    const { dims } = attrs as { readonly dims: Shape };
    const given = inputs[0] as View;
    // A sum over whole planes leaves out their zeros.
    const winners = op === "sum" && given.shape.every((_, dim) => dim < 2 || dims.includes(dim)) && winnersOf(given);
    const x = winners ? winners[0] : given;
    const source = lookThrough(x);
    if (source) new Fold(op, source.view.dtype, out!.dtype, source).run(source.view, dims, out!);
    else {
      folds[x.dtype] ??= new Fold(op, x.dtype, out!.dtype);
      folds[x.dtype]!.run(x, dims, out!);
    }
  };
}

export const folds: { readonly [K in FoldOp]: Kernel<K> } = {
  sum: reduce("sum"),
  prod: reduce("prod"),
  amax: reduce("amax"),
  amin: reduce("amin"),
  any: reduce("any"),
  all: reduce("all"),
};
