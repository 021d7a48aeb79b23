/** The gradient of a convolution's weights by tiles of neighbouring outputs, of float32. */
import { engine, memory, threads } from "../runtime/index.ts";
import { type Geometry, product } from "./conv-geometry.ts";
import { once } from "./remember.ts";
import { tilesFor } from "./tiles.ts";
import { axesOf } from "./winograd.ts";
import { windowOf } from "./winograd-axis.ts";
import { type Interleaved, interleaveNames, LANES, VECTOR } from "./winograd-interleave.ts";
import { type Axes, GAP, productsOf } from "./winograd-transforms.ts";
import {
  buildTiledWeight,
  type CollectSizes,
  collectNames,
  type WeightSizes,
  weightSizeNames,
} from "./winograd-weight-kernels.ts";

interface Plan {
  readonly key: string;
  readonly x: Interleaved;
  readonly y: Interleaved;
  readonly sizes: WeightSizes;
  readonly collect: CollectSizes;
  readonly scratch: number;
}

/** Tiles that go through the products together, and what of them should stay in the caches. */
const [LEAST, MOST] = [32, 128];
const NEAR_BYTES = 2 ** 19;
/** Parts that are enough for a few threads, and bytes that they may take. */
const UNITS = 8;
const PART_BYTES = 2 ** 23;
const MAX_CHUNKS = 256;
/** Bytes that interleaved tensors may take beside the tensors. */
const MOST_BYTES = 2 ** 29;

/** What a number of a transform costs, in multiply-adds: of the input, of the gradient, and of each part of the sums. */
const [IN, OUT, SUM] = [8, 5, 6];
/** What may be left of the work, for tiles to pay. */
const MOST_LEFT = 0.9;

/** The matrices of all products, of output by input channels, and how the work on them is cut. */
interface Sums {
  /** Tiles in all, and in an image. */
  readonly tiles: number;
  readonly tileRows: number;
  readonly tileColumns: number;
  /** Panels of input channels, and vectors of output channels. */
  readonly panels: number;
  readonly outVectors: number;
  readonly sumRow: number;
  readonly sumStep: number;
  readonly partBytes: number;
  readonly parts: number;
  readonly splits: number;
}

function sumsOf(g: Geometry, axes: Axes, vectors: number): Sums {
  const panels = Math.ceil(g.channels / (LANES * vectors));
  const outVectors = Math.ceil(g.outputs / LANES);
  const tileRows = Math.ceil(g.output[1] / axes.rows.output.length);
  const tileColumns = Math.ceil(g.output[2] / 2);
  const tiles = g.batch * g.output[0] * tileRows * tileColumns;
  const sumRow = g.kernel[0] * panels * vectors * LANES * 4;
  const sumStep = outVectors * LANES * sumRow + GAP;
  const partBytes = productsOf(axes) * sumStep;
  const parts = Math.max(1, Math.min(UNITS, Math.floor(PART_BYTES / partBytes), Math.floor(tiles / LEAST)));
  const splits = Math.min(outVectors, Math.floor(UNITS / parts));
  return { tiles, tileRows, tileColumns, panels, outVectors, sumRow, sumStep, partBytes, parts, splits };
}

/** What tiles leave of the work. */
function costOf(g: Geometry, axes: Axes, { tiles, parts, splits }: Sums): number {
  const channels = g.channels * g.kernel[0];
  const perTile = channels * g.outputs + IN * channels * splits + OUT * g.outputs;
  return (productsOf(axes) * (tiles * perTile + SUM * parts * channels * g.outputs)) / g.work;
}

const planOf = once((g: Geometry): Plan | null => {
  const axes = axesOf(g);
  if (!axes || product(g.stride) > 1) return null;
  const { vectors } = tilesFor(engine.options).wide;
  const sums = sumsOf(g, axes, vectors);
  if (!(costOf(g, axes, sums) <= MOST_LEFT)) return null;
  const { sumRow, ...shares } = sums;
  const { tileRows, tileColumns, panels, outVectors, sumStep, partBytes, parts, splits } = shares;
  const { x, y } = framesOf(g, axes, [tileRows, tileColumns], [panels * vectors, outVectors]);
  if (x.units * x.plane + y.units * y.plane > MOST_BYTES) return null;
  const key = `conv:tiled:weight:${g.kernel[1]}x${g.kernel[2]}`;
  engine.module(key, (m) => buildTiledWeight(m, axes));
  const kernelDepth = g.kernel[0];
  const perProduct = 4 * LANES * (vectors * panels * kernelDepth + Math.ceil(outVectors / splits));
  const fitting = Math.floor(NEAR_BYTES / (productsOf(axes) * perProduct));
  const depth = Math.max(LEAST, Math.min(MOST, fitting));
  return {
    ...{ key, x, y },
    scratch: productsOf(axes) * (depth * perProduct + 2 * GAP),
    sizes: {
      ...{ ...shares, depth, planes: g.output[0], kernelDepth },
      ...{ xImage: x.vectors * x.outer * x.plane, xVector: x.outer * x.plane, xPlane: x.plane, xRow: x.row },
      ...{ yImage: y.vectors * y.outer * y.plane, yVector: y.outer * y.plane, yPlane: y.plane, yRow: y.row },
    },
    collect: {
      ...{ outputs: g.outputs, channels: g.channels, kernelDepth, parts, partBytes, sumRow, sumStep },
      planeBytes: sumRow / kernelDepth,
    },
  };
});

type Pair = readonly [number, number];

/** How both tensors are interleaved: all that tiles see. */
function framesOf(g: Geometry, { rows, columns }: Axes, [tileRows, tileColumns]: Pair, [xVectors, yVectors]: Pair) {
  const height = tileRows * rows.output.length;
  const seen = [
    g.output[0] + g.kernel[0] - 1,
    height - rows.output.length + windowOf(rows),
    (tileColumns - 1) * 2 + windowOf(columns),
  ] as const;
  const whole = [g.output[0], height, tileColumns * 2] as const;
  return {
    x: frameOf(g.batch, [g.channels, xVectors], g.input, seen, g.before),
    y: frameOf(g.batch, [g.outputs, yVectors], g.output, whole, [0, 0, 0]),
  };
}

/** A frame of `seen` pixels around images of `size`, behind so many zeros. */
function frameOf(
  batch: number,
  [channels, vectors]: Pair,
  [depth, height, width]: Geometry["input"],
  seen: Geometry["input"],
  zeros: Geometry["input"],
): Interleaved {
  const [outer] = seen;
  const row = VECTOR * seen[2];
  return {
    ...{ units: batch * vectors * outer, channels, vectors, depth, outer, zeros: zeros[0], height, width },
    ...{ plane: row * seen[1], row, before: zeros[1] * row + zeros[2] * VECTOR },
  };
}

export const weightTilesPay = (g: Geometry): boolean => planOf(g) !== null;

/** False where that gains nothing, and where something is infinite or NaN: `w` is to be written in another way then. */
export function convWeightTiled(g: Geometry, x: number, gradient: number, w: number): boolean {
  const plan = planOf(g);
  return plan !== null && run(plan, x, gradient, w);
}

function run({ key, x: xFrame, y: yFrame, sizes, collect, scratch }: Plan, x: number, gradient: number, w: number) {
  const [xBytes, yBytes] = [xFrame, yFrame].map(({ units, plane }) => units * plane) as [number, number];
  const sumBytes = sizes.parts * sizes.partBytes;
  // The last word is a flag.
  const block = memory.allocate(xBytes + yBytes + sumBytes + 4);
  try {
    const [y, sums] = [block.address + xBytes, block.address + xBytes + yBytes];
    const flag = sums + sumBytes;
    memory.heap.i32[flag / 4] = 0;
    interleave(key, xFrame, x, block.address);
    interleave(key, yFrame, gradient, y);
    const args = [block.address, y, sums, ...weightSizeNames.map((name) => sizes[name])];
    threads.parallel(key, "accumulate", sizes.parts * sizes.splits, args, scratch);
    const last = [sums, w, flag, ...collectNames.map((name) => collect[name])];
    threads.parallel(key, "collectWeights", Math.min(MAX_CHUNKS, collect.outputs), last);
    return memory.heap.i32[flag / 4] === 0;
  } finally {
    memory.release(block);
  }
}

function interleave(key: string, frame: Interleaved, from: number, to: number): void {
  const args = interleaveNames.map((name) => frame[name]);
  threads.parallel(key, "interleave", Math.min(MAX_CHUNKS, frame.units), [from, to, ...args]);
}
