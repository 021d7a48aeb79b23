/**
 * Max pooling. Of equal elements the first wins, and NaN wins over all, as in PyTorch. Next to the values it gives the
 * place of each in its plane of the input, as int32.
 */
import { type Expr, type Func, type Local, load, type Module, op, shuffle, splat, v128 } from "../wasm/emitter.ts";
import {
  at,
  combine,
  type Element,
  type FloatName,
  type Int,
  loadScalar,
  type Scalar,
  shareOf,
  storeScalar,
} from "./element.ts";
import { geometryParams, type WindowRow } from "./pool-geometry.ts";
import {
  firstIndex,
  forEachElement,
  forEachOutput,
  forEachSome,
  type PoolLocals,
  planeBytes,
  type Window,
} from "./pool-windows.ts";

export const params = ["chunk", "chunks", "x", "y", "indices", ...geometryParams] as const;
export type Pointers = { readonly x: Int; readonly y: Int; readonly indices: Int };
type Locals = PoolLocals & Pointers;

/** Loads an element; with `relu` as ReLU leaves it, which keeps NaN and -0. */
export function see(f: Func, value: Local<FloatName>, loaded: Scalar, relu: boolean): void {
  f.set(value, loaded as never);
  if (relu) f.if(op(`${value.type}.lt`, value as never, 0), () => f.set(value, 0));
}

export const seen = (vector: Expr<"v128">, relu: boolean, shape: Element["shape"] = "f32x4"): Expr<"v128"> =>
  relu ? op(`${shape}.pmax`, vector, 0) : vector;

/** Whether a number replaces the largest one so far. */
export function wins(e: Element, value: Scalar, best: Scalar): Expr<"i32"> {
  const greater = op(`${e.name}.gt`, value as never, best as never);
  return op("i32.or", greater, op(`${e.name}.ne`, value as never, value as never));
}

/** Three pointers that follow a chunk's planes: to the plane itself, and to the next output and index. */
export function planePointers(f: Func, e: Element, p: Locals) {
  const bytes = planeBytes(f, e, p);
  const [x, y, indices] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const toPlane = (number: Int): void => {
    f.set(x, at(p.x, number, bytes.input));
    f.set(y, at(p.y, number, bytes.output));
    f.set(indices, at(p.indices, number, op("i32.div_u", bytes.output, e.bytes / 4)));
  };
  return { x, y, indices, bytes, toPlane };
}

/** `maxPool` or, of what ReLU leaves, `reluMaxPool`, for any window; with rows of a kind by vectors. */
export function buildMaxPool(m: Module, e: Element, relu: boolean, row: WindowRow | undefined): void {
  m.func(relu ? "reluMaxPool" : "maxPool", params, (f, p) => {
    const { x, y, indices, toPlane } = planePointers(f, e, p);
    const best = f.local(e.name);
    const value = f.local(e.name);
    const place = f.local("i32");
    const output = (window: Window): void => {
      f.set(best, Number.NEGATIVE_INFINITY);
      f.set(place, firstIndex(p, window));
      forEachElement(f, p, window, (index) => {
        see(f, value, loadScalar(e.name, at(x, index, e.bytes)), relu);
        f.if(wins(e, value, best), () => {
          f.set(best, value);
          f.set(place, index);
        });
      });
      storeScalar(f, e.name, y, best);
      f.store("i32.store", indices, place);
      f.inc(y, e.bytes);
      f.inc(indices, 4);
    };
    const some = (window: Window): void => maxOfSome(f, p, e, { x, y, indices, row: row!, relu }, window);
    forEachOutput(f, p, e, row, { plane: toPlane, output, some });
  });
}

type Vector = Local<"v128">;

/** The largest number of some windows so far, and its place. */
interface Largest {
  readonly shape: Element["shape"];
  readonly best: Vector;
  readonly places: Vector;
}

/** A vector of outputs: first as if there were no NaN, which the sum of all numbers tells. */
function maxOfSome(f: Func, p: Locals, e: Element, { row, relu, ...pointers }: Some, window: Window): void {
  const { shape } = e;
  const [best, places, sum] = f.locals("v128", 3) as [Vector, Vector, Vector];
  const largest = { shape, best, places };
  const pass = (take: (value: Vector, place: Vector, isFirst: boolean) => void): void => {
    f.set(best, splat(shape, Number.NEGATIVE_INFINITY));
    f.set(places, op("i32x4.splat", firstIndex(p, window)));
    forEachSome(f, p, window, pointers.x, row, e.lanes, (some, place, isFirst) => {
      take(f.let(seen(some, relu, shape)), place, isFirst);
    });
  };
  f.set(sum, splat(shape, 0));
  pass((value, place, isFirst) => {
    f.set(sum, isFirst ? value : op(`${shape}.add`, sum, value));
    if (isFirst) f.set(best, value);
    else takeNumber(f, largest, value, place);
  });
  f.if(isOdd(sum, shape), () => pass((value, place) => takeAny(f, largest, value, place)));
  storeSome(f, e, row.stride, pointers, largest);
}

/** What all vectors of outputs have in common. */
interface Some extends Pointers {
  readonly row: WindowRow;
  readonly relu: boolean;
}

function takeNumber(f: Func, { shape, best, places }: Largest, value: Vector, place: Vector): void {
  const mask = f.let(op(`${shape}.gt`, value, best));
  f.set(places, op("v128.bitselect", place, places, mask));
  f.set(best, op(`${shape}.pmax`, best, value));
}

function takeAny(f: Func, { shape, best, places }: Largest, value: Vector, place: Vector): void {
  const mask = f.let(op("v128.or", op(`${shape}.gt`, value, best), op(`${shape}.ne`, value, value)));
  f.set(best, op("v128.bitselect", value, best, mask));
  f.set(places, op("v128.bitselect", place, places, mask));
}

/** Stores the numbers, and the places of windows `stride` apart: words, two for each of float64. */
function storeSome(
  f: Func,
  { lanes }: Element,
  stride: number,
  { y, indices }: Pointers,
  { best, places }: Largest,
): void {
  const steps = v128(Int32Array.from({ length: 4 }, (_, word) => stride * ((word * lanes) >> 2)));
  f.store("v128.store", y, best);
  f.set(places, op("i32x4.add", places, steps));
  if (lanes === 4) f.store("v128.store", indices, places);
  else f.storeLane("v128.store64_lane", indices, shuffle(places, places, [0, 2, 4, 6]), 0);
  f.inc(y, 16);
  f.inc(indices, 4 * lanes);
}

/** Whether a sum is NaN: one of its numbers is, or they are infinite on both sides. */
export function isOdd(sum: Local<"v128">, shape: Element["shape"] = "f32x4"): Expr<"i32"> {
  return op("v128.any_true", op(`${shape}.ne`, sum, sum));
}

/** `maxPoolBackward`: x is the gradient of the input, y that of the output. */
export function buildMaxPoolBackward(m: Module, e: Element): void {
  m.func("maxPoolBackward", params, (f, p) => {
    const { x, y, indices, bytes, toPlane } = planePointers(f, e, p);
    shareOf(f, p, p.planes, (number) => {
      toPlane(number);
      f.fill(x, 0, bytes.input);
      const elements = f.let(op("i32.div_u", bytes.input, e.bytes));
      f.range(op("i32.div_u", bytes.output, e.bytes), () => {
        const place = f.let(load("i32.load", indices));
        // Windows that lie in the padding altogether have places outside.
        f.if(op("i32.lt_u", place, elements), () => {
          const target = f.let(at(x, place, e.bytes));
          storeScalar(f, e.name, target, combine(e.name, "add", loadScalar(e.name, target), loadScalar(e.name, y)));
        });
        f.inc(y, e.bytes);
        f.inc(indices, 4);
      });
    });
  });
}
