/**
 * The gradient of the weights by tiles, see `winograd-axis.ts`: the transforms of a convolution are linear, so they have
 * adjoints. Windows of the input and tiles of the output's gradient are transformed, for each product there is one matrix product
 * over the tiles, and the taps are sums of their results. Four channels are the lanes of a vector here, so tensors are
 * interleaved by four channels first.
 */
import { type Func, type FuncRef, i32, type Local, load, type Module, op, select, shuffle } from "../wasm/emitter.ts";
import { at, ceilDiv, dispatch, elements, type Int, min, partOf, shareOf } from "./element.ts";
import { storeTile } from "./gemm-kernels.ts";
import { type Tile, tilesFor } from "./tiles.ts";
import { windowOf } from "./winograd-axis.ts";
import { type Axes, combined, GAP, productsOf } from "./winograd-transforms.ts";

/** Channels in a vector. */
export const LANES = 4;
const VECTOR = 16;

/** In the order of `interleave`; `plane`, `row` and `before` are in bytes. */
export const interleaveNames = [
  ...([
    "units",
    "channels",
    "vectors",
    "depth",
    "outer",
    "zeros",
    "height",
    "width",
    "plane",
    "row",
    "before",
  ] as const),
] as const;
export type Interleaved = { readonly [K in (typeof interleaveNames)[number]]: number };

/** `interleave`: vectors of four channels, pixel by pixel, in frames of zeros; what lacks channels repeats the last one. */
function buildInterleave(m: Module): void {
  m.func("interleave", ["chunk", "chunks", "x", "to", ...interleaveNames], (f, p) => {
    const size = f.let(op("i32.mul", op("i32.mul", p.height, p.width), 4));
    const lines = f.locals("i32", LANES);
    const to = f.local("i32");
    shareOf(f, p, p.units, (unit) => {
      const plane = f.let(at(p.to, unit, p.plane));
      f.fill(plane, 0, p.plane);
      const z = f.let(op("i32.sub", op("i32.rem_u", unit, p.outer), p.zeros));
      f.if(op("i32.lt_u", z, p.depth), () => {
        const number = f.let(op("i32.div_u", unit, p.outer));
        const first = f.let(op("i32.mul", op("i32.rem_u", number, p.vectors), LANES));
        const image = f.let(op("i32.mul", op("i32.div_u", number, p.vectors), p.channels));
        for (const [i, line] of lines.entries()) {
          const channel = min(f, op("i32.add", first, i), op("i32.sub", p.channels, 1));
          f.set(line, at(p.x, at(z, op("i32.add", image, channel), p.depth), size));
        }
        f.set(to, op("i32.add", plane, p.before));
        f.range(p.height, () => {
          interleaveRow(f, lines, to, p.width);
          f.inc(to, p.row);
        });
      });
    });
  });
}

/** Moves the lines on by what they gave. */
function interleaveRow(f: Func, lines: readonly Int[], row: Int, width: Int): void {
  const [to, rest] = [f.let(row), f.let(width)];
  f.while(op("i32.ge_s", rest, LANES), () => {
    const [a, b, c, d] = lines.map((line) => f.let(load("v128.load", line))) as [Vec, Vec, Vec, Vec];
    const halves = [
      [0, 4, 1, 5],
      [2, 6, 3, 7],
    ].map((lanes) => [f.let(shuffle(a, b, lanes)), f.let(shuffle(c, d, lanes))] as const);
    for (const [i, [near, far]] of halves.entries()) {
      f.store("v128.store", to, shuffle(near, far, [0, 1, 4, 5]), 2 * i * VECTOR);
      f.store("v128.store", to, shuffle(near, far, [2, 3, 6, 7]), (2 * i + 1) * VECTOR);
    }
    for (const line of lines) f.inc(line, VECTOR);
    f.inc(to, LANES * VECTOR);
    f.inc(rest, -LANES);
  });
  f.while(op("i32.gt_s", rest, 0), () => {
    for (const [i, line] of lines.entries()) {
      f.store("f32.store", to, load("f32.load", line), 4 * i);
      f.inc(line, 4);
    }
    f.inc(to, VECTOR);
    f.inc(rest, -1);
  });
}
type Vec = Local<"v128">;

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
        for (const row of rows.input) {
          for (const [j, sum] of along.entries())
            f.set(
              sum,
              combined("f32x4", row, (i) => load("v128.load", starts[i]!, VECTOR * j)),
            );
          for (const column of columns.input) {
            f.store(
              "v128.store",
              to,
              combined("f32x4", column, (j) => along[j]!),
            );
            f.inc(to, p.productStep);
          }
        }
        f.inc(p.x, p.xVector);
      }
      f.inc(p.to, p.panelStep);
    });
  });
}

const transposed = (matrix: readonly (readonly number[])[]): number[][] =>
  matrix[0]!.map((_, j) => matrix.map((row) => row[j]!));

const gradientParams = ["y", "yVector", "yRow", "count", "to", "productStep"] as const;

/** What each product gets of a tile of the output's gradient, for `count` vectors of channels. */
function gradientTransform(m: Module, { rows, columns }: Axes): FuncRef<typeof gradientParams, undefined> {
  return m.inner("transformGradient", gradientParams, (f, p) => {
    const along = f.locals("v128", columns.output.length);
    const to = f.local("i32");
    f.range(p.count, () => {
      f.set(to, p.to);
      const below = f.let(op("i32.add", p.y, p.yRow));
      for (const row of transposed(rows.output)) {
        for (const [j, sum] of along.entries())
          f.set(
            sum,
            combined("f32x4", row, (i) => load("v128.load", i === 0 ? p.y : below, VECTOR * j)),
          );
        for (const column of transposed(columns.output)) {
          f.store(
            "v128.store",
            to,
            combined("f32x4", column, (j) => along[j]!),
          );
          f.inc(to, p.productStep);
        }
      }
      f.inc(p.y, p.yVector);
      f.inc(p.to, VECTOR);
    });
  });
}

const microParams = ["a", "aStep", "b", "bEnd", "c", "cRow", "add", "addRow"] as const;

/** As the packed micro kernel, but the numbers of A lie `aStep` bytes apart. */
function strideMicro(m: Module, { rows, vectors }: Tile): FuncRef<typeof microParams, undefined> {
  const e = elements.f32;
  return m.inner(`strided${rows}x${vectors}`, microParams, (f, { a, aStep, b, bEnd, c, cRow, add, addRow }) => {
    const sums = f.locals("v128", rows * vectors);
    const row = f.locals("v128", vectors);
    const factor = f.local("v128");
    f.while(op("i32.ne", b, bEnd), () => {
      for (const [j, vector] of row.entries()) f.set(vector, load("v128.load", b, VECTOR * j));
      for (let i = 0; i < rows; i++) {
        f.set(factor, load(e.loadSplat, a, i * e.bytes));
        row.forEach((vector, j) => {
          const sum = sums[i * vectors + j]!;
          f.set(sum, f.madd(e.shape, factor, vector, sum));
        });
      }
      f.inc(a, aStep);
      f.inc(b, VECTOR * vectors);
    });
    storeTile(f, e, { sums, vectors, c, cRow, add, addRow });
  });
}

/** In the order of `accumulate`. Bytes from one image, vector of channels, plane and row to the next. */
export const weightSizeNames = [
  ...(["tiles", "depth", "parts", "splits", "tileRows", "tileColumns", "planes", "kernelDepth"] as const),
  ...(["panels", "outVectors", "sumStep", "partBytes"] as const),
  ...(["xImage", "xVector", "xPlane", "xRow", "yImage", "yVector", "yPlane", "yRow"] as const),
] as const;
export type WeightSizes = { readonly [K in (typeof weightSizeNames)[number]]: number };

/** `accumulate`: for each product a matrix of output by input channels; each of `parts` sums its share of the tiles. */
function buildAccumulate(m: Module, axes: Axes): void {
  const { wide } = tilesFor(m.options);
  const products = productsOf(axes);
  const transformWindow = windowTransform(m, axes, wide.vectors);
  const transformGradient = gradientTransform(m, axes);
  const micros = Array.from(
    { length: wide.rows },
    (_, i) => [i + 1, strideMicro(m, { ...wide, rows: i + 1 })] as const,
  );
  const [tileHeight, row] = [axes.rows.output.length, VECTOR * wide.vectors];
  m.func("accumulate", ["chunk", "chunks", "x", "y", "sums", ...weightSizeNames], (f, p) => {
    const panelBytes = f.let(op("i32.mul", p.depth, row));
    const allPanels = f.let(op("i32.mul", p.panels, p.kernelDepth));
    const windowStep = f.let(op("i32.add", op("i32.mul", panelBytes, allPanels), GAP));
    const sumRow = f.let(op("i32.mul", allPanels, row));
    const windows = f.let(m.scratch());
    const gradients = f.let(at(windows, windowStep, products));
    const [tile, i, z] = [f.local("i32"), f.local("i32"), f.local("i32")];
    shareOf(f, p, op("i32.mul", p.parts, p.splits), (unit) => {
      const [firstVector, vectorsEnd] = partOf(f, p.outVectors, op("i32.rem_u", unit, p.splits), p.splits);
      const vectors = f.let(op("i32.sub", vectorsEnd, firstVector));
      const part = f.let(op("i32.div_u", unit, p.splits));
      const [firstTile, tilesEnd] = partOf(f, p.tiles, part, p.parts);
      const sums = f.let(at(at(p.sums, part, p.partBytes), op("i32.mul", firstVector, LANES), sumRow));
      const gradientRow = f.let(op("i32.mul", vectors, VECTOR));
      const gradientStep = f.let(op("i32.add", op("i32.mul", gradientRow, p.depth), GAP));
      const transform = (): void => {
        const number = f.let(op("i32.add", tile, i));
        const column = f.let(op("i32.rem_u", number, p.tileColumns));
        const rest = f.let(op("i32.div_u", number, p.tileColumns));
        const tileRow = f.let(op("i32.mul", op("i32.rem_u", rest, p.tileRows), tileHeight));
        const planes = f.let(op("i32.div_u", rest, p.tileRows));
        const plane = f.let(op("i32.rem_u", planes, p.planes));
        const image = f.let(op("i32.div_u", planes, p.planes));
        const corner = (base: Int, side: "x" | "y") =>
          at(
            at(at(at(base, image, p[`${side}Image`]), plane, p[`${side}Plane`]), tileRow, p[`${side}Row`]),
            column,
            2 * VECTOR,
          );
        const x = f.let(corner(p.x, "x"));
        const to = f.let(at(windows, i, row));
        f.for(z, 0, p.kernelDepth, 1, () => {
          f.call(transformWindow, x, p.xVector, p.xRow, p.panels, to, windowStep, panelBytes);
          f.inc(x, p.xPlane);
          f.set(to, at(to, p.panels, panelBytes));
        });
        const y = at(corner(p.y, "y"), firstVector, p.yVector);
        f.call(transformGradient, y, p.yVector, p.yRow, vectors, at(gradients, i, gradientRow), gradientStep);
      };
      f.for(tile, firstTile, tilesEnd, p.depth, () => {
        const count = min(f, op("i32.sub", tilesEnd, tile), p.depth);
        f.for(i, 0, count, 1, transform);
        const isFirst = f.let(op("i32.eq", tile, firstTile));
        f.range(i32(products), (product) => {
          const a = f.let(at(gradients, product, gradientStep));
          const b = f.let(at(windows, product, windowStep));
          const c = f.let(at(sums, product, p.sumStep));
          multiply(f, micros, {
            a,
            b,
            c,
            count,
            isFirst,
            rows: gradientRow,
            row,
            panels: allPanels,
            panelBytes,
            sumRow,
          });
        });
      });
    });
  });
}

type Factors = {
  readonly [K in "a" | "b" | "c" | "count" | "isFirst" | "rows" | "panels" | "panelBytes" | "sumRow"]: Int;
};

/** One matrix product: blocks of rows, and for each all panels. `rows` is in bytes, as those of A lie behind each other. */
function multiply(
  f: Func,
  micros: readonly (readonly [number, FuncRef<typeof microParams, undefined>])[],
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
    dispatch(
      f,
      height,
      micros.map(([size, micro]) => {
        const each = (): void =>
          f.while(op("i32.ne", panel, panelsEnd), () => {
            const add = select(isFirst, i32(0), to);
            f.call(micro, from, rows, panel, at(panel, count, row), to, sumRow, add, sumRow);
            f.inc(panel, panelBytes);
            f.inc(to, row);
          });
        return [size, each];
      }),
    );
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
  const [tapRows, tapColumns] = [transposed(rows.weight), transposed(columns.weight)];
  const plane = 4 * tapRows.length * tapColumns.length;
  m.func("collectWeights", ["chunk", "chunks", "sums", "w", "flag", ...collectNames], (f, p) => {
    const numbers = f.locals("v128", products);
    const along = f.locals("v128", width);
    const [odd, from, z] = [f.local("v128"), f.local("i32"), f.local("i32")];
    shareOf(f, p, p.outputs, (output) => {
      f.for(z, 0, p.kernelDepth, 1, () => {
        const source = f.let(at(at(p.sums, output, p.sumRow), z, p.planeBytes));
        const target = f.let(
          at(at(p.w, op("i32.mul", output, p.channels), op("i32.mul", p.kernelDepth, plane)), z, plane),
        );
        const rest = f.let(p.channels);
        f.while(op("i32.gt_s", rest, 0), () => {
          f.set(from, source);
          for (const number of numbers) {
            f.set(number, load("v128.load", from));
            f.inc(from, p.sumStep);
          }
          const begin = f.let(source);
          const more = f.let(op("i32.sub", p.parts, 1));
          f.range(more, () => {
            f.inc(begin, p.partBytes);
            f.set(from, begin);
            for (const number of numbers) {
              f.set(number, op("f32x4.add", number, load("v128.load", from)));
              f.inc(from, p.sumStep);
            }
          });
          for (const [i, row] of tapRows.entries()) {
            for (const [j, sum] of along.entries())
              f.set(
                sum,
                combined("f32x4", row, (k) => numbers[k * width + j]!),
              );
            for (const [j, column] of tapColumns.entries()) {
              const tap = f.let(combined("f32x4", column, (k) => along[k]!));
              f.set(odd, op("f32x4.add", odd, op("f32x4.sub", tap, tap)));
              storeLanes(f, p, target, tap, rest, 4 * (i * tapColumns.length + j), plane);
            }
          }
          f.inc(source, VECTOR);
          f.inc(target, op("i32.mul", p.kernelDepth, LANES * plane));
          f.inc(rest, -LANES);
        });
      });
    });
    f.if(op("v128.any_true", op("f32x4.ne", odd, odd)), () => f.store("i32.store", p.flag, 1));
  });
}

function storeLanes(
  f: Func,
  p: { readonly kernelDepth: Int },
  to: Int,
  tap: Vec,
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
