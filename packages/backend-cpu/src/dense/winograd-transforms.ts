/**
 * The transforms of Winograd convolution, see `winograd-axis.ts`: of weights and windows before the products, and of
 * the results. Four tiles side by side are a group, which goes through the transforms as the lanes of a vector.
 */
import {
  type Expr,
  type Func,
  type FuncRef,
  type Local,
  load,
  type Module,
  op,
  shuffle,
  v128,
} from "../wasm/emitter.ts";
import { type After, pools } from "./conv-forward.ts";
import { blockBounds } from "./conv-weights.ts";
import { at, type Int, shareOf } from "./element.ts";
import { largestOfQuad } from "./pool-quads.ts";
import { tilesFor } from "./tiles.ts";
import { type Axis, advanceOf, type Matrix, windowOf } from "./winograd-axis.ts";

/** The tiles of a group. */
export const GROUP = 4;
/** The bytes of a row of a group's outputs. At the edge of an image it goes through the start of the scratch area. */
export const EDGE_BYTES = 64;

export interface Axes {
  readonly rows: Axis;
  readonly columns: Axis;
}

export const productsOf = ({ rows, columns }: Axes): number => rows.input.length * columns.input.length;

/**
 * Σ coefficient · number. Numbers with the same coefficient, up to its sign, are added up before they are multiplied.
 */
function combined<T extends "f32" | "v128">(
  shape: T extends "f32" ? "f32" : "f32x4",
  coefficients: readonly number[],
  number: (i: number) => Expr<T>,
): Expr<T> {
  const apply = (verb: "add" | "sub" | "mul", a: Expr<T> | number, b: Expr<T> | number) =>
    op(`${shape}.${verb}` as "f32.add", a as never, b as never) as Expr as Expr<T>;
  const sumOf = (size: number): Expr<T> => {
    const positive = coefficients.indexOf(size);
    const first = positive >= 0 ? positive : coefficients.indexOf(-size);
    const start = coefficients[first]! > 0 ? number(first) : apply("sub", 0, number(first));
    const sum = coefficients.reduce((total, each, i) => {
      if (i === first || Math.abs(each) !== size) return total;
      return apply(each > 0 ? "add" : "sub", total, number(i));
    }, start);
    return size === 1 ? sum : apply("mul", sum, size);
  };
  const sizes = [...new Set(coefficients.map(Math.abs))].filter((size) => size > 0);
  return sizes.map(sumOf).reduce((a, b) => apply("add", a, b));
}

/** The matrices of a transform X → rows · X · columnsᵀ. */
export interface Matrices {
  readonly rows: Matrix;
  readonly columns: Matrix;
}

/** Writes the code of a transform. `give` gets the elements of the result, one by one. */
export function transform<T extends "f32" | "v128">(
  f: Func,
  shape: T extends "f32" ? "f32" : "f32x4",
  { rows, columns }: Matrices,
  along: readonly Local<T>[],
  number: (i: number, j: number) => Expr<T>,
  give: (value: Expr<T>, i: number, j: number) => void,
): void {
  for (const [i, row] of rows.entries()) {
    for (const [j, sum] of along.entries()) {
      const total = combined(shape, row, (k) => number(k, j));
      f.set(sum, total);
    }
    for (const [j, column] of columns.entries()) {
      const value = combined(shape, column, (k) => along[k]!);
      give(value, i, j);
    }
  }
}

/**
 * Extra bytes between the numbers of one product and the next: steps that are powers of two would compete for one cache
 * set.
 */
export const GAP = 64;

/** Where the transformed weights of a block of rows lie, and the step from one product to the next. */
export function weightBlock(f: Func, axes: Axes, w: Int, channels: Int, number: Int, block: { rows: Int; first: Int }) {
  const gaps = op("i32.mul", number, GAP * productsOf(axes));
  return {
    start: f.let(op("i32.add", at(w, op("i32.mul", block.first, channels), 4 * productsOf(axes)), gaps)),
    size: f.let(op("i32.mul", op("i32.mul", channels, block.rows), 4)),
  };
}

/**
 * `transformWeights`: blocks of rows, and in each block for every product the weights as the packed micro kernel takes them. A
 * row's taps lie `tapStep` apart, from `w` on; each of a kernel's `depth` planes counts as a channel.
 */
export function buildWeights(m: Module, axes: Axes): void {
  const steps = ["rowStep", "channelStep", "planeStep", "tapStep"] as const;
  const blocks = ["blockCount", "blockRows", "blockExtra"] as const;
  m.func("transformWeights", ["chunk", "chunks", "w", "to", "channels", "depth", ...steps, ...blocks], (f, p) => {
    const transformTaps = tapTransform(f, axes);
    shareOf(f, p, p.blockCount, (number) => {
      const block = blockBounds(f, number, p);
      const { start: target, size } = weightBlock(f, axes, p.to, p.channels, number, block);
      const productStep = f.let(op("i32.add", size, GAP));
      f.range(p.channels, (channel) => {
        const [c, z] = [op("i32.div_u", channel, p.depth), op("i32.rem_u", channel, p.depth)];
        const source = f.let(at(at(at(p.w, block.first, p.rowStep), c, p.channelStep), z, p.planeStep));
        f.range(block.rows, () => {
          transformTaps(source, p.tapStep, target, productStep);
          f.inc(source, p.rowStep);
          f.inc(target, 4);
        });
      });
    });
  });
}

/** Transforms the taps of one row and channel. */
function tapTransform(f: Func, { rows, columns }: Axes) {
  const matrices = { rows: rows.weight, columns: columns.weight };
  const width = columns.weight[0]!.length;
  const taps = f.locals("f32", rows.weight[0]!.length * width);
  const along = f.locals("f32", width);
  const [from, to] = [f.local("i32"), f.local("i32")];
  const number = (i: number, j: number) => taps[i * width + j]!;
  return (source: Int, tapStep: Int, target: Int, productStep: Int): void => {
    f.set(from, source);
    for (const tap of taps) {
      f.set(tap, load("f32.load", from));
      f.inc(from, tapStep);
    }
    f.set(to, target);
    transform(f, "f32", matrices, along, number, (value) => {
      f.store("f32.store", to, value);
      f.inc(to, productStep);
    });
  };
}

const spreadParams = ["x", "xChannel", "xPlane", "xRow", "channels", "depth", "to", "productStep", "toStep"] as const;
type Spread = { readonly [K in (typeof spreadParams)[number]]: Int };

/** Transforms the windows of a group, for `depth` planes of all channels. */
export function windowSpreader(m: Module, axes: Axes): FuncRef<typeof spreadParams, undefined> {
  return m.inner("spreadWindows", spreadParams, (f, p) => {
    const spreadPlane = planeSpreader(f, p, axes);
    f.range(p.channels, () => {
      const x = f.let(p.x);
      f.range(p.depth, () => {
        spreadPlane(x);
        f.inc(x, p.xPlane);
        f.inc(p.to, p.toStep);
      });
      f.inc(p.x, p.xChannel);
    });
  });
}

/** Of one plane: rows are combined as they lie, and then fall apart into the columns of all four windows. */
function planeSpreader(f: Func, p: Spread, { rows, columns }: Axes): (x: Int) => void {
  const [width, advance] = [windowOf(columns), advanceOf(columns)];
  const starts = f.locals("i32", windowOf(rows));
  const raw = f.locals("v128", Math.ceil(((GROUP - 1) * advance + width) / 4));
  const lanes = f.locals("v128", width);
  const to = f.local("i32");
  return (x) => {
    f.set(to, p.to);
    for (const [i, row] of starts.entries()) f.set(row, i === 0 ? x : op("i32.add", starts[i - 1]!, p.xRow));
    for (const row of rows.input) {
      for (const [j, vector] of raw.entries()) {
        const total = combined("f32x4", row, (i) => load("v128.load", starts[i]!, 16 * j));
        f.set(vector, total);
      }
      for (const [i, lane] of lanes.entries()) {
        f.set(lane, advance === 4 ? everyFourth(raw, i) : everySecond(raw, lanes, i));
      }
      for (const column of columns.input) {
        const value = combined("f32x4", column, (i) => lanes[i]!);
        f.store("v128.store", to, value);
        f.inc(to, p.productStep);
      }
    }
  };
}

/** Elements `from`, `from` + 2 … of a row: those of two places before, moved on by one. */
function everySecond(raw: readonly Local<"v128">[], lanes: readonly Local<"v128">[], from: number): Expr<"v128"> {
  const places = [0, 2, 4, 6].map((place) => place + from);
  if (from < 2) return shuffle(raw[0]!, raw[1]!, places);
  const last = places[3]!;
  return shuffle(lanes[from - 2]!, raw[last >> 2]!, [1, 2, 3, 4 + (last & 3)]);
}

/** Elements `from`, `from` + 4 … of a row. */
function everyFourth(raw: readonly Local<"v128">[], from: number): Expr<"v128"> {
  const [first, lane] = [from >> 2, from & 3];
  const [a, b, c, d] = raw.slice(first, first + 4) as [Local<"v128">, Local<"v128">, Local<"v128">, Local<"v128">];
  const both = [lane, 4 + lane, lane, 4 + lane];
  return shuffle(shuffle(a, b, both), shuffle(c, d, both), [0, 1, 4, 5]);
}

const collectParams = [
  ...(["from", "productRow", "outputs", "bias", "y", "yChannel", "yRow", "count", "height", "flag"] as const),
  ...(["indices", "place", "width"] as const),
] as const;
type Collected = { readonly [K in (typeof collectParams)[number]]: Int };

/**
 * Adds up the products of a group, for all output channels: `height` rows of `count` outputs, or as many pooled ones. Where
 * something is infinite or NaN, `flag` is set, because the transforms may make another NaN of it.
 */
export function outputCollector(m: Module, axes: Axes, after: After): FuncRef<typeof collectParams, undefined> {
  return m.inner("collectOutputs", collectParams, (f, p) => {
    const [bias, flaw] = [f.local("v128"), f.local("v128")];
    const row = rowCollector(m, f, axes, after, { from: p.from, bias, flaw });
    f.range(p.outputs, () => {
      f.if(p.bias, () => {
        f.set(bias, load("v128.load32_splat", p.bias));
        f.inc(p.bias, 4);
      });
      if (pools(after)) storePooled(m, f, p, row);
      else storeRows(m, f, p, axes, row);
      f.inc(p.from, p.productRow);
      f.inc(p.y, p.yChannel);
    });
    f.if(op("v128.any_true", op("f32x4.ne", flaw, flaw)), () => f.store("i32.store", p.flag, 1));
  });
}

/** Gives the first outputs of all tiles in a row, and the second ones. */
type RowOf = (dy: number) => Local<"v128">[];

/** `flaw` is NaN where an output was infinite or NaN. */
function rowCollector(
  m: Module,
  f: Func,
  { rows, columns }: Axes,
  after: After,
  { from, bias, flaw }: { readonly from: Int; readonly bias: Local<"v128">; readonly flaw: Local<"v128"> },
): RowOf {
  const step = 16 * tilesFor(m.options).wide.vectors;
  const relu = after === "relu" || after === "reluPool";
  const sums = f.locals("v128", columns.input.length);
  const product = (i: number, j: number) => load("v128.load", from, step * (i * sums.length + j));
  return (dy) => {
    for (const [j, sum] of sums.entries()) {
      const total = combined("f32x4", rows.output[dy]!, (i) => product(i, j));
      f.set(sum, total);
    }
    return columns.output.map((column) => {
      const total = combined("f32x4", column, (j) => sums[j]!);
      const output = f.let(op("f32x4.add", total, bias));
      f.set(flaw, op("f32x4.add", flaw, op("f32x4.sub", output, output)));
      if (relu) f.set(output, op("f32x4.add", op("f32x4.pmax", output, 0), 0));
      return output;
    });
  };
}

function storeRows(m: Module, f: Func, p: Collected, { rows }: Axes, row: RowOf): void {
  for (const dy of rows.output.keys()) {
    f.if(op("i32.gt_s", p.height, dy), () => {
      const [left, right] = row(dy) as [Local<"v128">, Local<"v128">];
      const interleaved = [
        [0, 4, 1, 5],
        [2, 6, 3, 7],
      ].map((lanes) => shuffle(left, right, lanes));
      storeSome(m, f, at(p.y, dy, p.yRow), interleaved, p.count);
    });
  }
}

/** The largest of each tile, and its place in the plane of `width` columns. */
function storePooled(m: Module, f: Func, p: Collected, row: RowOf): void {
  const quad = [...row(0), ...row(1)] as unknown as Parameters<typeof largestOfQuad>[1];
  const [largest, distance] = largestOfQuad(f, quad, f.let(op("i32x4.splat", p.width)));
  const first = op("i32x4.add", op("i32x4.splat", p.place), v128(new Int32Array([0, 2, 4, 6])));
  storeSome(m, f, p.y, [largest], p.count);
  storeSome(m, f, p.indices, [op("i32x4.add", first, distance)], p.count);
  f.inc(p.indices, p.yChannel);
}

/** The first `count` elements of vectors, of 4 bytes. */
function storeSome(m: Module, f: Func, to: Expr<"i32">, vectors: readonly Expr<"v128">[], count: Int): void {
  const target = f.let(to);
  const store = (place: Int): void => {
    for (const [i, vector] of vectors.entries()) f.store("v128.store", place, vector, 16 * i);
  };
  f.if(
    op("i32.ge_s", count, 4 * vectors.length),
    () => store(target),
    () => {
      const from = f.let(m.scratch());
      store(from);
      f.range(count, () => {
        f.store("i32.store", target, load("i32.load", from));
        f.inc(from, 4);
        f.inc(target, 4);
      });
    },
  );
}
