/**
 * The loops of the softmax family: some folds along a line, each of which may use those before, then the results. Lines
 * that lie side by side are taken as vectors, a contiguous line four elements at once.
 */
import type { SoftmaxOp } from "@dl/tensor";
import { type Expr, type Func, type Local, type Module, op, shuffle, v128 } from "../wasm/emitter.ts";
import { access, isVector, loadPacked, loadScalar, storeFirst, storePacked, storeScalar } from "./access.ts";
import { add, constant, div, input, mul, type Node, pmax, sub } from "./expression.ts";
import { eachUnit } from "./fold-loops.ts";
import { Tools } from "./helpers.ts";
import { type Lanes, Lowering } from "./lower.ts";
import { expNegative } from "./math32.ts";
import { unary } from "./unary.ts";

type FloatName = "float32" | "float64";

interface Line {
  readonly inputs: 1 | 2;
  /** `total` of the elements, for each; what they see of earlier folds is `results`. */
  readonly folds: readonly {
    readonly start: number;
    readonly combine: (a: Node, b: Node) => Node;
    readonly element: (xs: readonly Node[], results: readonly Node[]) => Node;
    /** The elements are kept in the output. */
    readonly keep?: boolean;
  }[];
  readonly output: (xs: readonly Node[], results: readonly Node[], kept: Node) => Node;
}

const exp = (x: Node): Node => unary.exp(x, x.type === "f32" ? "float32" : "float64");
const log = (x: Node): Node => unary.log(x, x.type === "f32" ? "float32" : "float64");
const sum = { start: 0, combine: add } as const;
/** NaN is passed over: it comes back with its own power, and so with the sum. */
const top = { start: -Infinity, combine: pmax, element: ([x]: readonly Node[]) => x! } as const;
const powers = ([x]: readonly Node[], [highest]: readonly Node[]): Node => {
  const distance = sub(x!, highest!);
  return distance.type === "f32" ? expNegative(distance) : exp(distance);
};

/** ★ One row per op. Inputs as in the table of ops. */
const lines: { readonly [K in SoftmaxOp]: Line } = {
  softmax: {
    inputs: 1,
    folds: [top, { ...sum, element: powers, keep: true }],
    output: (_, [, total], kept) => div(kept, total!),
  },
  logSoftmax: {
    inputs: 1,
    folds: [top, { ...sum, element: powers }],
    output: ([x], [highest, total]) => sub(sub(x!, highest!), log(total!)),
  },
  softmaxBackward: {
    inputs: 2,
    folds: [{ ...sum, element: ([gradient, y]) => mul(gradient!, y!) }],
    output: ([gradient, y], [total]) => mul(y!, sub(gradient!, total!)),
  },
  logSoftmaxBackward: {
    inputs: 2,
    folds: [{ ...sum, element: ([gradient]) => gradient! }],
    output: ([gradient, y], [total]) => sub(gradient!, mul(exp(y!), total!)),
  },
};

/** Where trees find their operands. */
const RESULTS = 2;
const TOTAL = 4;
const KEPT = 5;

/** `inner` 1: lines are contiguous. Otherwise elements of a line are `inner` elements apart. */
const params = ["chunk", "chunks", "units", "x0", "x1", "target", "size", "inner"] as const;
type Params = { readonly [K in (typeof params)[number]]: Local<"i32"> };

interface Trees {
  readonly folds: readonly (readonly [element: Node, next: Node, start: Node])[];
  readonly merges: readonly Node[];
  readonly output: Node;
}

function treesOf({ folds, output }: Line, type: "f32" | "f64"): Trees {
  const xs = [input(0, type), input(1, type)];
  const results = [input(RESULTS, type), input(RESULTS + 1, type)];
  return {
    folds: folds.map(({ start, combine, element }) => {
      const value = element(xs, results);
      return [value, combine(input(TOTAL, type), value), constant(type, start)];
    }),
    merges: folds.map(({ combine }) => combine(xs[0]!, xs[1]!)),
    output: output(xs, results, input(KEPT, type)),
  };
}

/** Vectors of columns that go together, so that whole cache lines are used. */
const WIDE = 4;

/** How many columns one unit takes. */
export function columnsPerUnit(dtype: FloatName): number {
  return WIDE * (dtype === "float32" ? 4 : 1);
}

interface Way {
  readonly name: SoftmaxOp;
  readonly dtype: FloatName;
  readonly lanes: Lanes;
  readonly columns: boolean;
  readonly trees: Trees;
  readonly tools: Tools;
}

/** Exports `columns`, and `rows` where vectors can be used. */
export function buildSoftmax(m: Module, name: SoftmaxOp, dtype: FloatName): void {
  const trees = treesOf(lines[name], dtype === "float32" ? "f32" : "f64");
  const all = [...trees.folds.flat(), ...trees.merges, trees.output];
  const tools = new Tools(m, all);
  // The powers of float64 have no vector form.
  const lanes: Lanes = dtype === "float32" ? 4 : "scalar";
  const way = { name, dtype, lanes, trees, tools };
  m.func("columns", params, (f, p) => {
    eachUnit(f, p, (unit) => writeColumns(f, p, { ...way, columns: true }, unit));
  });
  if (!isVector(lanes)) return;
  m.func("rows", params, (f, p) => {
    const { bytes } = access[dtype];
    eachUnit(f, p, (unit) => {
      const offset = f.let(op("i32.mul", op("i32.mul", unit, p.size), bytes));
      const step = op("i32.mul", bytes, lanes);
      const starts = startsOf(f, p, name, offset);
      new LineWriter(f, { ...way, columns: false }, { starts, size: p.size, step, left: f.local("i32") }).write();
    });
  });
}

function startsOf(f: Func, p: Params, name: SoftmaxOp, offset: Local<"i32">): Local<"i32">[] {
  const bases = [...[p.x0, p.x1].slice(0, lines[name].inputs), p.target];
  return bases.map((base) => f.let(op("i32.add", base, offset)));
}

/** One unit of columns: all of its vectors at once if they are there, else one after the other. */
function writeColumns(f: Func, p: Params, way: Way, unit: Local<"i32">): void {
  const { bytes } = access[way.dtype];
  const each = columnsPerUnit(way.dtype);
  const units = f.let(op("i32.div_u", op("i32.add", p.inner, each - 1), each));
  const first = f.let(op("i32.mul", op("i32.rem_u", unit, units), each));
  const lead = op("i32.mul", op("i32.mul", op("i32.div_u", unit, units), p.size), p.inner);
  const starts = startsOf(f, p, way.name, f.let(op("i32.mul", op("i32.add", lead, first), bytes)));
  const left = f.let(op("i32.sub", p.inner, first));
  const step = f.let(op("i32.mul", p.inner, bytes));
  const place = { starts, size: p.size, step, left };
  f.if(
    op("i32.ge_s", left, each),
    () => new LineWriter(f, way, place, WIDE).write(),
    () => {
      f.while(op("i32.gt_s", left, 0), () => {
        new LineWriter(f, way, place).write();
        for (const start of starts) f.inc(start, (each / WIDE) * bytes);
        f.inc(left, -each / WIDE);
      });
    },
  );
}

/** Where a group of lines lies. */
interface Place {
  /** The start of each input and of the output. */
  readonly starts: readonly Local<"i32">[];
  readonly size: Local<"i32">;
  /** Bytes from one vector of a line to the next. */
  readonly step: Expr<"i32">;
  /** Counts the elements left in a row; or says how many columns are left. */
  readonly left: Local<"i32">;
}

/** Writes the code for a group of lines: a vector of columns, some of them, or one row. */
class LineWriter {
  readonly #f: Func;
  readonly #way: Way;
  readonly #place: Place;
  readonly #pointers: readonly Local<"i32">[];
  /** Side by side. */
  readonly #vectors: number;

  constructor(f: Func, way: Way, place: Place, vectors = 1) {
    this.#f = f;
    this.#way = way;
    this.#place = place;
    this.#pointers = place.starts.map(() => f.local("i32"));
    this.#vectors = vectors;
  }

  write(): void {
    const { trees, name, columns } = this.#way;
    /** By fold, then by vector. */
    const results: Local[][] = [];
    trees.folds.forEach(([element, next, start], fold) => {
      const code = this.#lowering(element, next);
      const first = this.#f.let(this.#lowering(start).emit([start], [])[0]!);
      const totals = Array.from({ length: this.#vectors }, () => this.#f.let(first));
      this.#each((vector, mask) => {
        const total = totals[vector]!;
        const inputs = operands(this.#inputs(vector), of(results, vector), total);
        const [value, sum] = code.emit([element, next], inputs) as [Expr, Expr];
        const kept = this.#f.let(value);
        if (lines[name].folds[fold]!.keep) this.#store(kept, vector, mask !== undefined);
        const chosen = mask ? op("v128.bitselect", sum as Expr<"v128">, total as Expr<"v128">, mask) : sum;
        this.#f.set(total, chosen as never);
      });
      results.push(columns ? totals : [this.#mergeLanes(totals[0] as Local<"v128">, fold)]);
    });
    this.#writeOutput(results);
  }

  #writeOutput(results: readonly (readonly Local[])[]): void {
    const { output } = this.#way.trees;
    const code = this.#lowering(output);
    const keeps = lines[this.#way.name].folds.some(({ keep }) => keep);
    this.#each((vector, mask) => {
      const kept = keeps ? this.#load(this.#pointers.at(-1)!, vector) : undefined;
      const inputs = operands(this.#inputs(vector), of(results, vector), undefined, kept);
      this.#store(this.#f.let(code.emit([output], inputs)[0]!), vector, mask !== undefined);
    });
  }

  #lowering(...roots: readonly Node[]): Lowering {
    return new Lowering(this.#f, roots, this.#way.lanes, this.#way.tools);
  }

  /** Visits the elements of the lines; `mask` says which lanes are elements where not all are. */
  #each(visit: (vector: number, mask?: Expr<"v128">) => void): void {
    const f = this.#f;
    const { columns, lanes } = this.#way;
    const { starts, size, step, left } = this.#place;
    const [count, taken] = columns ? [f.local("i32"), 1] : [left, lanes as number];
    for (const [i, pointer] of this.#pointers.entries()) f.set(pointer, starts[i]!);
    f.set(count, size);
    f.while(op("i32.ge_s", count, taken), () => {
      for (let vector = 0; vector < this.#vectors; vector++) visit(vector);
      for (const pointer of this.#pointers) f.inc(pointer, step);
      f.inc(count, -taken);
    });
    if (columns) return;
    const numbers = v128(new Int32Array([0, 1, 2, 3]));
    f.if(count, () => visit(0, f.let(op("i32x4.lt_s", numbers, op("i32x4.splat", count)))));
  }

  #inputs(vector: number): Local[] {
    return this.#pointers.slice(0, -1).map((pointer) => this.#load(pointer, vector));
  }

  #load(pointer: Local<"i32">, vector: number): Local {
    const { dtype, lanes } = this.#way;
    const from = access[dtype];
    if (isVector(lanes)) return this.#f.let(loadPacked(from, lanes, pointer, 16 * vector));
    return this.#f.let(loadScalar(from, op("i32.add", pointer, from.bytes * vector)));
  }

  #store(value: Local, vector: number, partial: boolean): void {
    const { dtype, lanes, columns } = this.#way;
    const [f, to, target, { left }] = [this.#f, access[dtype], this.#pointers.at(-1)!, this.#place];
    if (!isVector(lanes)) {
      storeScalar(f, to, op("i32.add", target, to.bytes * vector), value);
      return;
    }
    const all = (): void => storePacked(f, to, lanes, target, value as Expr<"v128">, 16 * vector);
    const some = (): void => storeFirst(f, to, lanes, left, target, value as Expr<"v128">);
    if (columns && this.#vectors === 1) f.if(op("i32.ge_s", left, lanes), all, some);
    else if (partial) some();
    else all();
  }

  /** The fold of all lanes, in every lane. */
  #mergeLanes(total: Local<"v128">, fold: number): Local {
    const merge = this.#way.trees.merges[fold]!;
    for (const order of [
      [2, 3, 0, 1],
      [1, 0, 3, 2],
    ]) {
      const turned = this.#f.let(shuffle(total, total, order));
      this.#f.set(total, this.#lowering(merge).emit([merge], [total, turned])[0] as Expr<"v128">);
    }
    return total;
  }
}

function of(results: readonly (readonly Local[])[], vector: number): Local[] {
  return results.map((vectors) => vectors[vector]!);
}

function operands(xs: readonly Expr[], results: readonly Expr[], total?: Expr, kept?: Expr): Expr[] {
  return [xs[0], xs[1], results[0], results[1], total, kept] as Expr[];
}
