/** ★ What each reduction folds, one row per op. */
import type { ReduceOp } from "@dl/tensor";
import {
  add,
  and,
  convert,
  max,
  min,
  mul,
  type Node,
  type NumberType,
  nonzero,
  or,
  pmax,
  pmin,
  widthOf,
} from "./expression.ts";

export interface Stored {
  readonly combine: (a: Node, b: Node) => Node;
  readonly start: number;
  readonly unsigned?: true;
}

export interface Reduction {
  /** What an element counts. */
  readonly element: (x: Node) => Node;
  readonly combine: (a: Node, b: Node) => Node;
  /** The fold of no elements. */
  readonly start: (type: NumberType) => number | bigint;
  /** Combines as well, but passes over a second operand that is NaN: one instruction in vectors, where the other is eight. */
  readonly quick?: (a: Node, b: Node) => Node;
  /** Combines whole numbers as they are stored, without signs or with them, into one that counts as all of them. */
  readonly stored?: Stored;
  /** Whether blocks of float32 are folded in float64. */
  readonly wide?: boolean;
}

export type FoldOp = Exclude<ReduceOp, "argmax" | "argmin">;

const itself = (x: Node): Node => x;
const counted = (x: Node): Node => (x.type === "i32" ? convert(x, "i64") : x);
/** Products of many float32 leave its range, and numbers at its lower end take a hundred times as long. */
const roomy = (x: Node): Node => (x.type === "f32" ? convert(x, "f64") : counted(x));
const flag = (x: Node): Node => convert(nonzero(x), widthOf(x.type) === 64 ? "i64" : "i32");

const lowest = { f32: -Infinity, f64: -Infinity, i32: -(2 ** 31), i64: -(2n ** 63n) } as const;
const highest = { f32: Infinity, f64: Infinity, i32: 2 ** 31 - 1, i64: 2n ** 63n - 1n } as const;

export const reductions: { readonly [K in FoldOp]: Reduction } = {
  sum: { element: counted, combine: add, start: () => 0, wide: true },
  prod: { element: roomy, combine: mul, start: () => 1 },
  amax: {
    element: itself,
    combine: max,
    start: (type) => lowest[type],
    quick: pmax,
    stored: { combine: max, start: -Infinity },
  },
  amin: {
    element: itself,
    combine: min,
    start: (type) => highest[type],
    quick: pmin,
    stored: { combine: min, start: Infinity },
  },
  any: { element: flag, combine: or, start: () => 0, stored: { combine: or, start: 0, unsigned: true } },
  all: { element: flag, combine: and, start: () => 1, stored: { combine: min, start: Infinity, unsigned: true } },
};
