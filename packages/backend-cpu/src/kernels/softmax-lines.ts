/** ★ The softmax family: some folds along a line, each of which may use those before, then the results. */
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

interface Terms {
  readonly folded: Node;
  /** What later folds and the output read instead of the element. */
  readonly kept?: Node;
}

interface Fold {
  readonly start: number;
  readonly combine: (a: Node, b: Node) => Node;
  /** What is made of an element; what it sees of earlier folds is `results`. */
  readonly terms: (xs: readonly Node[], results: readonly Node[]) => Terms;
  /** What later folds and the output need of the total, once a line; else the total itself. */
  readonly finish?: (total: Node) => readonly Node[];
}

interface Line {
  readonly inputs: 1 | 2;
  readonly folds: readonly Fold[];
  readonly output: (xs: readonly Node[], results: readonly Node[], kept: Node) => Node;
}

/** Of what is never above 0. */
const exp = (x: Node): Node => (x.type === "f32" ? m32.expNegative(x) : e64.expNegative(x));
const log = (x: Node): Node => unary.log(x, x.type === "f32" ? "float32" : "float64");
const sum = { start: 0, combine: add } as const;
/** NaN is passed over: it comes back with its own power, and so with the sum. */
const top = { start: -Infinity, combine: pmax, terms: ([x]: readonly Node[]) => ({ folded: x! }) } as const;

function powers([x]: readonly Node[], [highest]: readonly Node[]): Terms {
  const power = exp(sub(x!, highest!));
  return { folded: power, kept: power };
}

function distances([x]: readonly Node[], [highest]: readonly Node[]): Terms {
  const distance = sub(x!, highest!);
  return { folded: exp(distance), kept: distance };
}

/** 1 / total, and what float32 cannot hold of it: products with both are as exact as quotients. float64 is divided. */
function reciprocal(total: Node): readonly Node[] {
  if (total.type === "f64") return [total, total];
  const high = div(1, total);
  return [high, mul(fma(neg(high), total, 1), high)];
}

/** One row per op. Inputs as in the table of ops. */
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

/** Where trees find their operands: after two inputs come the results. */
const RESULTS = 2;
export const MOST_RESULTS = 3;
const TOTAL = RESULTS + MOST_RESULTS;
const KEPT = TOTAL + 1;

export interface FoldTrees {
  readonly start: Node;
  readonly element: Node;
  /** The total with the element. */
  readonly next: Node;
  /** Two totals. */
  readonly merge: Node;
  readonly finish: readonly Node[];
  /** What is stored for later. */
  readonly kept: Node | undefined;
}

export interface Trees {
  readonly folds: readonly FoldTrees[];
  readonly output: Node;
}

/** What is kept for later folds and the output: what the first of several reads, elements of the table's choice, or nothing. */
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

/** What elements are kept as. */
export const keptAs = (type: FloatType): Access => access[type === "f32" ? "float32" : "float64"];

/** What trees need to be given. */
export function usedBy(trees: readonly Node[]): { readonly read: readonly boolean[]; readonly kept: boolean } {
  const used = new Set([...collect(trees)].filter(({ op }) => op === "input").map(({ detail }) => detail));
  return { read: [0, 1].map((i) => used.has(i)), kept: used.has(KEPT) };
}

/** In the order of the trees' operands. */
export function operands<T>(xs: readonly T[], results: readonly T[], total?: T, kept?: T): T[] {
  return [xs[0], xs[1], ...Array.from({ length: MOST_RESULTS }, (_, i) => results[i]), total, kept] as T[];
}

/** What is written, and how. */
export interface Way {
  readonly dtype: FloatName;
  readonly type: FloatType;
  readonly lanes: 2 | 4;
  readonly trees: Trees;
  readonly tools: Tools;
  /** The engine joins neighbouring vectors, see `Features`. */
  readonly joined: boolean;
}
