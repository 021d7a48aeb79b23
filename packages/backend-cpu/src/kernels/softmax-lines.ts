/**
 * ★ The softmax family, one row per op. All its ops work on lines of one dimension in the same way: first one or two
 * folds (such as the maximum, then the sum of the powers), each of which may use the results of those before; then the
 * output is computed from the elements and these results. `softmax-rows.ts` and `softmax-columns.ts` have the loops.
 */
import type { SoftmaxOp } from "@dl/tensor";
import { type Access, access } from "./access.ts";
import * as e64 from "./exponential64.ts";
import { add, constant, div, fma, input, mul, type Node, neg, pmax, sub } from "./expression.ts";
import type { Tools } from "./helpers.ts";
import { collect } from "./lanes.ts";
import * as m32 from "./math32.ts";
import { unary } from "./unary.ts";

export type FloatName = "float32" | "float64" | "float16" | "bfloat16";
type FloatType = "f32" | "f64";

/** What a fold makes of an element. */
interface Terms {
  /** What is added to the total. */
  readonly folded: Node;
  /** What later folds and the output may read instead of the element. */
  readonly kept?: Node;
}

interface Fold {
  readonly start: number;
  readonly combine: (a: Node, b: Node) => Node;
  /** The terms of an element of each input, given the results of the earlier folds. */
  readonly terms: (xs: readonly Node[], results: readonly Node[]) => Terms;
  /** The results of the fold, computed once a line from the total; by default the total itself. */
  readonly finish?: (total: Node) => readonly Node[];
}

interface Line {
  readonly inputs: 1 | 2;
  readonly folds: readonly Fold[];
  readonly output: (xs: readonly Node[], results: readonly Node[], kept: Node) => Node;
}

/** eˣ for x ≤ 0. */
const exp = (x: Node): Node => (x.type === "f32" ? m32.expNegative(x) : e64.expNegative(x));
const log = (x: Node): Node => unary.log(x, x.type === "f32" ? "float32" : "float64");
const sum = { start: 0, combine: add } as const;
/** The maximum. It may skip NaN, which makes the sum of the powers NaN in any case. */
const top = { start: -Infinity, combine: pmax, terms: ([x]: readonly Node[]) => ({ folded: x! }) } as const;

function powers([x]: readonly Node[], [highest]: readonly Node[]): Terms {
  const power = exp(sub(x!, highest!));
  return { folded: power, kept: power };
}

function distances([x]: readonly Node[], [highest]: readonly Node[]): Terms {
  const distance = sub(x!, highest!);
  return { folded: exp(distance), kept: distance };
}

/**
 * In float32 the inverse of the total, and the rest that float32 cannot hold: the sum of the products with both is as
 * exact as a quotient. In float64 elements are divided by the total.
 */
function reciprocal(total: Node): readonly Node[] {
  if (total.type === "f64") return [total, total];
  const high = div(1, total);
  return [high, mul(fma(neg(high), total, 1), high)];
}

/** The inputs of each op are those in the op table. */
export const lines: { readonly [K in SoftmaxOp]: Line } = {
  softmax: {
    inputs: 1,
    folds: [top, { ...sum, terms: powers, finish: reciprocal }],
    output: (_, [, high, low], kept) => (kept.type === "f64" ? div(kept, high!) : fma(kept, high!, mul(kept, low!))),
  },
  logSoftmax: {
    inputs: 1,
    folds: [top, { ...sum, terms: distances, finish: (total) => [log(total)] }],
    output: (_, [, total], distance) => sub(distance, total!),
  },
  softmaxBackward: {
    inputs: 2,
    folds: [{ ...sum, terms: ([gradient, y]) => ({ folded: mul(gradient!, y!) }) }],
    output: ([gradient, y], [total]) => mul(y!, sub(gradient!, total!)),
  },
  logSoftmaxBackward: {
    inputs: 2,
    folds: [{ ...sum, terms: ([gradient]) => ({ folded: gradient! }) }],
    output: ([gradient, y], [total]) => sub(gradient!, mul(exp(y!), total!)),
  },
};

/** The operands of trees by index: two inputs, the results of the folds, the total of a fold, and the kept value. */
const RESULTS = 2;
export const MOST_RESULTS = 3;
const TOTAL = RESULTS + MOST_RESULTS;
const KEPT = TOTAL + 1;

export interface FoldTrees {
  readonly start: Node;
  readonly element: Node;
  /** The total after the element was added. */
  readonly next: Node;
  /** The combination of two totals. */
  readonly merge: Node;
  readonly finish: readonly Node[];
  /** What is stored for later folds and the output. */
  readonly kept: Node | undefined;
}

export interface Trees {
  readonly folds: readonly FoldTrees[];
  readonly output: Node;
}

/**
 * What is stored for later passes over a line, so that they need not read the input again: the input as the first of
 * several folds reads it (`"read"`), too; only the `kept` terms of the table (`"elements"`); or nothing.
 */
export type Keeping = "read" | "elements" | "nothing";

export function treesOf(name: SoftmaxOp, dtype: FloatName, keeping: Keeping, loaded: (x: Node) => Node): Trees {
  const { folds, output } = lines[name];
  const { raw, decode, encode } = access[dtype];
  const type = typeOf(dtype);
  const read = [loaded(decode(input(0, raw))), decode(input(1, raw))];
  const kept = input(KEPT, type);
  const results = Array.from({ length: MOST_RESULTS }, (_, i) => input(RESULTS + i, type));
  const total = input(TOTAL, type);
  const copies = keeping === "read" && folds.length > 1;
  const seen = copies ? [kept] : read;
  const last = keeping === "nothing" ? folds.at(-1)!.terms(read, results).kept : kept;
  return {
    folds: folds.map(({ start, combine, terms, finish = (x) => [x] }, i) => {
      const { folded, kept } = terms(i > 0 ? seen : read, results);
      const [next, merge] = [combine(total, folded), combine(input(0, type), input(1, type))];
      const copied = copies && i === 0 ? folded : undefined;
      const stored = keeping === "nothing" ? undefined : (kept ?? copied);
      return { start: constant(type, start), element: folded, next, merge, finish: finish(total), kept: stored };
    }),
    output: encode(output(seen, results, last ?? kept)),
  };
}

export const typeOf = (dtype: FloatName): FloatType => (dtype === "float64" ? "f64" : "f32");

/** The dtype of kept values. */
export const keptAs = (type: FloatType): Access => access[type === "f32" ? "float32" : "float64"];

/** Which of the inputs, and whether kept values, are operands of some trees. */
export function usedBy(trees: readonly Node[]): { readonly read: readonly boolean[]; readonly kept: boolean } {
  const used = new Set([...collect(trees)].filter(({ op }) => op === "input").map(({ detail }) => detail));
  return { read: [0, 1].map((i) => used.has(i)), kept: used.has(KEPT) };
}

/** Operands in the order of their indices. */
export function operands<T>(xs: readonly T[], results: readonly T[], total?: T, kept?: T): T[] {
  return [xs[0], xs[1], ...Array.from({ length: MOST_RESULTS }, (_, i) => results[i]), total, kept] as T[];
}

/** The description of a kernel. */
export interface Way {
  readonly dtype: FloatName;
  readonly type: FloatType;
  readonly lanes: 2 | 4;
  readonly trees: Trees;
  readonly tools: Tools;
  /** The engine joins neighbouring vectors, see `Features`. */
  readonly joined: boolean;
}
