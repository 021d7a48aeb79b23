/** Loops over planes, outputs and windows, for every pooling kernel. */
import { type Expr, type Func, load, op, shuffle, when } from "../wasm/emitter.ts";
import { at, type Element, type Int, min, shareOf } from "./element.ts";
import type { geometryParams } from "./pool-geometry.ts";

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
  /** Four outputs of a row at once, if none of their windows leaves the row; gets the window of the first. */
  readonly four?: (window: Window) => void;
}

/** Every plane of this chunk, then every output in it, row by row. */
export function forEachOutput(f: Func, p: PoolLocals, { plane, output, four }: OutputVisitor): void {
  const x = f.local("i32");
  shareOf(f, p, p.planes, (number) => {
    plane(number);
    f.range(p.outDepth, (z) => {
      const depth = rangeOf(f, p, "Depth", z);
      f.range(p.outHeight, (y) => {
        const height = rangeOf(f, p, "Height", y);
        f.set(x, 0);
        f.while(op("i32.lt_s", x, p.outWidth), () => {
          const window = [depth, height, rangeOf(f, p, "Width", x)] as const;
          f.block((next) => {
            if (four !== undefined) {
              const fits = fitsFour(p, window[2], x);
              const steps = f.let(op("i32.shl", p.strideWidth, 2));
              f.if(fits, () => {
                f.doWhile(() => {
                  four(window);
                  f.inc(x, 4);
                  for (const bound of [window[2].start, window[2].first, window[2].end]) f.inc(bound, steps);
                }, fits);
                f.br(next);
              });
            }
            output(window);
            f.inc(x, 1);
          });
        });
      });
    });
  });
}

function fitsFour(p: PoolLocals, { start, step }: Range, x: Int): Expr<"i32"> {
  const last = at(start, p.strideWidth, 3);
  const end = at(last, op("i32.sub", p.kernelWidth, 1), step);
  const conditions = [
    op("i32.ge_s", start, 0),
    op("i32.lt_s", end, p.inWidth),
    op("i32.le_s", op("i32.add", x, 4), p.outWidth),
    op("i32.lt_u", op("i32.sub", p.strideWidth, 1), 2),
  ];
  return conditions.reduce((a, b) => op("i32.and", a, b));
}

/** What four neighbouring windows of float32 have at the same place; `address` is that of the first. */
export function loadFour(p: PoolLocals, address: Int): Expr<"v128"> {
  const near = load("v128.load", address);
  return when(op("i32.eq", p.strideWidth, 1), near, shuffle(near, load("v128.load", address, 16), [0, 2, 4, 6]));
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

/** Every element of a window that lies inside the input: its index in the plane. */
export function forEachElement(
  f: Func,
  p: PoolLocals,
  [depth, height, width]: Window,
  body: (index: Int) => void,
): void {
  const [z, y, x] = [f.local("i32"), f.local("i32"), f.local("i32")];
  f.for(z, depth.first, depth.end, depth.step, () => {
    f.for(y, height.first, height.end, height.step, () => {
      const row = f.let(op("i32.mul", at(y, z, p.inHeight), p.inWidth));
      const index = f.let(op("i32.add", row, width.first));
      f.for(x, width.first, width.end, width.step, () => {
        body(index);
        f.inc(index, width.step);
      });
    });
  });
}

/** The index of a window's first element. */
export function firstIndex(p: PoolLocals, [depth, height, width]: Window): Expr<"i32"> {
  return op("i32.add", op("i32.mul", at(height.first, depth.first, p.inHeight), p.inWidth), width.first);
}
