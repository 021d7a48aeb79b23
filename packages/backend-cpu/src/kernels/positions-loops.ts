/** The loops that look for extremes: along any lines, and along long packed ones. */
import type { DType } from "@dl/tensor";
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
const vectors = {
  float32: { shape: "f32x4", mask: "i32x4", shift: 2 },
  float64: { shape: "f64x2", mask: "i64x2", shift: 3 },
} as const;
type Vectors = (typeof vectors)[keyof typeof vectors];
const pick = { argmax: "pmax", argmin: "pmin" } as const;

export function buildLines(m: Module, name: PositionOp, dtype: DType): void {
  const wide = vectors[dtype as keyof typeof vectors];
  const { shape, mask, shift } = wide;
  m.func("positions", params, (f, p) => {
    const tops = f.locals("v128", ROUND);
    const [vector, nans] = f.locals("v128", 2) as [Local<"v128">, Local<"v128">];
    const [rest, end] = f.locals("i32", 2) as [Local<"i32">, Local<"i32">];
    const take = (address: Expr<"i32">, offset: number, top: Local<"v128">): void => {
      f.set(vector, load("v128.load", address, offset));
      f.set(top, op(`${shape}.${pick[name]}`, top, vector));
      f.set(nans, op("v128.or", nans, op(`${shape}.ne`, vector, vector)));
    };
    shareOf(f, p, p.units, (unit) => {
      const line = f.let(placeOf(p, unit));
      const at = f.let(line);
      const bytes = f.let(op("i32.shl", p.inner, shift));
      for (const top of tops) f.set(top, load("v128.load", line));
      f.set(nans, splat("i32x4", 0));
      f.set(end, op("i32.add", line, op("i32.sub", bytes, 16)));
      f.set(rest, op("i32.div_u", bytes, 16 * ROUND));
      f.while(rest, () => {
        for (const [k, top] of tops.entries()) take(at, 16 * k, top);
        f.inc(at, 16 * ROUND);
        f.inc(rest, -1);
      });
      f.while(op("i32.lt_u", at, end), () => {
        take(at, 0, tops[0]!);
        f.inc(at, 16);
      });
      take(end, 0, tops[0]!);
      const top = extremeOf(f, name, wide, tops);
      const find = (test: (x: Local<"v128">) => Expr<"v128">): void => {
        f.set(at, line);
        f.set(vector, load("v128.load", line));
        f.while(op("i32.eqz", op("v128.any_true", test(vector))), () => {
          f.inc(at, 16);
          f.if(op("i32.gt_u", at, end), () => f.set(at, end));
          f.set(vector, load("v128.load", at));
        });
        f.set(rest, op("i32.ctz", op(`${mask}.bitmask`, test(vector))));
      };
      f.if(
        op("v128.any_true", nans),
        () => find((x) => op(`${shape}.ne`, x, x)),
        () => find((x) => op(`${shape}.eq`, x, top)),
      );
      const found = op("i32.add", op("i32.shr_u", op("i32.sub", at, line), shift), rest);
      f.store("i64.store", op("i32.add", p.target, op("i32.shl", unit, 3)), op("i64.extend_i32_u", found));
    });
  });
}

/** The extreme of all lanes in every lane, if none is NaN: lanes meet those half a vector away, then their neighbours. */
function extremeOf(f: Func, name: PositionOp, { shape }: Vectors, tops: readonly Local<"v128">[]): Local<"v128"> {
  const better = (a: Expr<"v128">, b: Expr<"v128">): Local<"v128"> => f.let(op(`${shape}.${pick[name]}`, a, b));
  const best = tops.slice(1).reduce(better, tops[0]!);
  const halves = better(best, shuffle(best, best, [2, 3, 0, 1]));
  return shape === "f64x2" ? halves : better(halves, shuffle(halves, halves, [1, 0, 3, 2]));
}
