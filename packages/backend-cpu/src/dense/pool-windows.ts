/** Loops over planes, outputs and windows, for every pooling kernel. */
import { type Expr, type Func, i32, type Local, load, loadLane, op, select, shuffle, splat } from "../wasm/emitter.ts";
import { at, type Element, type Int, min, shareOf } from "./element.ts";
import type { geometryParams, WindowRow } from "./pool-geometry.ts";

export type PoolLocals = { readonly [N in (typeof geometryParams)[number] | "chunk" | "chunks"]: Int };

const axes = ["Depth", "Height", "Width"] as const;

/** Where a window lies along one axis. */
interface Range {
  /** Before clipping; negative in the padding. */
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
  /** A vector of outputs of a row, if none of their windows leaves the row; gets the window of the first. */
  readonly some: (window: Window) => void;
}

/** Every plane of this chunk, then every output in it, row by row. */
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

/** Every row of outputs of this chunk's planes: where its windows lie along the other axes. */
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

/** How many windows follow that lie in their row altogether. */
function windowsInside(f: Func, p: PoolLocals, row: WindowRow, start: Int, x: Int): Expr<"i32"> {
  const room = f.let(op("i32.sub", op("i32.sub", p.inWidth, (row.width - 1) * row.dilation + 1), start));
  const windows = min(f, op("i32.add", op("i32.div_u", room, row.stride), 1), op("i32.sub", p.outWidth, x));
  return select(op("i32.lt_s", op("i32.or", start, room), 0), i32(0), windows);
}

/** What a vector of neighbouring windows has at the same place; `address + offset` is that of the first. */
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
  // Steps over what lies in the padding.
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

/** Every row of a window that lies inside the input: the index in the plane of its first element. */
function forEachRow(f: Func, p: PoolLocals, [depth, height, width]: Window, body: (index: Int) => void): void {
  const [z, y] = [f.local("i32"), f.local("i32")];
  f.for(z, depth.first, depth.end, depth.step, () => {
    f.for(y, height.first, height.end, height.step, () => {
      const row = op("i32.mul", at(y, z, p.inHeight), p.inWidth);
      body(f.let(op("i32.add", row, width.first)));
    });
  });
}

/** Every element of a window that lies inside the input: its index in the plane. */
export function forEachElement(f: Func, p: PoolLocals, window: Window, body: (index: Int) => void): void {
  const [x, { first, end, step }] = [f.local("i32"), window[2]];
  forEachRow(f, p, window, (index) => {
    f.for(x, first, end, step, () => {
      body(index);
      f.inc(index, step);
    });
  });
}

/** Rows of windows up to here are written out. */
const UNROLLED = 8;

/**
 * What a vector of neighbouring windows of `plane` has, place by place, the places of the first one's as a vector, and whether
 * nothing came before.
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
