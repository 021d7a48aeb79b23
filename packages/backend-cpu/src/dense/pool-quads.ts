/** Max pooling of float32 by windows of 2×2 that touch, by far the most common ones: four of them at a time. */
import {
  type Expr,
  type Func,
  type FuncRef,
  i32,
  type Local,
  load,
  type Module,
  op,
  shuffle,
  splat,
  v128,
} from "../wasm/emitter.ts";
import { at, type Element, type Int, shareOf } from "./element.ts";
import { isOdd, type Pointers, params, planePointers, see, seen, wins } from "./pool-max.ts";
import type { PoolLocals } from "./pool-windows.ts";

const float32 = { name: "f32", bytes: 4 } as Element;
const evens = [0, 2, 4, 6];
const odds = [1, 3, 5, 7];

type Extents = Pick<PoolLocals, "inWidth" | "outHeight" | "outWidth">;

/** Where the next windows are: the place of the first one, both its rows, and what becomes of it. */
interface Windows extends Pointers {
  readonly place: Int;
  readonly below: Int;
}

type Visit = (windows: Windows) => void;

/** All windows of a plane, row by row; what is over at the end of a row goes one by one. */
function forEachQuad(
  f: Func,
  { inWidth, outHeight, outWidth }: Extents,
  { x: plane, y, indices }: Pointers,
  four: Visit,
  one: Visit,
): void {
  const [place, rest, x, below] = f.locals("i32", 4) as [Int, Int, Int, Int];
  const next = (count: number, visit: Visit): void => {
    visit({ place, x, below, y, indices });
    f.inc(place, 2 * count);
    for (const row of [x, below]) f.inc(row, 8 * count);
    for (const output of [y, indices]) f.inc(output, 4 * count);
    f.inc(rest, -count);
  };
  f.range(outHeight, (row) => {
    f.set(place, op("i32.mul", row, op("i32.shl", inWidth, 1)));
    f.set(x, at(plane, place, 4));
    f.set(below, at(x, inWidth, 4));
    f.set(rest, outWidth);
    f.while(op("i32.ge_s", rest, 4), () => next(4, four));
    f.while(rest, () => next(1, one));
  });
}

/** The places of four windows. */
function placesOf({ place }: Windows): Expr<"v128"> {
  return op("i32x4.add", op("i32x4.splat", place), v128(new Int32Array([0, 2, 4, 6])));
}

/** Four windows of 2×2, by what they have at each of their places. */
type Quad = readonly [Local<"v128">, Local<"v128">, Local<"v128">, Local<"v128">];

function sumOf([a, b, c, d]: Quad): Expr<"v128"> {
  return op("f32x4.add", op("f32x4.add", a, b), op("f32x4.add", c, d));
}

/** The largest of numbers without NaN, and how far from the first place it is: where it is not above, or not on the left. */
export function largestOfQuad(f: Func, [a, b, c, d]: Quad, width: Expr<"v128">): readonly [Expr<"v128">, Expr<"v128">] {
  const larger = (x: Expr<"v128">, y: Expr<"v128">) => op("f32x4.pmax", x, y);
  const best = f.let(larger(larger(a, b), larger(c, d)));
  const isAt = (x: Local<"v128">) => f.let(op("f32x4.eq", x, best));
  const [atA, atB, atC] = [isAt(a), isAt(b), isAt(c)];
  const left = op("v128.or", atA, op("v128.andnot", atC, atB));
  const below = op("v128.andnot", width, op("v128.or", atA, atB));
  return [best, op("i32x4.add", below, op("v128.andnot", splat("i32x4", 1), left))];
}

/** The same where numbers may be NaN, one place after the other. */
function latestOfQuad(f: Func, [a, ...others]: Quad, width: Expr<"v128">): readonly [Expr<"v128">, Expr<"v128">] {
  const best = f.let(a);
  const distance = f.let(splat("i32x4", 0));
  const distances = [splat("i32x4", 1), width, op("i32x4.add", width, splat("i32x4", 1))];
  for (const [i, value] of others.entries()) {
    const mask = f.let(op("v128.or", op("f32x4.gt", value, best), op("f32x4.ne", value, value)));
    f.set(best, op("v128.bitselect", value, best, mask));
    f.set(distance, op("v128.bitselect", distances[i]!, distance, mask));
  }
  return [best, distance];
}

const planeParams = ["x", "y", "indices", "inWidth", "outHeight", "outWidth"] as const;

/** Windows of 2×2 side by side over one plane of float32. */
export function planePool2(m: Module, relu = false): FuncRef<typeof planeParams, undefined> {
  return m.inner("planePool2", planeParams, (f, p) => {
    const width = f.let(op("i32x4.splat", p.inWidth));
    const sum = f.local("v128");
    const [number, largest, winner] = [f.local("f32"), f.local("f32"), f.local("i32")];
    const four = (windows: Windows): void => poolFour(f, windows, width, sum, relu);
    const one = (windows: Windows): void => poolOne(f, windows, p.inWidth, [number, largest, winner], relu);
    forEachQuad(f, p, p, four, one);
  });
}

function poolFour(f: Func, windows: Windows, width: Local<"v128">, sum: Local<"v128">, relu: boolean): void {
  const quad = [windows.x, windows.below].flatMap((row) => {
    const [near, far] = [f.let(load("v128.load", row)), f.let(load("v128.load", row, 16))];
    return [evens, odds].map((lanes) => f.let(seen(shuffle(near, far, lanes), relu)));
  }) as unknown as Quad;
  const write = ([best, distance]: readonly [Expr<"v128">, Expr<"v128">]): void => {
    f.store("v128.store", windows.y, best);
    f.store("v128.store", windows.indices, op("i32x4.add", placesOf(windows), distance));
  };
  f.set(sum, sumOf(quad));
  f.if(
    isOdd(sum),
    () => write(latestOfQuad(f, quad, width)),
    () => write(largestOfQuad(f, quad, width)),
  );
}

/** Takes the largest number of a window and its place. */
function poolOne(
  f: Func,
  windows: Windows,
  inWidth: Int,
  [number, largest, winner]: readonly [Local<"f32">, Local<"f32">, Int],
  relu: boolean,
): void {
  const { place, x, below, y, indices } = windows;
  see(f, largest, load("f32.load", x), relu);
  f.set(winner, place);
  const others = [
    [x, 4, i32(1)],
    [below, 0, inWidth],
    [below, 4, op("i32.add", inWidth, 1)],
  ] as const;
  for (const [row, offset, distance] of others) {
    see(f, number, load("f32.load", row, offset), relu);
    f.if(wins(float32, number, largest), () => {
      f.set(largest, number);
      f.set(winner, op("i32.add", place, distance));
    });
  }
  f.store("f32.store", y, largest);
  f.store("i32.store", indices, winner);
}

/** `maxPool2` or `reluMaxPool2`. */
export function buildMaxPool2(m: Module, relu: boolean): void {
  const pool = planePool2(m, relu);
  m.func(relu ? "reluMaxPool2" : "maxPool2", params, (f, p) => {
    const { x, y, indices, toPlane } = planePointers(f, float32, p);
    shareOf(f, p, p.planes, (number) => {
      toPlane(number);
      f.call(pool, x, y, indices, p.inWidth, p.outHeight, p.outWidth);
    });
  });
}

/** `maxPool2Backward`: writes every element of the input's gradient once, instead of zeros first and sums after. */
export function buildMaxPool2Backward(m: Module): void {
  m.func("maxPool2Backward", params, (f, p) => {
    const covers = (side: "Height" | "Width") => op("i32.eq", op("i32.shl", p[`out${side}`], 1), p[`in${side}`]);
    const exact = f.let(op("i32.and", covers("Height"), covers("Width")));
    const planeSize = f.let(op("i32.mul", op("i32.mul", p.inHeight, p.inWidth), 4));
    const [distance, gradient] = [f.local("v128"), f.local("v128")];
    const pointers = planePointers(f, float32, p);
    shareOf(f, p, p.planes, (number) => {
      pointers.toPlane(number);
      // A row or column that no window covers.
      f.if(op("i32.eqz", exact), () => f.fill(pointers.x, 0, planeSize));
      const four = (windows: Windows): void => spreadFour(f, windows, p.inWidth, distance, gradient);
      forEachQuad(f, p, pointers, four, (windows) => spreadOne(f, windows));
    });
  });
}

function spreadFour(f: Func, windows: Windows, inWidth: Int, distance: Local<"v128">, gradient: Local<"v128">): void {
  f.set(distance, op("i32x4.sub", load("v128.load", windows.indices), placesOf(windows)));
  f.set(gradient, load("v128.load", windows.y));
  const width = f.let(op("i32x4.splat", inWidth));
  const at = (offset: Expr<"v128">) => f.let(op("v128.and", gradient, op("i32x4.eq", distance, offset)));
  const upper = [at(splat("i32x4", 0)), at(splat("i32x4", 1))] as const;
  const lower = [at(width), at(op("i32x4.add", width, splat("i32x4", 1)))] as const;
  for (const [row, [left, right]] of [
    [windows.x, upper],
    [windows.below, lower],
  ] as const) {
    f.store("v128.store", row, shuffle(left, right, [0, 4, 1, 5]));
    f.store("v128.store", row, shuffle(left, right, [2, 6, 3, 7]), 16);
  }
}

function spreadOne(f: Func, { place, x, below, y, indices }: Windows): void {
  for (const row of [x, below]) f.store("i64.store", row, 0);
  const target = at(x, op("i32.sub", load("i32.load", indices), place), 4);
  f.store("f32.store", target, load("f32.load", y));
}
