/**
 * Loads and stores elements of each dtype. Wherever elements come from (packed, strided, or one that is repeated), they
 * are first brought side by side as they are stored, then widened to lanes of the type that trees compute in.
 */
import type { DType } from "@dl/tensor";
import { type Expr, type Func, type Local, load, loadLane, op, shuffle, splat } from "../wasm/emitter.ts";
import { convert, type Node, type NumberType, ne } from "./expression.ts";
import { type HalfFormat, halves, isElementNonzero, wholeOf } from "./halves.ts";
import type { Lanes, VectorLanes } from "./lanes.ts";

export interface Access {
  /** Bytes of an element. */
  readonly bytes: 1 | 2 | 4 | 8;
  /** The type that a stored element is loaded as. */
  readonly raw: NumberType;
  readonly signed: boolean;
  /** The trees from a stored element to the number that formulas compute with, and back. */
  readonly decode: (raw: Node) => Node;
  readonly encode: (value: Node) => Node;
}

const same = (x: Node): Node => x;
const plain = (raw: NumberType, bytes: Access["bytes"], signed = true): Access => ({
  bytes,
  raw,
  signed,
  decode: same,
  encode: (x) => (raw === "i32" && wholeOf(x)) || convert(x, raw),
});

const half = ({ decode, encode }: HalfFormat, signed: boolean): Access => ({
  bytes: 2,
  raw: "i32",
  signed,
  decode,
  encode: (x) => encode(convert(x, "f32")),
});

export const access: { readonly [D in DType]: Access } = {
  float32: plain("f32", 4),
  float64: plain("f64", 8),
  float16: half(halves.float16, true),
  bfloat16: half(halves.bfloat16, false),
  int64: plain("i64", 8),
  int32: plain("i32", 4),
  int16: plain("i32", 2),
  int8: plain("i32", 1),
  uint8: plain("i32", 1, false),
  bool: {
    bytes: 1,
    raw: "i32",
    signed: false,
    decode: same,
    encode: (x) => convert(x.type.startsWith("m") ? x : (isElementNonzero(x) ?? ne(x, 0)), "i32"),
  },
};

type Address = Expr<"i32">;

/** Loads `lanes` packed elements from `address + offset`. May read up to 15 bytes beyond them. */
export function loadPacked({ bytes, signed }: Access, lanes: VectorLanes, address: Address, offset = 0): Expr<"v128"> {
  const total = bytes * lanes;
  if (bytes === 2 && lanes === 4) return load(signed ? "v128.load16x4_s" : "v128.load16x4_u", address, offset);
  if (bytes === 1 && lanes === 8) return load(signed ? "v128.load8x8_s" : "v128.load8x8_u", address, offset);
  if (total === 16) return load("v128.load", address, offset);
  if (total === 8) return load("v128.load64_zero", address, offset);
  const packed =
    total === 4
      ? load("v128.load32_zero", address, offset)
      : loadLane("v128.load16_lane", address, splat("i32x4", 0), 0, offset);
  return widen(packed, bytes, signed);
}

/** Loads one element into every lane. */
export function loadRepeated({ bytes, signed }: Access, address: Address, lanes?: VectorLanes): Expr<"v128"> {
  const names = {
    1: "v128.load8_splat",
    2: "v128.load16_splat",
    4: "v128.load32_splat",
    8: "v128.load64_splat",
  } as const;
  return widen(load(names[bytes], address), bytes, signed, lanes);
}

const loadLaneNames = {
  1: "v128.load8_lane",
  2: "v128.load16_lane",
  4: "v128.load32_lane",
  8: "v128.load64_lane",
} as const;
const storeLaneNames = {
  1: "v128.store8_lane",
  2: "v128.store16_lane",
  4: "v128.store32_lane",
  8: "v128.store64_lane",
} as const;

/** Loads `count` elements that are `stride` bytes apart, and moves the pointer past them. */
export function loadStrided(
  f: Func,
  { bytes, signed }: Access,
  count: number,
  pointer: Local<"i32">,
  stride: Address,
): Expr<"v128"> {
  const packed = f.let(splat("i32x4", 0));
  for (let lane = 0; lane < count; lane++) {
    f.set(packed, loadLane(loadLaneNames[bytes], pointer, packed, lane));
    f.inc(pointer, stride);
  }
  return widen(packed, bytes, signed);
}

function widen(packed: Expr<"v128">, bytes: number, signed: boolean, lanes: VectorLanes = 4): Expr<"v128"> {
  if (bytes >= 4 || bytes * lanes === 16) return packed;
  const sign = signed ? "s" : "u";
  const half = bytes === 1 ? op(`i16x8.extend_low_i8x16_${sign}`, packed) : packed;
  return lanes === 8 ? half : op(`i32x4.extend_low_i16x8_${sign}`, half);
}

/** Loads `lanes` packed elements in reverse order, beginning with the one `offset` elements before `address`. */
export function loadReversed(from: Access, lanes: VectorLanes, address: Address, offset = 0): Expr<"v128"> {
  const loaded = loadPacked(from, lanes, op("i32.sub", address, (offset + lanes - 1) * from.bytes));
  const last = lanes === 2 && from.bytes < 8 ? [1, 0, 2, 3] : [...Array(lanes).keys()].reverse();
  return shuffle(loaded, loaded, last);
}

/** Cuts lanes to the width of the stored element, and moves them side by side to the low end of the vector. */
function narrow(value: Expr<"v128">, bytes: number, lanes: VectorLanes = 4): Expr<"v128"> {
  if (bytes * lanes === 16) return value;
  if (lanes === 8) return shuffle(value, value, [0, 2, 4, 6, 8, 10, 12, 14, 0, 2, 4, 6, 8, 10, 12, 14]);
  if (bytes === 2) return shuffle(value, value, [0, 1, 4, 5, 8, 9, 12, 13, 0, 1, 4, 5, 8, 9, 12, 13]);
  if (bytes === 1) return shuffle(value, value, [0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12]);
  return value;
}

export function storePacked(
  f: Func,
  { bytes }: Access,
  lanes: VectorLanes,
  address: Address,
  value: Expr<"v128">,
  offset = 0,
): void {
  const packed = narrow(value, bytes, lanes);
  const total = (bytes * lanes) as 2 | 4 | 8 | 16;
  if (total === 16) f.store("v128.store", address, packed, offset);
  else f.storeLane(storeLaneNames[total], address, packed, 0, offset);
}

/**
 * Stores vectors of `lanes` elements side by side, from `at` elements on. Vectors that fill only a half are joined
 * first.
 */
export function storeRun(
  f: Func,
  to: Access,
  lanes: VectorLanes,
  address: Address,
  values: readonly Expr<"v128">[],
  at = 0,
): void {
  const bytes = to.bytes * lanes;
  const place = (i: number): number => to.bytes * at + bytes * i;
  if (bytes === 8 && values.length % 2 === 0) {
    const evens = Array.from({ length: 2 * lanes }, (_, i) => 2 * i);
    for (let i = 0; i < values.length; i += 2) {
      f.store("v128.store", address, shuffle(values[i]!, values[i + 1]!, evens), place(i));
    }
  } else for (const [i, value] of values.entries()) storePacked(f, to, lanes, address, value, place(i));
}

/** Stores the first `count` lanes `stride` bytes apart, and moves the pointer past them. */
export function storeStrided(
  f: Func,
  { bytes }: Access,
  count: number,
  pointer: Local<"i32">,
  stride: Address,
  value: Expr<"v128">,
): void {
  const packed = f.let(narrow(value, bytes));
  for (let lane = 0; lane < count; lane++) {
    f.storeLane(storeLaneNames[bytes], pointer, packed, lane);
    f.inc(pointer, stride);
  }
}

/** Stores the lanes 0 … `left`-1 of a last, partial vector. */
export function storeFirst(
  f: Func,
  { bytes }: Access,
  lanes: VectorLanes,
  left: Address,
  address: Address,
  value: Expr<"v128">,
): void {
  const packed = f.let(narrow(value, bytes, lanes));
  for (let lane = 0; lane < lanes - 1; lane++) {
    f.if(op("i32.gt_s", left, lane), () => f.storeLane(storeLaneNames[bytes], address, packed, lane, lane * bytes));
  }
}

export function loadScalar({ bytes, raw, signed }: Access, address: Address): Expr {
  if (raw === "i32" && bytes < 4) return load(`i32.load${(8 * bytes) as 8 | 16}_${signed ? "s" : "u"}`, address);
  return load(`${raw}.load`, address);
}

export function storeScalar(f: Func, { bytes, raw }: Access, address: Address, value: Expr): void {
  const store = f.store.bind(f) as (name: string, address: Address, value: Expr) => void;
  store(bytes < 4 ? `i32.store${8 * bytes}` : `${raw}.store`, address, value);
}

export function isVector(lanes: Lanes | VectorLanes): lanes is VectorLanes {
  return lanes !== "scalar";
}
