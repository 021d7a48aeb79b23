/**
 * The gradient of the weights by tiles, see `winograd-axis.ts`: the transforms of a convolution are linear, so they have
 * adjoints. Windows of the input and tiles of the output's gradient are transformed, for each product there is one matrix product
 * over the tiles, and the taps are sums of their results. Four channels are the lanes of a vector here, so tensors are
 * interleaved by four channels first.
 */
import { type Func, type FuncRef, i32, type Local, load, type Module, op, select } from "../wasm/emitter.ts";
import { at, ceilDiv, elements, type Int, lastDigit, min, partOf, shareOf } from "./element.ts";
import { storeTile, tileSums } from "./gemm-kernels.ts";
import { byRows, dispatch, type Numbered } from "./numbered.ts";
import { type Tile, tilesFor } from "./tiles.ts";
import { type Matrix, windowOf } from "./winograd-axis.ts";
import { buildInterleave, LANES, VECTOR } from "./winograd-interleave.ts";
import { type Axes, GAP, productsOf, transform } from "./winograd-transforms.ts";

const windowParams = ["x", "xVector", "xRow", "panels", "to", "productStep", "panelStep"] as const;

/** Transforms one window of `panels` times as many vectors of channels as the micro kernel is wide. */
function windowTransform(m: Module, { rows, columns }: Axes, vectors: number): FuncRef<typeof windowParams, undefined> {
  return m.inner("transformWindow", windowParams, (f, p) => {
    const along = f.locals("v128", windowOf(columns));
    const starts = f.locals("i32", windowOf(rows));
    const to = f.local("i32");
    f.range(p.panels, () => {
      for (let vector = 0; vector < vectors; vector++) {
        f.set(to, op("i32.add", p.to, vector * VECTOR));
        for (const [i, row] of starts.entries()) f.set(row, i === 0 ? p.x : op("i32.add", starts[i - 1]!, p.xRow));
        const matrices = { rows: rows.input, columns: columns.input };
        const number = (i: number, j: number) => load("v128.load", starts[i]!, VECTOR * j);
        transform(f, "f32x4", matrices, along, number, (value) => {
          f.store("v128.store", to, value);
          f.inc(to, p.productStep);
        });
        f.inc(p.x, p.xVector);
      }
      f.inc(p.to, p.panelStep);
    });
  });
}

const transposed = (matrix: Matrix): Matrix => matrix[0]!.map((_, j) => matrix.map((row) => row[j]!));

const gradientParams = ["y", "yVector", "yRow", "count", "to", "productStep"] as const;

/** What each product gets of a tile of the output's gradient, for `count` vectors of channels. */
function gradientTransform(m: Module, { rows, columns }: Axes): FuncRef<typeof gradientParams, undefined> {
  return m.inner("transformGradient", gradientParams, (f, p) => {
    const along = f.locals("v128", columns.output.length);
    const to = f.local("i32");
    f.range(p.count, () => {
      f.set(to, p.to);
      const below = f.let(op("i32.add", p.y, p.yRow));
      const matrices = { rows: transposed(rows.output), columns: transposed(columns.output) };
      const number = (i: number, j: number) => load("v128.load", i === 0 ? p.y : below, VECTOR * j);
      transform(f, "f32x4", matrices, along, number, (value) => {
        f.store("v128.store", to, value);
        f.inc(to, p.productStep);
      });
      f.inc(p.y, p.yVector);
      f.inc(p.to, VECTOR);
    });
  });
}

const microParams = ["a", "aStep", "b", "bEnd", "c", "cRow", "add", "addRow"] as const;

/** As the packed micro kernel, but the numbers of A lie `aStep` bytes apart. */
function strideMicro(m: Module, tile: Tile): FuncRef<typeof microParams, undefined> {
  const e = elements.f32;
  return m.inner(
    `strided${tile.rows}x${tile.vectors}`,
    microParams,
    (f, { a, aStep, b, bEnd, c, cRow, add, addRow }) => {
      const { sums, multiply } = tileSums(f, e, tile);
      f.while(op("i32.ne", b, bEnd), () => {
        multiply(b, (i) => load(e.loadSplat, a, i * e.bytes));
        f.inc(a, aStep);
        f.inc(b, VECTOR * tile.vectors);
      });
      storeTile(f, e, { sums, vectors: tile.vectors, c, cRow, add, addRow });
    },
  );
}

/** In the order of `accumulate`. Bytes from one image, vector of channels, plane and row to the next. */
export const weightSizeNames = [
  ...(["tiles", "depth", "parts", "splits", "tileRows", "tileColumns", "planes", "kernelDepth"] as const),
  ...(["panels", "outVectors", "sumStep", "partBytes"] as const),
  ...(["xImage", "xVector", "xPlane", "xRow", "yImage", "yVector", "yPlane", "yRow"] as const),
] as const;
export type WeightSizes = { readonly [K in (typeof weightSizeNames)[number]]: number };

type SizeLocals = { readonly [K in (typeof weightSizeNames)[number]]: Int };

/** Where one unit of work has its numbers: so many vectors of output channels, from the first one on. */
interface Unit {
  readonly firstVector: Int;
  readonly vectors: Int;
  readonly windows: Int;
  readonly windowStep: Int;
  readonly panelBytes: Int;
  readonly gradients: Int;
  readonly gradientStep: Int;
  readonly gradientRow: Int;
  readonly sums: Int;
}

/** `accumulate`: for each product a matrix of output by input channels; each of `parts` sums its share of the tiles. */
function buildAccumulate(m: Module, axes: Axes): void {
  const { wide } = tilesFor(m.options);
  const row = VECTOR * wide.vectors;
  const transformTile = tileTransform(m, axes, wide.vectors);
  const micros = byRows(wide.rows, (rows) => strideMicro(m, { ...wide, rows }));
  m.func("accumulate", ["chunk", "chunks", "x", "y", "sums", ...weightSizeNames], (f, p) => {
    const panels = f.let(op("i32.mul", p.panels, p.kernelDepth));
    const sumRow = f.let(op("i32.mul", panels, row));
    const scratch = f.let(m.scratch());
    const [tile, i] = [f.local("i32"), f.local("i32")];
    shareOf(f, p, op("i32.mul", p.parts, p.splits), (number) => {
      const part = f.let(op("i32.div_u", number, p.splits));
      const [firstTile, tilesEnd] = partOf(f, p.tiles, part, p.parts);
      const unit = unitOf(f, { ...p, part, number, scratch, sumRow }, productsOf(axes), row);
      f.for(tile, firstTile, tilesEnd, p.depth, () => {
        const count = min(f, op("i32.sub", tilesEnd, tile), p.depth);
        f.for(i, 0, count, 1, () => transformTile(f, p, unit, f.let(op("i32.add", tile, i)), i));
        const isFirst = f.let(op("i32.eq", tile, firstTile));
        f.range(i32(productsOf(axes)), (product) => {
          const a = f.let(at(unit.gradients, product, unit.gradientStep));
          const b = f.let(at(unit.windows, product, unit.windowStep));
          const c = f.let(at(unit.sums, product, p.sumStep));
          const { gradientRow: rows, panelBytes } = unit;
          multiply(f, micros, { a, b, c, count, isFirst, rows, row, panels, panelBytes, sumRow });
        });
      });
    });
  });
}

function unitOf(
  f: Func,
  p: SizeLocals & { readonly [K in "sums" | "part" | "number" | "scratch" | "sumRow"]: Int },
  products: number,
  row: number,
): Unit {
  const [firstVector, vectorsEnd] = partOf(f, p.outVectors, op("i32.rem_u", p.number, p.splits), p.splits);
  const vectors = f.let(op("i32.sub", vectorsEnd, firstVector));
  const panelBytes = f.let(op("i32.mul", p.depth, row));
  const windowStep = f.let(op("i32.add", op("i32.mul", p.sumRow, p.depth), GAP));
  const gradientRow = f.let(op("i32.mul", vectors, VECTOR));
  return {
    ...{ firstVector, vectors, windowStep, panelBytes, gradientRow, windows: p.scratch },
    gradients: f.let(at(p.scratch, windowStep, products)),
    gradientStep: f.let(op("i32.add", op("i32.mul", gradientRow, p.depth), GAP)),
    sums: f.let(at(at(p.sums, p.part, p.partBytes), op("i32.mul", firstVector, LANES), p.sumRow)),
  };
}

type Transform = (f: Func, p: SizeLocals & { readonly x: Int; readonly y: Int }, unit: Unit, tile: Int, i: Int) => void;

/** Transforms the tile with a number, as the one at `i` of those that are multiplied together. */
function tileTransform(m: Module, axes: Axes, vectors: number): Transform {
  const transformWindow = windowTransform(m, axes, vectors);
  const transformGradient = gradientTransform(m, axes);
  return (f, p, unit, number, i) => {
    const [column, rest] = lastDigit(f, number, p.tileColumns);
    const tileRow = f.let(op("i32.mul", op("i32.rem_u", rest, p.tileRows), axes.rows.output.length));
    const planes = f.let(op("i32.div_u", rest, p.tileRows));
    const [plane, image] = lastDigit(f, planes, p.planes);
    const x = f.let(at(at(at(p.x, image, p.xImage), plane, p.xPlane), tileRow, p.xRow));
    const y = at(at(at(p.y, image, p.yImage), plane, p.yPlane), tileRow, p.yRow);
    const to = f.let(at(unit.windows, i, VECTOR * vectors));
    f.inc(x, op("i32.mul", column, 2 * VECTOR));
    f.range(p.kernelDepth, () => {
      f.call(transformWindow, x, p.xVector, p.xRow, p.panels, to, unit.windowStep, unit.panelBytes);
      f.inc(x, p.xPlane);
      f.set(to, at(to, p.panels, unit.panelBytes));
    });
    const from = at(at(y, column, 2 * VECTOR), unit.firstVector, p.yVector);
    const target = at(unit.gradients, i, unit.gradientRow);
    f.call(transformGradient, from, p.yVector, p.yRow, unit.vectors, target, unit.gradientStep);
  };
}

type Factors = {
  readonly [K in "a" | "b" | "c" | "count" | "isFirst" | "rows" | "panels" | "panelBytes" | "sumRow"]: Int;
};

/** One matrix product: blocks of rows, and for each all panels. `rows` is in bytes, as those of A lie behind each other. */
function multiply(
  f: Func,
  micros: Numbered<FuncRef<typeof microParams, undefined>>,
  { a, b, c, count, isFirst, rows, row, panels, panelBytes, sumRow }: Factors & { readonly row: number },
): void {
  const rowCount = f.let(op("i32.shr_u", rows, 2));
  const blocks = f.let(ceilDiv(rowCount, micros.length));
  f.range(blocks, (block) => {
    const [first, end] = partOf(f, rowCount, block, blocks);
    const height = f.let(op("i32.sub", end, first));
    const from = f.let(at(a, first, 4));
    const [panel, to] = [f.let(b), f.let(at(c, first, sumRow))];
    const panelsEnd = f.let(at(b, panels, panelBytes));
    dispatch(f, height, micros, (micro) => {
      f.while(op("i32.ne", panel, panelsEnd), () => {
        const add = select(isFirst, i32(0), to);
        f.call(micro, from, rows, panel, at(panel, count, row), to, sumRow, add, sumRow);
        f.inc(panel, panelBytes);
        f.inc(to, row);
      });
    });
  });
}

/** In the order of `collectWeights`. */
export const collectNames = [
  ...(["outputs", "channels", "kernelDepth", "parts", "partBytes", "sumRow", "sumStep", "planeBytes"] as const),
] as const;
export type CollectSizes = { readonly [K in (typeof collectNames)[number]]: number };

/** `collectWeights`: adds up the parts, and the products of each tap. Sets `flag` where something is infinite or NaN. */
function buildCollect(m: Module, { rows, columns }: Axes): void {
  const [width, products] = [columns.input.length, rows.input.length * columns.input.length];
  const taps = { rows: transposed(rows.weight), columns: transposed(columns.weight) };
  const plane = 4 * taps.rows.length * taps.columns.length;
  m.func("collectWeights", ["chunk", "chunks", "sums", "w", "flag", ...collectNames], (f, p) => {
    const numbers = f.locals("v128", products);
    const along = f.locals("v128", width);
    const [flaw, z] = [f.local("v128"), f.local("i32")];
    shareOf(f, p, p.outputs, (output) => {
      f.for(z, 0, p.kernelDepth, 1, () => {
        const source = f.let(at(at(p.sums, output, p.sumRow), z, p.planeBytes));
        const target = f.let(
          at(at(p.w, op("i32.mul", output, p.channels), op("i32.mul", p.kernelDepth, plane)), z, plane),
        );
        const rest = f.let(p.channels);
        f.while(op("i32.gt_s", rest, 0), () => {
          sumParts(f, p, source, numbers);
          const number = (i: number, j: number) => numbers[i * width + j]!;
          transform(f, "f32x4", taps, along, number, (value, i, j) => {
            const tap = f.let(value);
            f.set(flaw, op("f32x4.add", flaw, op("f32x4.sub", tap, tap)));
            storeLanes(f, p, target, tap, rest, 4 * (i * taps.columns.length + j), plane);
          });
          f.inc(source, VECTOR);
          f.inc(target, op("i32.mul", p.kernelDepth, LANES * plane));
          f.inc(rest, -LANES);
        });
      });
    });
    f.if(op("v128.any_true", op("f32x4.ne", flaw, flaw)), () => f.store("i32.store", p.flag, 1));
  });
}

type CollectLocals = { readonly [K in (typeof collectNames)[number]]: Int };

/** The sums of all parts, for each product, of some input channels. */
function sumParts(f: Func, p: CollectLocals, source: Int, numbers: readonly Local<"v128">[]): void {
  const [start, from] = [f.let(source), f.let(source)];
  for (const number of numbers) {
    f.set(number, load("v128.load", from));
    f.inc(from, p.sumStep);
  }
  f.range(f.let(op("i32.sub", p.parts, 1)), () => {
    f.inc(start, p.partBytes);
    f.set(from, start);
    for (const number of numbers) {
      f.set(number, op("f32x4.add", number, load("v128.load", from)));
      f.inc(from, p.sumStep);
    }
  });
}

function storeLanes(
  f: Func,
  p: { readonly kernelDepth: Int },
  to: Int,
  tap: Local<"v128">,
  rest: Int,
  offset: number,
  plane: number,
): void {
  const target = f.let(to);
  for (let lane = 0; lane < LANES; lane++) {
    f.if(op("i32.gt_s", rest, lane), () => f.storeLane("v128.store32_lane", target, tap, lane, offset));
    f.inc(target, op("i32.mul", p.kernelDepth, plane));
  }
}

export function buildTiledWeight(m: Module, axes: Axes): void {
  buildInterleave(m);
  buildAccumulate(m, axes);
  buildCollect(m, axes);
}
