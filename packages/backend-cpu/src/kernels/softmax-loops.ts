/**
 * The loops of the softmax family: some folds along a line, each of which may use those before, then the results. Lines
 * that lie side by side are taken four at once, a contiguous line four elements at once.
 */
import type { FusedOp } from "@dl/tensor";
import { type Expr, type Func, type Local, type Module, op, shuffle, v128 } from "../wasm/emitter.ts";
import { access, isVector, loadPacked, loadScalar, storeFirst, storePacked, storeScalar } from "./access.ts";
import { add, constant, div, input, max, mul, type Node, sub } from "./expression.ts";
import { eachUnit } from "./fold-loops.ts";
import { Tools } from "./helpers.ts";
import { type Lanes, Lowering, lanesOf } from "./lower.ts";
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
const top = { start: -Infinity, combine: max, element: ([x]: readonly Node[]) => x! } as const;
const powers = ([x]: readonly Node[], [highest]: readonly Node[]): Node => exp(sub(x!, highest!));

/** ★ One row per op. Inputs as in the table of ops. */
const lines: { readonly [K in FusedOp]: Line } = {
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

/** Exports `columns`, and `rows` where vectors can be used. */
export function buildSoftmax(m: Module, name: FusedOp, dtype: FloatName): void {
  const trees = treesOf(lines[name], dtype === "float32" ? "f32" : "f64");
  const all = [...trees.folds.flat(), ...trees.merges, trees.output];
  const tools = new Tools(m, all);
  const lanes = lanesOf(...all);
  for (const way of isVector(lanes) ? (["columns", "rows"] as const) : (["columns"] as const)) {
    m.func(way, params, (f, p) => {
      eachUnit(f, p, (unit) => new LineWriter(f, p, { name, dtype, lanes, way, trees, tools }, unit).write());
    });
  }
}

/** How many lines one unit takes. */
export function linesPerUnit(dtype: FloatName): number {
  return dtype === "float32" ? 4 : 1;
}

interface LineKind {
  readonly name: FusedOp;
  readonly dtype: FloatName;
  readonly lanes: Lanes;
  readonly way: "rows" | "columns";
  readonly trees: Trees;
  readonly tools: Tools;
}

/** Writes the code for one unit. */
class LineWriter {
  readonly #f: Func;
  readonly #kind: LineKind;
  readonly #size: Local<"i32">;
  /** The start of each input and of the output, and where the loop stands. */
  readonly #starts: readonly Local<"i32">[];
  readonly #pointers: readonly Local<"i32">[];
  readonly #step: Expr<"i32">;
  /** Elements left in a row; lines left of a group. */
  readonly #left: Local<"i32">;

  constructor(f: Func, p: Params, kind: LineKind, unit: Local<"i32">) {
    const { bytes } = access[kind.dtype];
    const width = isVector(kind.lanes) ? kind.lanes : 1;
    const bases = [...[p.x0, p.x1].slice(0, lines[kind.name].inputs), p.target];
    this.#f = f;
    this.#kind = kind;
    this.#size = p.size;
    this.#left = f.local("i32");
    if (kind.way === "rows") this.#step = f.let(op("i32.mul", bytes, width));
    else this.#step = f.let(op("i32.mul", p.inner, bytes));
    const groups = f.let(op("i32.div_u", op("i32.add", p.inner, width - 1), width));
    const first = f.let(op("i32.mul", op("i32.rem_u", unit, groups), width));
    const lead = op("i32.mul", op("i32.mul", op("i32.div_u", unit, groups), p.size), p.inner);
    const offset = f.let(op("i32.mul", op("i32.add", lead, first), bytes));
    if (kind.way === "columns") f.set(this.#left, op("i32.sub", p.inner, first));
    this.#starts = bases.map((base) => f.let(op("i32.add", base, offset)));
    this.#pointers = bases.map(() => f.local("i32"));
  }

  write(): void {
    const { trees, name } = this.#kind;
    const results: Local[] = [];
    trees.folds.forEach(([element, next, start], i) => {
      const code = this.#lowering(element, next);
      const total = this.#f.let(this.#lowering(start).emit([start], [])[0]!);
      this.#each((xs, mask) => {
        const [value, sum] = code.emit([element, next], operands(xs, results, total)) as [Expr, Expr];
        const kept = this.#f.let(value);
        if (lines[name].folds[i]!.keep) this.#store(kept, mask !== undefined);
        const chosen = mask ? op("v128.bitselect", sum as Expr<"v128">, total as Expr<"v128">, mask) : sum;
        this.#f.set(total, chosen as never);
      });
      results.push(this.#kind.way === "rows" ? this.#mergeLanes(total as Local<"v128">, i) : total);
    });
    this.#writeOutput(results);
  }

  #writeOutput(results: readonly Local[]): void {
    const { output } = this.#kind.trees;
    const code = this.#lowering(output);
    const keeps = lines[this.#kind.name].folds.some(({ keep }) => keep);
    this.#each((xs, mask) => {
      const kept = keeps ? this.#load(this.#pointers.at(-1)!) : undefined;
      const value = code.emit([output], operands(xs, results, undefined, kept))[0]!;
      this.#store(this.#f.let(value), mask !== undefined);
    });
  }

  #lowering(...roots: readonly Node[]): Lowering {
    return new Lowering(this.#f, roots, this.#kind.lanes, this.#kind.tools);
  }

  /** Visits the elements of the lines; `mask` says which lanes are elements where not all are. */
  #each(visit: (xs: readonly Local[], mask?: Expr<"v128">) => void): void {
    const f = this.#f;
    const rows = this.#kind.way === "rows";
    const count = rows ? this.#left : f.local("i32");
    const taken = rows ? (this.#kind.lanes as number) : 1;
    const load = (): Local[] => this.#pointers.slice(0, -1).map((pointer) => this.#load(pointer));
    for (const [i, pointer] of this.#pointers.entries()) f.set(pointer, this.#starts[i]!);
    f.set(count, this.#size);
    f.while(op("i32.ge_s", count, taken), () => {
      visit(load());
      for (const pointer of this.#pointers) f.inc(pointer, this.#step);
      f.inc(count, -taken);
    });
    if (!rows) return;
    const lanes = v128(new Int32Array([0, 1, 2, 3]));
    f.if(count, () => visit(load(), f.let(op("i32x4.lt_s", lanes, op("i32x4.splat", count)))));
  }

  #load(pointer: Local<"i32">): Local {
    const { dtype, lanes } = this.#kind;
    return this.#f.let(
      isVector(lanes) ? loadPacked(access[dtype], lanes, pointer) : loadScalar(access[dtype], pointer),
    );
  }

  #store(value: Local, partial: boolean): void {
    const { dtype, lanes, way } = this.#kind;
    const [f, to, target] = [this.#f, access[dtype], this.#pointers.at(-1)!];
    if (!isVector(lanes)) {
      storeScalar(f, to, target, value);
      return;
    }
    const all = (): void => storePacked(f, to, lanes, target, value as Expr<"v128">);
    const some = (): void => storeFirst(f, to, lanes, this.#left, target, value as Expr<"v128">);
    if (way === "columns") f.if(op("i32.ge_s", this.#left, lanes), all, some);
    else if (partial) some();
    else all();
  }

  /** The fold of all lanes, in every lane. */
  #mergeLanes(total: Local<"v128">, fold: number): Local {
    const merge = this.#kind.trees.merges[fold]!;
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

function operands(xs: readonly Expr[], results: readonly Expr[], total?: Expr, kept?: Expr): Expr[] {
  return [xs[0], xs[1], results[0], results[1], total, kept] as Expr[];
}
