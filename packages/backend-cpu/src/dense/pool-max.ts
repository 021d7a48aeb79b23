/**
 * Max pooling. Of equal elements the first wins, and NaN wins over all, as in PyTorch. Next to the values it gives the
 * place of each in its plane of the input, as int32.
 */
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

const float32 = { name: "f32", bytes: 4 } as Element;

const params = ["chunk", "chunks", "x", "y", "indices", ...geometryParams] as const;
type Pointers = { readonly x: Int; readonly y: Int; readonly indices: Int };
type Locals = PoolLocals & Pointers;

/** Loads an element; with `relu` as ReLU leaves it, which keeps NaN and -0. */
function see(f: Func, value: Local<FloatName>, loaded: Scalar, relu: boolean): void {
  f.set(value, loaded as never);
  if (relu) f.if(op(`${value.type}.lt`, value as never, 0), () => f.set(value, 0));
}

const seen = (vector: Expr<"v128">, relu: boolean, shape: Element["shape"] = "f32x4"): Expr<"v128"> =>
  relu ? op(`${shape}.pmax`, vector, 0) : vector;

/** Whether a number replaces the largest one so far. */
function wins(e: Element, value: Scalar, best: Scalar): Expr<"i32"> {
  const greater = op(`${e.name}.gt`, value as never, best as never);
  return op("i32.or", greater, op(`${e.name}.ne`, value as never, value as never));
}

/** Three pointers that follow a chunk's planes: to the plane itself, and to the next output and index. */
function planePointers(f: Func, e: Element, p: Locals) {
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
    const pointers = { x, y, indices };
    const some = (window: Window): void => maxOfSome(f, p, e, window, row!, pointers, relu);
    forEachOutput(f, p, e, row, { plane: toPlane, output, some });
  });
}

/** A vector of outputs. Places are words, two for each of float64. */
function maxOfSome(
  f: Func,
  p: Locals,
  { shape, lanes }: Element,
  window: Window,
  row: WindowRow,
  { x, y, indices }: Pointers,
  relu: boolean,
): void {
  const steps = v128(Int32Array.from({ length: 4 }, (_, word) => row.stride * ((word * lanes) >> 2)));
  const [best, places, sum] = f.locals("v128", 3) as [Local<"v128">, Local<"v128">, Local<"v128">];
  const pass = (take: (value: Local<"v128">, place: Local<"v128">, isFirst: boolean) => void): void => {
    f.set(best, splat(shape, Number.NEGATIVE_INFINITY));
    f.set(places, op("i32x4.splat", firstIndex(p, window)));
    forEachSome(f, p, window, x, row, lanes, (some, place, isFirst) => {
      take(f.let(seen(some, relu, shape)), place, isFirst);
    });
  };
  const move = (mask: Local<"v128">, place: Local<"v128">): void =>
    f.set(places, op("v128.bitselect", place, places, mask));
  f.set(sum, splat(shape, 0));
  pass((value, place, isFirst) => {
    f.set(sum, isFirst ? value : op(`${shape}.add`, sum, value));
    if (isFirst) return f.set(best, value);
    move(f.let(op(`${shape}.gt`, value, best)), place);
    f.set(best, op(`${shape}.pmax`, best, value));
  });
  f.if(isOdd(sum, shape), () =>
    pass((value, place) => {
      const mask = f.let(op("v128.or", op(`${shape}.gt`, value, best), op(`${shape}.ne`, value, value)));
      f.set(best, op("v128.bitselect", value, best, mask));
      move(mask, place);
    }),
  );
  f.store("v128.store", y, best);
  f.set(places, op("i32x4.add", places, steps));
  if (lanes === 4) f.store("v128.store", indices, places);
  else f.storeLane("v128.store64_lane", indices, shuffle(places, places, evens), 0);
  f.inc(y, 16);
  f.inc(indices, 4 * lanes);
}

/** Whether a sum is NaN: one of its numbers is, or they are infinite on both sides. */
function isOdd(sum: Local<"v128">, shape: Element["shape"] = "f32x4"): Expr<"i32"> {
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

const evens = [0, 2, 4, 6];
const odds = [1, 3, 5, 7];

type Extents = Pick<Locals, "inWidth" | "outHeight" | "outWidth">;

/** The two rows of 2×2 windows over a plane, four windows at a time; what is over at the end of a row goes one by one. */
function forEachQuad(
  f: Func,
  { inWidth, outHeight, outWidth }: Extents,
  { x: plane, y, indices }: Pointers,
  quad: (places: Expr<"v128">, x: Int, below: Int, y: Int, indices: Int) => void,
  single: (place: Int, x: Int, below: Int, y: Int, indices: Int) => void,
): void {
  const place = f.local("i32");
  const rest = f.local("i32");
  const x = f.local("i32");
  const below = f.local("i32");
  const advance = (windows: number): void => {
    f.inc(place, 2 * windows);
    f.inc(x, 8 * windows);
    f.inc(below, 8 * windows);
    f.inc(y, 4 * windows);
    f.inc(indices, 4 * windows);
    f.inc(rest, -windows);
  };
  f.range(outHeight, (row) => {
    f.set(place, op("i32.mul", row, op("i32.shl", inWidth, 1)));
    f.set(x, at(plane, place, 4));
    f.set(below, at(x, inWidth, 4));
    f.set(rest, outWidth);
    f.while(op("i32.ge_s", rest, 4), () => {
      const places = op("i32x4.add", op("i32x4.splat", place), v128(new Int32Array([0, 2, 4, 6])));
      quad(places, x, below, y, indices);
      advance(4);
    });
    f.while(rest, () => {
      single(place, x, below, y, indices);
      advance(1);
    });
  });
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
    const number = f.local("f32");
    const largest = f.local("f32");
    const winner = f.local("i32");
    forEachQuad(
      f,
      p,
      p,
      (first, x, below, y, indices) => {
        const quad = [x, below].flatMap((row) => {
          const [near, far] = [f.let(load("v128.load", row)), f.let(load("v128.load", row, 16))];
          return [evens, odds].map((lanes) => f.let(seen(shuffle(near, far, lanes), relu)));
        }) as unknown as Quad;
        const write = ([best, distance]: readonly [Expr<"v128">, Expr<"v128">]): void => {
          f.store("v128.store", y, best);
          f.store("v128.store", indices, op("i32x4.add", first, distance));
        };
        f.set(sum, sumOf(quad));
        f.if(
          isOdd(sum),
          () => write(latestOfQuad(f, quad, width)),
          () => write(largestOfQuad(f, quad, width)),
        );
      },
      (place, x, below, y, indices) => {
        see(f, largest, load("f32.load", x), relu);
        f.set(winner, place);
        const candidates = [
          [x, 4, i32(1)],
          [below, 0, p.inWidth],
          [below, 4, op("i32.add", p.inWidth, 1)],
        ] as const;
        for (const [row, offset, distance] of candidates) {
          see(f, number, load("f32.load", row, offset), relu);
          f.if(wins(float32, number, largest), () => {
            f.set(largest, number);
            f.set(winner, op("i32.add", place, distance));
          });
        }
        f.store("f32.store", y, largest);
        f.store("i32.store", indices, winner);
      },
    );
  });
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
    const distance = f.local("v128");
    const gradient = f.local("v128");
    const pointers = planePointers(f, float32, p);
    shareOf(f, p, p.planes, (number) => {
      pointers.toPlane(number);
      // A row or column that no window covers.
      f.if(op("i32.eqz", exact), () => f.fill(pointers.x, 0, planeSize));
      forEachQuad(
        f,
        p,
        pointers,
        (first, x, below, y, indices) => {
          f.set(distance, op("i32x4.sub", load("v128.load", indices), first));
          f.set(gradient, load("v128.load", y));
          const width = f.let(op("i32x4.splat", p.inWidth));
          const at = (offset: Expr<"v128">) => f.let(op("v128.and", gradient, op("i32x4.eq", distance, offset)));
          const upper = [at(splat("i32x4", 0)), at(splat("i32x4", 1))] as const;
          const lower = [at(width), at(op("i32x4.add", width, splat("i32x4", 1)))] as const;
          for (const [row, [left, right]] of [
            [x, upper],
            [below, lower],
          ] as const) {
            f.store("v128.store", row, shuffle(left, right, [0, 4, 1, 5]));
            f.store("v128.store", row, shuffle(left, right, [2, 6, 3, 7]), 16);
          }
        },
        (place, x, below, y, indices) => {
          for (const row of [x, below]) f.store("i64.store", row, 0);
          const target = at(x, op("i32.sub", load("i32.load", indices), place), 4);
          f.store("f32.store", target, load("f32.load", y));
        },
      );
    });
  });
}
