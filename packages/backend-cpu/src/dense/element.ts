/** What the emitters of this folder must know about an element type: they are written once for all of them. */
import { type Expr, extract, type Func, type Local, load, type Operand, op } from "../wasm/emitter.ts";

export type FloatName = "f32" | "f64";
export type ScalarName = FloatName | "i32" | "i64";
export type Scalar = Expr<ScalarName>;
/** A local for counters, sizes and addresses. */
export type Int = Local<"i32">;

/** A float type, and how vectors of it are spelled. */
export interface Element {
  readonly name: FloatName;
  readonly bytes: 4 | 8;
  /** Elements in a vector. */
  readonly lanes: 2 | 4;
  readonly shape: "f32x4" | "f64x2";
  readonly loadSplat: "v128.load32_splat" | "v128.load64_splat";
  readonly storeLane: "v128.store32_lane" | "v128.store64_lane";
}

export const elements: { readonly [N in FloatName]: Element } = {
  f32: {
    name: "f32",
    bytes: 4,
    lanes: 4,
    shape: "f32x4",
    loadSplat: "v128.load32_splat",
    storeLane: "v128.store32_lane",
  },
  f64: {
    name: "f64",
    bytes: 8,
    lanes: 2,
    shape: "f64x2",
    loadSplat: "v128.load64_splat",
    storeLane: "v128.store64_lane",
  },
};

export const bytesPerElement: { readonly [N in ScalarName]: number } = { f32: 4, f64: 8, i32: 4, i64: 8 };

/** Loads one element. */
export function loadScalar(name: ScalarName, address: Operand<"i32">, offset = 0): Scalar {
  return load(`${name}.load`, address, offset);
}

/** Stores one element. */
export function storeScalar(f: Func, name: ScalarName, address: Operand<"i32">, value: Scalar, offset = 0): void {
  f.store(`${name}.store`, address, value as never, offset);
}

/** Copies one element. */
export function copyScalar(f: Func, name: ScalarName, to: Int, from: Int, toOffset = 0, fromOffset = 0): void {
  storeScalar(f, name, to, loadScalar(name, from, fromOffset), toOffset);
}

/** `a + b` or `a * b` of one element. */
export function combine(name: ScalarName, verb: "add" | "mul", a: Scalar | number, b: Scalar | number): Scalar {
  return op(`${name}.${verb}`, a as never, b as never);
}

/** The sum of the lanes of a vector, pairwise. */
export function sumLanes(e: Element, vector: Local<"v128">): Scalar {
  const lane = (i: number): Scalar => extract(`${e.shape}.extract_lane`, vector, i);
  const pair = (i: number): Scalar => combine(e.name, "add", lane(i), lane(i + 1));
  return e.lanes === 2 ? pair(0) : combine(e.name, "add", pair(0), pair(2));
}

/** `base + index * stride`, in bytes. */
export function at(base: Operand<"i32">, index: Operand<"i32">, stride: Operand<"i32">): Expr<"i32"> {
  return op("i32.add", base, op("i32.mul", index, stride));
}

/** A quotient of whole numbers, rounded up. */
export function ceilDiv(value: Local<"i32">, by: Operand<"i32">): Expr<"i32"> {
  return op("i32.div_u", op("i32.add", value, op("i32.sub", by, 1)), by);
}

/** What is left of a number that is divided, and the quotient: its last digit, and what the others make. */
export function lastDigit(f: Func, number: Int, base: Int): readonly [digit: Int, rest: Int] {
  return [f.let(op("i32.rem_u", number, base)), f.let(op("i32.div_u", number, base))];
}

/** The smaller of two numbers, signed, in a local of its own. */
export function min(f: Func, a: Expr<"i32">, b: Operand<"i32">): Local<"i32"> {
  const result = f.let(a);
  f.if(op("i32.gt_s", result, b), () => f.set(result, b));
  return result;
}

/** The first of one part of `units`, and the first beyond it; the parts are nearly equal. */
export function partOf(
  f: Func,
  units: Expr<"i32">,
  part: Expr<"i32">,
  parts: Expr<"i32">,
): readonly [first: Int, end: Int] {
  const total = f.let(units);
  // The products of many units may take more than 32 bits.
  const wide = (x: Expr<"i32">) => op("i64.extend_i32_u", x);
  const bound = (plus: number): Int => {
    const before = op("i64.mul", wide(op("i32.add", part, plus)), wide(total));
    return f.let(op("i32.wrap_i64", op("i64.div_u", before, wide(parts))));
  };
  return [bound(0), bound(1)];
}

/** A chunk's part of the units of work. */
export function shareOf(
  f: Func,
  { chunk, chunks }: { readonly chunk: Local<"i32">; readonly chunks: Local<"i32"> },
  units: Expr<"i32">,
  body: (unit: Local<"i32">) => void,
): void {
  const [unit, end] = partOf(f, units, chunk, chunks);
  f.while(op("i32.lt_u", unit, end), () => {
    body(unit);
    f.inc(unit, 1);
  });
}
