/** ★ The vector instructions that convert numbers, by the names of both types. */
import { type Expr, type OpName, op, shuffle } from "../wasm/emitter.ts";
import type { Node } from "./expression.ts";

type Vector = Expr<"v128">;
type Table<F> = Readonly<Record<string, F>>;

/** The key of a conversion node in the tables of this file. */
export const conversionOf = ({ args: [x], type }: Node): string => `${x!.type}>${type}`;

const low = (x: Vector): Vector => shuffle(x, x, [0, 2, 0, 2]);

export const vectorConversions: Table<(x: Vector) => Vector> = {
  "i32>f32": (x) => op("f32x4.convert_i32x4_s", x),
  "f32>i32": (x) => op("i32x4.trunc_sat_f32x4_s", x),
  "i32>f64": (x) => op("f64x2.convert_low_i32x4_s", x),
  "f64>i32": (x) => op("i32x4.trunc_sat_f64x2_s_zero", x),
  "f32>f64": (x) => op("f64x2.promote_low_f32x4", x),
  "f64>f32": (x) => op("f32x4.demote_f64x2_zero", x),
  "i32>i64": (x) => op("i64x2.extend_low_i32x4_s", x),
  "m32>m64": (x) => op("i64x2.extend_low_i32x4_s", x),
  "i64>i32": low,
  "m64>m32": low,
};

const upperHalf = (x: Vector): Vector => shuffle(x, x, [2, 3, 2, 3]);

/** Conversions of the upper half of a vector, for results that are twice as wide. */
export const upperConversions: Table<(x: Vector) => Vector> = {
  "i32>f64": (x) => vectorConversions["i32>f64"]!(upperHalf(x)),
  "f32>f64": (x) => vectorConversions["f32>f64"]!(upperHalf(x)),
  "i32>i64": (x) => op("i64x2.extend_high_i32x4_s", x),
  "m32>m64": (x) => op("i64x2.extend_high_i32x4_s", x),
};

/** The low or high words of two vectors, side by side. */
export const words = (a: Vector, b: Vector, high: 0 | 1): Vector =>
  shuffle(
    a,
    b,
    [0, 2, 4, 6].map((lane) => lane + high),
  );
const sideBySide =
  (conversion: string) =>
  (a: Vector, b: Vector): Vector =>
    shuffle(vectorConversions[conversion]!(a), vectorConversions[conversion]!(b), [0, 1, 4, 5]);

/** Conversions of two vectors into one, for results that are half as wide. */
export const joins: Table<(a: Vector, b: Vector) => Vector> = {
  "f64>i32": sideBySide("f64>i32"),
  "f64>f32": sideBySide("f64>f32"),
  "i64>i32": (a, b) => words(a, b, 0),
  "m64>m32": (a, b) => words(a, b, 0),
};

export const scalarConversions: Table<OpName> = {
  "i32>f32": "f32.convert_i32_s",
  "f32>i32": "i32.trunc_sat_f32_s",
  "i32>f64": "f64.convert_i32_s",
  "f64>i32": "i32.trunc_sat_f64_s",
  "f32>f64": "f64.promote_f32",
  "f64>f32": "f32.demote_f64",
  "i32>i64": "i64.extend_i32_s",
  "i64>i32": "i32.wrap_i64",
  "i64>f32": "f32.convert_i64_s",
  "f32>i64": "i64.trunc_sat_f32_s",
  "i64>f64": "f64.convert_i64_s",
  "f64>i64": "i64.trunc_sat_f64_s",
};
