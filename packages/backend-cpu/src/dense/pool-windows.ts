/** The loops of pooling kernels over planes, outputs, and the elements of windows. */
import { type Expr, type Func, i32, type Local, load, loadLane, op, select, shuffle, splat } from "../wasm/emitter.ts";
import { at, type Element, type Int, min, shareOf } from "./element.ts";
import type { geometryParams, WindowRow } from "./pool-geometry.ts";

export type PoolLocals = { readonly [N in (typeof geometryParams)[number] | "chunk" | "chunks"]: Int };

const axes = ["Depth", "Height", "Width"] as const;

/** The extent of a window along one axis. */
interface Range {
  /** Where the window begins, padding included: negative there. */
  readonly start: Int;
  /** Its first and last (exclusive) element inside the input. */
  readonly first: Int;
  readonly end: Int;
  readonly step: Int;
}

export type Window = readonly [Range, Range, Range];

/** Bytes of a plane of the input and of the output. */
export function planeBytes(f: Func, e: Element, p: PoolLocals): { input: Int; output: Int } {
  const volume = (side: "in" | "out") => {
    const [depth, height, width] = axes.map((axis) => p[`${side}${axis}`]);
    return op("i32.mul", op("i32.mul", op("i32.mul", depth!, height!), width!), e.bytes);
  };
  return { input: f.let(volume("in")), output: f.let(volume("out")) };
}

export interface OutputVisitor {
  readonly plane: (number: Int) => void;
  readonly output: (window: Window) => void;
  /** For a vector of neighbouring outputs whose windows all lie inside the row; gets the window of the first. */
  readonly some: (window: Window) => void;
}

/**
 * Visits every plane of this chunk and every output in it, row by row; several outputs together where that is possible.
 */
export function forEachOutput(
  f: Func,
  p: PoolLocals,
  { lanes }: Element,
  row: WindowRow | undefined,
  { plane, output, some }: OutputVisitor,
): void {
  const [x, vectors] = [f.local("i32"), f.local("i32")];
  const one = (window: Window): void => {
    output(window);
    f.inc(x, 1);
  };
  const oneOrMore = (window: Window, row: WindowRow): void => {
    const [, , { start, first }] = window;
    const vector = (): void => {
      some(window);
      f.inc(x, lanes);
      f.inc(first, lanes * row.stride);
      f.inc(vectors, -1);
    };
    f.set(vectors, op("i32.div_u", windowsInside(f, p, row, start, x), lanes));
    f.if(
      vectors,
      () => f.doWhile(vector, vectors),
      () => one(window),
    );
  };
  forEachLine(f, p, plane, (depth, height) => {
    f.set(x, 0);
    f.while(op("i32.lt_s", x, p.outWidth), () => {
      const window = [depth, height, rangeOf(f, p, "Width", x)] as const;
      if (row) oneOrMore(window, row);
      else one(window);
    });
  });
}

/** Visits every row of outputs of this chunk's planes; `body` gets the extents of its windows along the other axes. */
function forEachLine(
  f: Func,
  p: PoolLocals,
  plane: (number: Int) => void,
  body: (depth: Range, height: Range) => void,
): void {
  shareOf(f, p, p.planes, (number) => {
    plane(number);
    f.range(p.outDepth, (z) => {
      const depth = rangeOf(f, p, "Depth", z);
      f.range(p.outHeight, (y) => body(depth, rangeOf(f, p, "Height", y)));
    });
  });
}

/** How many windows from here on lie completely inside their row of the input. */
function windowsInside(f: Func, p: PoolLocals, row: WindowRow, start: Int, x: Int): Expr<"i32"> {
  const room = f.let(op("i32.sub", op("i32.sub", p.inWidth, (row.width - 1) * row.dilation + 1), start));
  const windows = min(f, op("i32.add", op("i32.div_u", room, row.stride), 1), op("i32.sub", p.outWidth, x));
  return select(op("i32.lt_s", op("i32.or", start, room), 0), i32(0), windows);
}

/** Loads the elements at the same place of neighbouring windows; that of the first window is at `address + offset`. */
function loadSome(lanes: 2 | 4, address: Int, stride: number, offset: number): Expr<"v128"> {
  const bits = (128 / lanes) as 32 | 64;
  if (stride > 2) {
    return [1, 2, 3]
      .slice(0, lanes - 1)
      .reduce<Expr<"v128">>(
        (some, i) => loadLane(`v128.load${bits}_lane`, address, some, i, offset + (bits / 8) * stride * i),
        load(`v128.load${bits}_zero`, address, offset),
      );
  }
  const near = load("v128.load", address, offset);
  const evens = [0, 2, 4, 6].slice(0, lanes);
  return stride === 1 ? near : shuffle(near, load("v128.load", address, offset + 16), evens);
}

function rangeOf(f: Func, p: PoolLocals, axis: (typeof axes)[number], index: Int): Range {
  const step = p[`dilation${axis}`];
  const start = f.let(op("i32.sub", op("i32.mul", index, p[`stride${axis}`]), p[`padding${axis}`]));
  const first = f.let(start);
  // Skips the elements in the padding.
  f.if(op("i32.lt_s", start, 0), () => {
    const missing = op("i32.sub", op("i32.sub", step, 1), start);
    f.set(first, at(start, op("i32.div_s", missing, step), step));
  });
  const reach = op("i32.add", op("i32.mul", op("i32.sub", p[`kernel${axis}`], 1), step), 1);
  const end = min(f, op("i32.add", start, reach), p[`in${axis}`]);
  f.if(op("i32.eqz", p[`stride${axis}`]), () => {
    const [size, count] = [p[`in${axis}`], p[`out${axis}`]].map((value) => f.let(op("i64.extend_i32_u", value)));
    const before = f.let(op("i64.mul", op("i64.extend_i32_u", index), size!));
    const upTo = op("i64.sub", op("i64.add", before, op("i64.add", size!, count!)), 1);
    f.set(first, op("i32.wrap_i64", op("i64.div_u", before, count!)));
    f.set(end, op("i32.wrap_i64", op("i64.div_u", upTo, count!)));
  });
  return { start, first, end, step };
}

/** Visits the rows of a window inside the input; `body` gets the index in the plane of the first element. */
function forEachRow(f: Func, p: PoolLocals, [depth, height, width]: Window, body: (index: Int) => void): void {
  const [z, y] = [f.local("i32"), f.local("i32")];
  f.for(z, depth.first, depth.end, depth.step, () => {
    f.for(y, height.first, height.end, height.step, () => {
      const row = op("i32.mul", at(y, z, p.inHeight), p.inWidth);
      body(f.let(op("i32.add", row, width.first)));
    });
  });
}

/** Visits the elements of a window inside the input; `body` gets their index in the plane. */
export function forEachElement(f: Func, p: PoolLocals, window: Window, body: (index: Int) => void): void {
  const [x, { first, end, step }] = [f.local("i32"), window[2]];
  forEachRow(f, p, window, (index) => {
    f.for(x, first, end, step, () => {
      body(index);
      f.inc(index, step);
    });
  });
}

/** Loops over rows of windows are unrolled up to this width. */
const UNROLLED = 8;

/**
 * Visits the places of neighbouring windows, several windows at once. `body` gets a vector with the elements of all
 * windows at a place, the place in the first window as a vector, and whether it is the first place.
 */
export function forEachSome(
  f: Func,
  p: PoolLocals,
  window: Window,
  plane: Int,
  { width, stride, dilation, single }: WindowRow,
  lanes: 2 | 4,
  body: (some: Expr<"v128">, place: Local<"v128">, isFirst: boolean) => void,
): void {
  const [next, bytes] = [f.let(splat("i32x4", dilation)), 16 / lanes];
  const each = (visit: (index: Int) => void): void =>
    single ? visit(f.let(firstIndex(p, window))) : forEachRow(f, p, window, visit);
  each((index) => {
    const place = f.let(op("i32x4.splat", index));
    const address = f.let(at(plane, index, bytes));
    const visit = (offset: number, isFirst = false): void => {
      body(loadSome(lanes, address, stride, offset), place, isFirst);
      f.set(place, op("i32x4.add", place, next));
    };
    if (width <= UNROLLED) for (let i = 0; i < width; i++) visit(bytes * dilation * i, single && i === 0);
    else {
      f.range(i32(width), () => {
        visit(0);
        f.inc(address, bytes * dilation);
      });
    }
  });
}

/** The index of a window's first element. */
export function firstIndex(p: PoolLocals, [depth, height, width]: Window): Expr<"i32"> {
  return op("i32.add", op("i32.mul", at(height.first, depth.first, p.inHeight), p.inWidth), width.first);
}
