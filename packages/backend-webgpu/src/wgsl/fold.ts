/**
 * ★ What is gathered along a line: reductions, scans and the statistics of fused kernels. `Acc` is the WGSL type, `lift`
 * makes one of an element and its place, `merge(a, b)` joins two of which `a` comes first, `results` are the outputs.
 */
import type { DTypeKind, ReduceOp, ScanOp } from "@dl/tensor";
import { cast } from "./elementwise.ts";

export interface Fold {
  readonly acc: string;
  /** Declarations: `fn merge(a: Acc, b: Acc) -> Acc` and what it needs. */
  readonly declare: string;
  readonly start: string;
  readonly lift: (x: string, place: string) => string;
  readonly results: (acc: string) => readonly string[];
}

export type FoldRow = (kind: DTypeKind) => Fold;

const scalar = (kind: DTypeKind): string => (kind === "float" ? "f32" : "i32");

/** One number, one formula. */
function plain(acc: string, start: string, merged: string, lift: (x: string) => string = (x) => x): Fold {
  const declare = `alias Acc = ${acc};\nfn merge(a: Acc, b: Acc) -> Acc { return ${merged}; }`;
  return { acc, declare, start, lift, results: (value) => [value] };
}

const flagged =
  (start: string, symbol: string): FoldRow =>
  (kind) =>
    plain("i32", start, `a ${symbol} b`, (x) => cast(x, kind, "bool"));

const extreme =
  (float: string, whole: string, start: string, wholeStart: string): FoldRow =>
  (kind) =>
    kind === "float" ? plain("f32", start, `${float}(a, b)`) : plain("i32", wholeStart, `${whole}(a, b)`);

/** An element and where it was. `later` says when the second one (`q`, at a different place) is taken. */
function placed(kind: DTypeKind, later: string, results: Fold["results"]): Fold {
  const nan = (x: string): string => (kind === "float" ? `dl_isnan(${x})` : "false");
  const declare = `struct Acc { value: ${scalar(kind)}, place: u32 }
fn merge(a: Acc, b: Acc) -> Acc {
  if (a.place == 0xffffffffu) { return b; }
  if (b.place == 0xffffffffu) { return a; }
  let p = a.value;
  let q = b.value;
  let p_nan = ${nan("p")};
  let q_nan = ${nan("q")};
  if (${later}) { return b; }
  return a;
}`;
  const start = `Acc(${scalar(kind)}(0), 0xffffffffu)`;
  return { acc: "Acc", declare, start, lift: (x, place) => `Acc(${x}, ${place})`, results };
}

const place = (acc: string): readonly string[] => [`bitcast<i32>(${acc}.place)`];
const both = (acc: string): readonly string[] => [`${acc}.value`, ...place(acc)];
/** NaN beats everything, the first of equals wins. */
const first = (better: string): string =>
  `(q_nan && !p_nan) || (q_nan && p_nan && b.place < a.place) || (!q_nan && !p_nan && (q ${better} p || (q == p && b.place < a.place)))`;
/** NaN stays, the last of equals wins. */
const last = (better: string): string => `q_nan || (!p_nan && q ${better} p)`;

export const reduce: { readonly [K in ReduceOp]: FoldRow } = {
  sum: (kind) => plain(scalar(kind), `${scalar(kind)}(0)`, "a + b"),
  prod: (kind) => plain(scalar(kind), `${scalar(kind)}(1)`, "a * b"),
  amax: extreme("dl_max", "max", "-dl_inf()", "-2147483647 - 1"),
  amin: extreme("dl_min", "min", "dl_inf()", "2147483647"),
  argmax: (kind) => placed(kind, first(">"), place),
  argmin: (kind) => placed(kind, first("<"), place),
  any: flagged("0", "|"),
  all: flagged("1", "&"),
};

/** The largest exponent and the sum of the rest: log-sum-exp in one pass, without overflow. */
export const logSumExp: Fold = {
  acc: "Acc",
  declare: `alias Acc = vec2f;
fn part(x: vec2f, most: f32) -> f32 { return select(x.y * dl_exp(x.x - most), x.y, x.x == most); }
fn merge(a: Acc, b: Acc) -> Acc {
  let most = dl_max(a.x, b.x);
  return vec2f(most, part(a, most) + part(b, most));
}`,
  start: "vec2f(-dl_inf(), 0.0)",
  lift: (x) => `vec2f(${x}, 1.0)`,
  results: (acc) => [`${acc}.x + dl_log(${acc}.y)`],
};

export const scan: { readonly [K in ScanOp]: FoldRow } = {
  cumsum: reduce.sum,
  cumprod: reduce.prod,
  logcumsumexp: () => logSumExp,
  cummax: (kind) => placed(kind, last(">="), both),
  cummin: (kind) => placed(kind, last("<="), both),
};
