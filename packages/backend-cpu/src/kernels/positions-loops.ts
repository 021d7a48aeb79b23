/** The loops that look for extremes: along any lines, and along long packed ones. */
import { type DType, isFloat } from "@dl/tensor";
import { shareOf } from "../dense/element.ts";
import { type Expr, type Func, i32, type Local, load, type Module, op, shuffle, splat } from "../wasm/emitter.ts";
import { access, loadScalar } from "./access.ts";
import { and, eq, gt, input, isFloatType, isNan, lt, type Node, type NumberType, or } from "./expression.ts";
import { placeOf } from "./folds.ts";
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

type Shape = "i8x16" | "i16x8" | "i32x4" | "i64x2" | "f32x4" | "f64x2";

/** Elements that fill lanes. */
interface Line {
  /** Of what compares, and of masks. */
  readonly shape: Shape;
  readonly whole: "i8x16" | "i16x8" | "i32x4" | "i64x2";
  readonly better: (a: Vector, b: Vector) => Expr<"v128">;
  /** What compares, made of elements as they are stored. */
  readonly key: (x: Vector) => Vector;
  /** Where it is NaN; whole numbers never are. */
  readonly isNan?: (x: Vector) => Expr<"v128">;
}

const extremes = { argmax: "max", argmin: "min" } as const;
const wholes = { 1: "i8x16", 2: "i16x8", 4: "i32x4", 8: "i64x2" } as const;

function lineOf(f: Func, name: PositionOp, dtype: DType): Line {
  const { bytes, raw, signed } = access[dtype];
  const [whole, pick] = [wholes[bytes], extremes[name]];
  const key = (x: Vector): Vector => x;
  if (raw === "f32" || raw === "f64") {
    const shape = raw === "f32" ? "f32x4" : "f64x2";
    return {
      shape,
      whole,
      better: (a, b) => op(`${shape}.p${pick}`, a, b),
      key,
      isNan: (x) => op(`${shape}.ne`, x, x),
    };
  }
  if (isFloat(dtype))
    return { shape: "i16x8", whole, better: (a, b) => op(`i16x8.${pick}_s`, a, b), ...halves(f, dtype) };
  const better = (a: Vector, b: Vector): Expr<"v128"> =>
    whole === "i64x2"
      ? f.choose(a, b, op(name === "argmax" ? "i64x2.gt_s" : "i64x2.lt_s", a, b), 64)
      : op(`${whole}.${pick}_${signed ? "s" : "u"}`, a, b);
  return { shape: whole, whole, better, key };
}

/** 16-bit floats as whole numbers in the same order; both zeros are 0. */
function halves(f: Func, dtype: DType): Required<Pick<Line, "key" | "isNan">> {
  const [mask, infinity] = [0x7fff, dtype === "float16" ? 0x7c00 : 0x7f80].map((x) => f.let(splat("i16x8", x)));
  const size = (x: Vector): Expr<"v128"> => op("v128.and", x, mask!);
  return {
    key: (x) => {
      const sign = f.let(op("i16x8.shr_s", x, i32(15)));
      return f.let(op("i16x8.sub", op("v128.xor", size(x), sign), sign));
    },
    isNan: (x) => op("i16x8.gt_s", size(x), infinity!),
  };
}

export function buildLines(m: Module, name: PositionOp, dtype: DType): void {
  const shift = Math.log2(access[dtype].bytes);
  m.func("positions", params, (f, p) => {
    const kind = lineOf(f, name, dtype);
    const { shape, whole, key, isNan } = kind;
    const tops = f.locals("v128", ROUND);
    const [at, found] = f.locals("i32", 2) as [Int, Int];
    const nans = isNan && f.local("v128");
    shareOf(f, p, p.units, (unit) => {
      const line = f.let(placeOf(p, unit));
      const end = f.let(op("i32.add", line, op("i32.sub", op("i32.shl", p.inner, shift), 16)));
      f.set(at, line);
      const top = extremeOf(f, kind, tops, nans, at, end);
      const find = (test: (x: Vector) => Expr<"v128">): void => {
        f.set(at, line);
        const vector = firstOf(f, at, end, test);
        f.set(found, op("i32.ctz", op(`${whole}.bitmask`, vector)));
      };
      const findTop = (): void => find((x) => op(`${shape}.eq`, key(x), top));
      if (nans) f.if(op("v128.any_true", nans), () => find(isNan!), findTop);
      else findTop();
      const position = op("i32.add", op("i32.shr_u", op("i32.sub", at, line), shift), found);
      f.store("i64.store", op("i32.add", p.target, op("i32.shl", unit, 3)), op("i64.extend_i32_u", position));
    });
  });
}

type Int = Local<"i32">;
type Vector = Local<"v128">;

/** Runs `body` for the vectors of each round from `at` on that ends before `end`, where the last vector is. */
function inRounds(f: Func, at: Int, end: Int, body: () => void): void {
  f.while(op("i32.le_u", op("i32.add", at, 16 * (ROUND - 1)), end), () => {
    body();
    f.inc(at, 16 * ROUND);
  });
}

/** The extreme in every lane, if none is NaN: lanes meet those half a vector away, then nearer ones. */
function extremeOf(f: Func, line: Line, tops: readonly Vector[], nans: Vector | undefined, at: Int, end: Int): Vector {
  const { shape, better, key, isNan } = line;
  const take = (address: Int, top: Vector, offset: number): void => {
    const vector = f.let(load("v128.load", address, offset));
    f.set(top, better(top, key(vector)));
    if (nans) f.set(nans, op("v128.or", nans, isNan!(vector)));
  };
  const first = key(f.let(load("v128.load", at)));
  for (const top of tops) f.set(top, first);
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
function firstOf(f: Func, at: Int, end: Int, test: (x: Vector) => Expr<"v128">): Vector {
  f.block((found) => {
    inRounds(f, at, end, () => {
      const tests = Array.from({ length: ROUND }, (_, k) => f.let(test(f.let(load("v128.load", at, 16 * k)))));
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
    f.set(vector, test(f.let(load("v128.load", at))));
  };
  step();
  f.while(op("i32.eqz", op("v128.any_true", vector)), () => {
    f.inc(at, 16);
    step();
  });
  return vector;
}
