/** The gradient of a convolution's weights by tiles of neighbouring outputs, of float32. */
import { engine, memory, threads } from "../runtime/index.ts";
import type { Geometry } from "./conv-geometry.ts";
import { tilesFor } from "./tiles.ts";
import { axesOf } from "./winograd.ts";
import { windowOf } from "./winograd-axis.ts";
import { type Interleaved, interleaveNames, LANES } from "./winograd-interleave.ts";
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
/** What must be left of the work, for tiles to pay. */
const ENOUGH = 0.9;

function planOf(g: Geometry): Plan | null {
  const axes = axesOf(g);
  if (!axes) return null;
  const { vectors } = tilesFor(engine.options).wide;
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
  const channels = g.channels * g.kernel[0];
  const perTile = channels * g.outputs + IN * channels * splits + OUT * g.outputs;
  const cost = productsOf(axes) * (tiles * perTile + SUM * parts * channels * g.outputs);
  if (cost > ENOUGH * g.work) return null;
  const key = `conv:tiled:weight:${g.kernel[1]}x${g.kernel[2]}`;
  engine.module(key, (m) => buildTiledWeight(m, axes));
  const perProduct = 4 * (LANES * vectors * panels * g.kernel[0] + LANES * Math.ceil(outVectors / splits));
  const fitting = Math.floor(NEAR_BYTES / (productsOf(axes) * perProduct));
  const depth = Math.max(LEAST, Math.min(MOST, fitting));
  const { x, y } = framesOf(g, axes, tileRows, tileColumns, panels * vectors, outVectors);
  if (x.units * x.plane + y.units * y.plane > MOST_BYTES) return null;
  return {
    ...{ key, x, y },
    scratch: productsOf(axes) * (depth * perProduct + 2 * GAP),
    sizes: {
      ...{ tiles, depth, parts, splits, tileRows, tileColumns, planes: g.output[0], kernelDepth: g.kernel[0] },
      ...{ panels, outVectors, sumStep, partBytes },
      ...{ xImage: x.vectors * x.outer * x.plane, xVector: x.outer * x.plane, xPlane: x.plane, xRow: x.row },
      ...{ yImage: y.vectors * y.outer * y.plane, yVector: y.outer * y.plane, yPlane: y.plane, yRow: y.row },
    },
    collect: {
      ...{ outputs: g.outputs, channels: g.channels, kernelDepth: g.kernel[0], parts, partBytes, sumRow, sumStep },
      planeBytes: sumRow / g.kernel[0],
    },
  };
}

/** How both tensors are interleaved: all that tiles see. */
function framesOf(
  g: Geometry,
  { rows, columns }: Axes,
  tileRows: number,
  tileColumns: number,
  xVectors: number,
  yVectors: number,
) {
  const vectorBytes = 4 * LANES;
  const frame = (
    channels: number,
    vectors: number,
    size: Geometry["input"],
    seen: Geometry["input"],
    zeros: Geometry["input"],
  ) => {
    const [outer, height, width] = seen;
    const row = vectorBytes * width;
    return {
      ...{ units: g.batch * vectors * outer, channels, vectors, depth: size[0], outer, zeros: zeros[0] },
      ...{ height: size[1], width: size[2], plane: row * height, row, before: zeros[1] * row + zeros[2] * vectorBytes },
    };
  };
  const outRows = rows.output.length;
  const seen = [
    g.output[0] + g.kernel[0] - 1,
    (tileRows - 1) * outRows + windowOf(rows),
    (tileColumns - 1) * 2 + windowOf(columns),
  ] as const;
  return {
    x: frame(g.channels, xVectors, g.input, seen, g.before),
    y: frame(g.outputs, yVectors, g.output, [g.output[0], tileRows * outRows, tileColumns * 2], [0, 0, 0]),
  };
}

const plans = new WeakMap<Geometry, Plan | null>();

function planFor(g: Geometry): Plan | null {
  let plan = plans.get(g);
  if (plan === undefined) {
    plan = planOf(g);
    plans.set(g, plan);
  }
  return plan;
}

export const weightTilesPay = (g: Geometry): boolean => planFor(g) !== null;

/** False where that gains nothing, and where something is infinite or NaN: `w` is to be written in another way then. */
export function convWeightTiled(g: Geometry, x: number, gradient: number, w: number): boolean {
  const plan = planFor(g);
  return plan !== null && run(plan, x, gradient, w);
}

function run(
  { key, x: xFrame, y: yFrame, sizes, collect, scratch }: Plan,
  x: number,
  gradient: number,
  w: number,
): boolean {
  const [xBytes, yBytes] = [xFrame, yFrame].map(({ units, plane }) => units * plane) as [number, number];
  const sumBytes = sizes.parts * sizes.partBytes;
  const block = memory.allocate(xBytes + yBytes + sumBytes + 4);
  try {
    const [y, sums] = [block.address + xBytes, block.address + xBytes + yBytes];
    const flag = sums + sumBytes;
    memory.heap.i32[flag / 4] = 0;
    for (const [from, to, frame] of [
      [x, block.address, xFrame],
      [gradient, y, yFrame],
    ] as const) {
      const args = interleaveNames.map((name) => frame[name]);
      threads.parallel(key, "interleave", Math.min(MAX_CHUNKS, frame.units), [from, to, ...args]);
    }
    const args = [block.address, y, sums, ...weightSizeNames.map((name) => sizes[name])];
    threads.parallel(key, "accumulate", sizes.parts * sizes.splits, args, scratch);
    const last = [sums, w, flag, ...collectNames.map((name) => collect[name])];
    threads.parallel(key, "collectWeights", Math.min(MAX_CHUNKS, collect.outputs), last);
    return memory.heap.i32[flag / 4] === 0;
  } finally {
    memory.release(block);
  }
}
