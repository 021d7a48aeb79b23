/** Folds of whole numbers of 8 and 16 bits over whole rounds of packed vectors, as narrow as they are stored. */
import { type Expr, extract, type Func, type Local, load, op, select, shuffle, splat } from "../wasm/emitter.ts";
import type { Access } from "./access.ts";
import { constant, input, type Node } from "./expression.ts";
import type { Totals } from "./folds.ts";
import type { Tools } from "./helpers.ts";
import { Lowering } from "./lower.ts";
import { type NarrowLanes, narrowLanesOf } from "./narrow.ts";
import type { Stored } from "./reductions.ts";

type Int = Local<"i32">;
type Vector = Local<"v128">;

export interface NarrowFold {
  /** Elements of a round: fewer are left. */
  readonly round: number;
  /** Whether a total comes of it, not an element. */
  readonly isTotal: boolean;
  /** The fold of at least one round; `at` and `count` move on. */
  readonly fold: (f: Func, tools: Tools, at: Int, count: Int) => Expr;
}

export interface NarrowExtreme extends NarrowFold {
  /** Of vectors, as narrow. */
  readonly totals: Omit<Totals, "finish">;
}

/** Vectors of a round. */
const TOGETHER = 4;
/** Elements of which 32 bits hold the sum. */
const BLOCK = 2 ** 15;

const vectors = (f: Func, at: Int): Vector[] =>
  Array.from({ length: TOGETHER }, (_, i) => f.let(load("v128.load", at, 16 * i)));

/** Extremes, and whether any or all hold: of two elements, which comes first does not matter, nor how often. */
export function narrowExtreme({ bytes, raw, ...source }: Access, stored: Stored): NarrowExtreme | undefined {
  const signed = source.signed && !stored.unsigned;
  const [a, b] = [0, 1].map((i): Node => ({ ...input(i, raw), element: { bytes, signed } })) as [Node, Node];
  const step = stored.combine(a, b);
  const lanes = raw === "i32" ? narrowLanesOf(step, [bytes]) : undefined;
  if (!lanes) return undefined;
  const [low, high] = signed ? [-(2 ** (8 * bytes - 1)), 2 ** (8 * bytes - 1) - 1] : [0, 2 ** (8 * bytes) - 1];
  const start = constant("i32", Math.min(Math.max(stored.start, low), high));
  return {
    ...{ round: TOGETHER * lanes, isTotal: false },
    totals: { loaded: lanes, lanes, steps: [{ step, quick: undefined }], start, merge: step },
    fold: (f, tools, at, count) => {
      const first = foldRounds(f, tools, step, lanes, at, count);
      const shape = lanes === 16 ? "i8x16" : "i16x8";
      return extract(`${shape}.extract_lane_${signed ? "s" : "u"}`, first, 0);
    },
  };
}

/** The fold of whole rounds, in every lane. */
function foldRounds(f: Func, tools: Tools, step: Node, lanes: NarrowLanes, at: Int, count: Int): Vector {
  const code = new Lowering(f, [step], lanes, tools);
  const join = (x: Vector, y: Vector): void => f.set(x, code.emit([step], [x, y])[0] as Expr<"v128">);
  const totals = vectors(f, at);
  f.while(op("i32.ge_s", count, TOGETHER * lanes), () => {
    for (const [i, vector] of vectors(f, at).entries()) join(totals[i]!, vector);
    f.inc(at, 16 * TOGETHER);
    f.inc(count, -TOGETHER * lanes);
  });
  const [first, ...others] = totals as [Vector, ...Vector[]];
  for (const other of others) join(first, other);
  for (let apart = lanes / 2; apart >= 1; apart /= 2) {
    const turned = Array.from({ length: lanes }, (_, lane) => (lane + apart) % lanes);
    join(first, f.let(shuffle(first, first, turned)));
  }
  return first;
}

/** Sums of neighbours, which take twice the bits, and of those again, up to 32 bits. */
function widened({ bytes, signed }: Access, vector: Vector): Expr<"v128"> {
  const sign = signed ? "s" : "u";
  const pairs = bytes === 1 ? op(`i16x8.extadd_pairwise_i8x16_${sign}`, vector) : vector;
  return op(`i32x4.extadd_pairwise_i16x8_${sign}`, pairs);
}

/** Sums, in 64 bits. */
export function narrowSum(source: Access): NarrowFold | undefined {
  if (source.bytes > 2) return undefined;
  const round = (TOGETHER * 16) / source.bytes;
  return { round, isTotal: true, fold: (f, _, at, count) => sumRounds(f, source, round, at, count) };
}

function sumRounds(f: Func, source: Access, round: number, at: Int, count: Int): Local<"i64"> {
  const [sum, block] = [f.local("i64"), f.local("i32")];
  const totals = f.locals("v128", TOGETHER);
  const [first, ...others] = totals as [Vector, ...Vector[]];
  f.while(op("i32.ge_s", count, round), () => {
    f.set(block, select(op("i32.lt_s", count, BLOCK), op("i32.and", count, -round), BLOCK));
    f.inc(count, op("i32.sub", 0, block));
    for (const total of totals) f.set(total, splat("i32x4", 0));
    f.while(block, () => {
      for (const [i, vector] of vectors(f, at).entries()) {
        f.set(totals[i]!, op("i32x4.add", totals[i]!, widened(source, vector)));
      }
      f.inc(at, 16 * TOGETHER);
      f.inc(block, -round);
    });
    for (const other of others) f.set(first, op("i32x4.add", first, other));
    for (const lane of [0, 1, 2, 3]) {
      f.set(sum, op("i64.add", sum, op("i64.extend_i32_s", extract("i32x4.extract_lane", first, lane))));
    }
  });
  return sum;
}
