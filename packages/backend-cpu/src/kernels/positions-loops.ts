/** The loops that look for extremes: along any lines, and along long packed ones. */
import { type DType, isFloat } from "@dl/tensor";
import { shareOf } from "../dense/element.ts";
import { type Expr, type Func, type Local, load, type Module, op, shuffle, splat } from "../wasm/emitter.ts";
import { access, loadScalar } from "./access.ts";
import { and, eq, gt, input, isFloatType, isNan, lt, type Node, type NumberType, or } from "./expression.ts";
import { placeOf } from "./fold-loops.ts";
import { Tools } from "./helpers.ts";
import { Lowering } from "./lower.ts";

export type PositionOp = "argmax" | "argmin";

const beats = { argmax: gt, argmin: lt } as const;

// biome-ignore format: by meaning
export const params = [
  "chunk", "chunks", "units", "source", "target",
  "kept1", "keptStride0", "keptStride1", "inner", "innerStride", "width",
] as const;

/** An element, and whether a number (input 0) takes the place of the extreme (input 1). */
export function treesOf(name: PositionOp, dtype: DType): { readonly value: Node; readonly wins: Node } {
  const { raw, decode } = access[dtype];
  const value = decode(input(0, raw));
  const [x, best] = [0, 1].map((i) => input(i, value.type as NumberType)) as [Node, Node];
  const wins = isFloatType(x.type) ? or(beats[name](x, best), and(isNan(x), eq(best, best))) : beats[name](x, best);
  return { value, wins };
}

export function buildPositions(m: Module, name: PositionOp, dtype: DType): void {
  const { value, wins } = treesOf(name, dtype);
  const tools = new Tools(m, [value, wins]);
  m.func("positions", params, (f, p) => {
    const scalar = (tree: Node, ...inputs: readonly Expr[]): Expr =>
      new Lowering(f, [tree], "scalar", tools).emit([tree], inputs)[0]!;
    const found = f.local("i32");
    shareOf(f, p, p.units, (unit) => {
      const at = f.let(placeOf(p, unit));
      const next = (): Expr => scalar(value, f.let(loadScalar(access[dtype], at)));
      const top = f.let(next());
      f.set(found, 0);
      f.range(p.inner, (i) => {
        const element = f.let(next());
        f.if(scalar(wins, element, top) as Expr<"i32">, () => {
          f.set(top, element as never);
          f.set(found, i);
        });
        f.inc(at, p.innerStride);
      });
      const target = op("i32.add", p.target, op("i32.shl", unit, 3));
      f.store("i64.store", target, op("i64.extend_i32_u", found));
    });
  });
}

/** Lines that are long enough, and packed: first their extreme, in lanes, then where it is first, or where NaN is. */
export const LONG = 16;
const ROUND = 4;

/** Elements that fill lanes as they are stored. */
interface Line {
  readonly shape: "i8x16" | "i16x8" | "i32x4" | "i64x2" | "f32x4" | "f64x2";
  /** Of masks. */
  readonly whole: "i8x16" | "i16x8" | "i32x4" | "i64x2";
  readonly better: (a: Expr<"v128">, b: Expr<"v128">) => Expr<"v128">;
}

const extremes = { argmax: "max", argmin: "min" } as const;
const wholes = { 1: "i8x16", 2: "i16x8", 4: "i32x4", 8: "i64x2" } as const;

/** `undefined` for elements that do not compare as they are stored. */
export function lineOf(name: PositionOp, dtype: DType): Line | undefined {
  const { bytes, raw, signed } = access[dtype];
  const [whole, pick] = [wholes[bytes], extremes[name]];
  if (raw === "f32" || raw === "f64") {
    const shape = raw === "f32" ? "f32x4" : "f64x2";
    return { shape, whole, better: (a, b) => op(`${shape}.p${pick}`, a, b) };
  }
  if (isFloat(dtype)) return undefined;
  const better = (a: Expr<"v128">, b: Expr<"v128">): Expr<"v128"> =>
    whole === "i64x2"
      ? op("v128.bitselect", a, b, op(name === "argmax" ? "i64x2.gt_s" : "i64x2.lt_s", a, b))
      : op(`${whole}.${pick}_${signed ? "s" : "u"}`, a, b);
  return { shape: whole, whole, better };
}

export function buildLines(m: Module, name: PositionOp, dtype: DType): void {
  const kind = lineOf(name, dtype)!;
  const { shape, whole } = kind;
  const shift = Math.log2(access[dtype].bytes);
  m.func("positions", params, (f, p) => {
    const tops = f.locals("v128", ROUND);
    const [at, found] = f.locals("i32", 2) as [Int, Int];
    const nans = shape === whole ? undefined : f.local("v128");
    shareOf(f, p, p.units, (unit) => {
      const line = f.let(placeOf(p, unit));
      const end = f.let(op("i32.add", line, op("i32.sub", op("i32.shl", p.inner, shift), 16)));
      f.set(at, line);
      const top = extremeOf(f, kind, tops, nans, at, end);
      const find = (test: (x: Expr<"v128">) => Expr<"v128">): void => {
        f.set(at, line);
        const vector = firstOf(f, at, end, test);
        f.set(found, op("i32.ctz", op(`${whole}.bitmask`, vector)));
      };
      const findTop = (): void => find((x) => op(`${shape}.eq`, x, top));
      if (nans === undefined) findTop();
      else f.if(op("v128.any_true", nans), () => find((x) => notItself(kind, f.let(x))), findTop);
      const position = op("i32.add", op("i32.shr_u", op("i32.sub", at, line), shift), found);
      f.store("i64.store", op("i32.add", p.target, op("i32.shl", unit, 3)), op("i64.extend_i32_u", position));
    });
  });
}

type Int = Local<"i32">;
type Vector = Local<"v128">;

const notItself = ({ shape }: Line, x: Vector): Expr<"v128"> => op(`${shape}.ne`, x, x);

/** Runs `body` for the vectors of each round from `at` on that ends before `end`, where the last vector is. */
function inRounds(f: Func, at: Int, end: Int, body: () => void): void {
  f.while(op("i32.le_u", op("i32.add", at, 16 * (ROUND - 1)), end), () => {
    body();
    f.inc(at, 16 * ROUND);
  });
}

/** The extreme in every lane, if none is NaN: lanes meet those half a vector away, then nearer ones. */
function extremeOf(f: Func, line: Line, tops: readonly Vector[], nans: Vector | undefined, at: Int, end: Int): Vector {
  const { shape, better } = line;
  const take = (address: Int, top: Vector, offset: number): void => {
    const vector = f.let(load("v128.load", address, offset));
    f.set(top, better(top, vector));
    if (nans) f.set(nans, op("v128.or", nans, notItself(line, vector)));
  };
  for (const top of tops) f.set(top, load("v128.load", at));
  if (nans) f.set(nans, splat("i32x4", 0));
  inRounds(f, at, end, () => tops.forEach((top, k) => void take(at, top, 16 * k)));
  f.while(op("i32.lt_u", at, end), () => {
    take(at, tops[0]!, 0);
    f.inc(at, 16);
  });
  take(end, tops[0]!, 0);
  const join = (a: Vector, b: Expr<"v128">): Vector => {
    const other = f.let(b);
    return f.let(better(a, other));
  };
  const lanes = Number(shape.split("x")[1]);
  let best = tops.reduce(join);
  for (let apart = lanes / 2; apart >= 1; apart /= 2) {
    const order = Array.from({ length: lanes }, (_, lane) => (lane + apart) % lanes);
    best = join(best, shuffle(best, best, order));
  }
  return best;
}

/** Moves on to the first vector where a test holds somewhere, whatever it holds is there; gives back the test. */
function firstOf(f: Func, at: Int, end: Int, test: (x: Expr<"v128">) => Expr<"v128">): Vector {
  f.block((found) => {
    inRounds(f, at, end, () => {
      const tests = Array.from({ length: ROUND }, (_, k) => f.let(test(load("v128.load", at, 16 * k))));
      f.brIf(
        found,
        op(
          "v128.any_true",
          tests.reduce((a, b) => f.let(op("v128.or", a, b))),
        ),
      );
    });
  });
  const vector = f.local("v128");
  const step = (): void => {
    f.if(op("i32.gt_u", at, end), () => f.set(at, end));
    f.set(vector, test(load("v128.load", at)));
  };
  step();
  f.while(op("i32.eqz", op("v128.any_true", vector)), () => {
    f.inc(at, 16);
    step();
  });
  return vector;
}
