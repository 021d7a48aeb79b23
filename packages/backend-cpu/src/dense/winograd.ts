/**
 * Winograd convolution of float32: outputs are computed in tiles of neighbours, which takes about half as many products
 * (see `winograd-axis.ts`) but transforms of input, weights and output. This module decides whether that pays.
 */
import type { Block } from "../runtime/block.ts";
import { engine, memory, threads } from "../runtime/index.ts";
import { type After, pools } from "./conv-forward.ts";
import { type Geometry, product } from "./conv-geometry.ts";
import { blocksOf } from "./conv-plan.ts";
import { once } from "./remember.ts";
import { tilesFor } from "./tiles.ts";
import { advanceOf, axisOf, windowOf } from "./winograd-axis.ts";
import { buildTiled, type Frame, frameNames, panelBytes, type Sizes, sizeNames } from "./winograd-kernels.ts";
import { type Axes, EDGE_BYTES, GAP, GROUP, productsOf } from "./winograd-transforms.ts";

/** Addresses of dense tensors. */
export interface Tensors {
  readonly x: number;
  readonly w: number;
  readonly bias: number;
  readonly y: number;
  readonly indices?: number;
  readonly keep?: Keep | undefined;
}

/**
 * Where transformed weights are kept until the weights change; see `CpuStorage.prepared`, which gives none the first
 * time.
 */
export type Keep = (key: object) => { block: Block | null } | undefined;

/** The distances between the weights of output channels (`row`) and input channels (`channel`), in elements. */
export interface WeightSteps {
  readonly row: number;
  readonly channel: number;
  /** Whether the taps are in reverse order. */
  readonly reversed: boolean;
}

/** The tiles that cover the outputs of an image, and the part of the input that they see. */
interface Tiling {
  readonly axes: Axes;
  readonly tileRows: number;
  readonly rowGroups: number;
  readonly groups: number;
  /** The planes, rows and columns of the input that tiles see, including padding. */
  readonly seen: readonly [depth: number, height: number, width: number];
  /** Whether the input must be copied into a frame of zeros for that. */
  readonly framed: boolean;
}

/** The transforms along both axes for a convolution; `undefined` if there are none for it. */
export function axesOf({ type, groups, kernel, stride, dilation }: Geometry): Axes | undefined {
  const [, height, width] = kernel;
  const isPlain = groups === 1 && stride[0] * product(dilation) === 1;
  const [rows, columns] = [axisOf(height, stride[1]), axisOf(width, stride[2])];
  return type === "f32" && isPlain && rows && columns && width > 1 ? { rows, columns } : undefined;
}

function tilingOf(g: Geometry): Tiling | undefined {
  const axes = axesOf(g);
  if (!axes) return undefined;
  const { rows, columns } = axes;
  const tileRows = Math.ceil(g.output[1] / rows.output.length);
  const rowGroups = Math.ceil(g.output[2] / (2 * GROUP));
  const seen = [
    g.output[0] + g.kernel[0] - 1,
    (tileRows - 1) * advanceOf(rows) + windowOf(rows),
    4 * Math.ceil(((GROUP * rowGroups - 1) * advanceOf(columns) + windowOf(columns)) / 4),
  ] as const;
  const framed = seen.some((size, i) => g.before[i]! > 0 || size > g.input[i]!);
  const groups = g.output[0] * tileRows * rowGroups;
  return { axes, tileRows, rowGroups, groups, seen, framed };
}

/**
 * What transforming a number costs, in multiply-adds: of the input and output, which go four at a time, and of the
 * weights.
 */
const [IN, OUT, WEIGHT] = [7, 5, 10];
/** Tiles pay if the estimated work goes down to this share. */
const MOST_LEFT = 0.9;
/** If transformed weights are kept for later calls, the first call may cost so many times the usual work. */
const MOST_AT_FIRST = 1.75;

/** The share of the usual work that tiles take, with transformed weights at hand (`prepared`) or not. */
function costOf(g: Geometry, { axes, groups }: Tiling, prepared: boolean): number {
  const [channels, outputs] = [g.channels * g.kernel[0], g.outputs];
  const tiles = g.batch * GROUP * groups;
  const perProduct = tiles * (channels * outputs + IN * channels + OUT * outputs);
  return (productsOf(axes) * (perProduct + (prepared ? 0 : WEIGHT * channels * outputs))) / g.work;
}

/** As many images are convolved together as have frames of so many bytes. */
const FRAME_BYTES = 2 ** 26;
/** The bytes of a unit of work that should stay in the caches. */
const UNIT_BYTES = 2 ** 19;
/** So many units of work are enough for a few threads. */
const MOST_UNITS = 16;
/**
 * Weights of more bytes do not stay in the caches. Then each reading of them serves `MANY_PANELS` panels, and the
 * output channels are shared by several units.
 */
const BIG_WEIGHTS = 2 ** 20;
const MANY_PANELS = 8;
const MAX_CHUNKS = 256;

interface Plan {
  readonly key: string;
  /** Whether this pays only if transformed weights are kept. */
  readonly onlyKept: boolean;
  readonly sizes: Sizes;
  readonly images: number;
  /** How many images are convolved together. */
  readonly together: number;
  readonly chunks: number;
  readonly scratch: number;
  readonly weightBytes: number;
  readonly frame: Frame | undefined;
}

function planOf(g: Geometry, after: After): Plan | null {
  const tiling = tilingOf(g);
  if (!tiling || costOf(g, tiling, true) > MOST_LEFT) return null;
  const atFirst = costOf(g, tiling, false);
  if (atFirst > MOST_AT_FIRST) return null;
  const { axes } = tiling;
  // Pooling by 2×2 needs tiles with two rows of outputs.
  if (pools(after) && (g.output[0] > 1 || axes.rows.output.length === 1)) return null;
  const key = `conv:tiled:${after}:${g.kernel[1]}x${g.kernel[2]}:${axes.rows.step}x${axes.columns.step}`;
  engine.module(key, (m) => buildTiled(m, axes, after));
  const { sizes, frame } = sizesOf(g, tiling, after);
  const fitting = frame ? Math.floor(FRAME_BYTES / sizes.xImage) : g.batch;
  const together = Math.max(1, Math.min(g.batch, fitting));
  const { shares, ...rest } = sharesOf(g, tiling, together);
  const onlyKept = atFirst > MOST_LEFT;
  return { key, onlyKept, images: g.batch, together, sizes: { ...sizes, ...shares }, frame, ...rest };
}

/** How the work on images that are convolved together is cut into units, and the memory that it takes. */
function sharesOf(g: Geometry, { axes, groups }: Tiling, together: number) {
  const channels = g.channels * g.kernel[0];
  const { vectors, rows } = tilesFor(engine.options).wide;
  const { windows, results } = panelBytes(axes, vectors, channels, g.outputs);
  const panels = Math.ceil((together * groups) / vectors);
  const blocks = blocksOf(g.outputs, rows);
  const weightBytes = productsOf(axes) * (4 * channels * g.outputs + GAP * blocks.blockCount);
  const isBig = weightBytes > BIG_WEIGHTS;
  const fitting = Math.max(2, Math.floor(UNIT_BYTES / (windows + results)));
  const unit = isBig ? Math.min(panels, MANY_PANELS) : Math.min(fitting, Math.ceil(panels / MOST_UNITS));
  const units = Math.ceil(panels / unit);
  const splits = isBig ? Math.min(blocks.blockCount, Math.ceil(MOST_UNITS / units)) : 1;
  return {
    shares: { ...blocks, unit: unit * vectors, splits },
    chunks: Math.min(MAX_CHUNKS, units * splits),
    scratch: EDGE_BYTES + unit * (windows + results),
    weightBytes,
  };
}

function sizesOf(g: Geometry, tiling: Tiling, after: After) {
  const { axes, groups, tileRows, rowGroups, seen, framed } = tiling;
  const [depth, planes] = [g.kernel[0], g.output[0]];
  const [outer, inHeight, inWidth] = framed ? seen : g.input;
  const [pitch, plane] = [4 * inWidth, 4 * inWidth * inHeight];
  const y = pools(after) ? g.output.map((size, i) => (i === 0 ? size : size >> 1)) : g.output;
  const [yRow, yPlane] = [4 * y[2]!, 4 * y[1]! * y[2]!];
  const before = 4 * g.before[2] + g.before[1] * pitch;
  const frame = {
    ...{ channels: g.channels, depth: g.input[0], outer, zeros: g.before[0] },
    ...{ height: g.input[1], width: 4 * g.input[2], plane, pitch, before },
  };
  const sizes = {
    ...{ groups, rowGroups, tileRows, planes, depth, channels: g.channels * depth },
    ...{ height: g.output[1], width: g.output[2] },
    ...{ xImage: g.channels * outer * plane, xChannel: outer * plane, xPlane: plane, xRow: pitch },
    ...{ yImage: g.outputs * planes * yPlane, yChannel: planes * yPlane, yPlane, yRow },
    yTiles: yRow * (pools(after) ? 1 : axes.rows.output.length),
  };
  return { sizes, frame: framed ? frame : undefined };
}

const planFor = (after: After) => once((g: Geometry) => planOf(g, after));
const plans: { readonly [A in After]: (g: Geometry) => Plan | null } = {
  ...{ store: planFor("store"), relu: planFor("relu"), pool: planFor("pool"), reluPool: planFor("reluPool") },
};

/** Whether tiles pay even if transformed weights are not kept. */
export const tilesPay = (g: Geometry, after: After): boolean => plans[after](g)?.onlyKept === false;

/**
 * y = x ∗ w + bias, and what follows it (`after`); `steps` says where weights lie, if not in the usual order. Returns
 * false if tiles do not pay, or if a number is infinite or NaN, which the transforms would spread: `y` must then be
 * computed in another way.
 */
export function convTiled(g: Geometry, after: After, tensors: Tensors, steps?: WeightSteps): boolean {
  const plan = plans[after](g);
  if (plan === null || (plan.onlyKept && !tensors.keep)) return false;
  const kept = tensors.keep?.(plan);
  if (kept?.block) return run(plan, tensors, kept.block.address);
  const weights = memory.allocate(plan.weightBytes);
  try {
    transformWeights(g, plan, tensors.w, weights, steps);
    if (kept) kept.block = weights;
    return run(plan, tensors, weights.address);
  } finally {
    if (kept?.block !== weights) memory.release(weights);
  }
}

function transformWeights(g: Geometry, { key, sizes }: Plan, w: number, { address }: Block, steps?: WeightSteps): void {
  const taps = product(g.kernel);
  const { row, channel, reversed } = steps ?? { row: g.channels * taps, channel: taps, reversed: false };
  const [first, tap] = reversed ? [w + 4 * (taps - 1), -4] : [w, 4];
  const { blockCount, blockRows, blockExtra, channels, depth } = sizes;
  threads.parallel(key, "transformWeights", Math.min(MAX_CHUNKS, blockCount), [
    ...[first, address, channels, depth, 4 * row, 4 * channel, (tap * taps) / depth, tap],
    ...[blockCount, blockRows, blockExtra],
  ]);
}

function run(plan: Plan, tensors: Tensors, weights: number): boolean {
  const { images, together, sizes, frame } = plan;
  const frameBytes = frame ? together * sizes.xImage : 0;
  // The last word is a flag that kernels set if a result is infinite or NaN.
  const block = memory.allocate(frameBytes + 4);
  const flag = block.address + frameBytes;
  try {
    memory.heap.i32[flag / 4] = 0;
    for (let first = 0; first < images; first += together) {
      const count = Math.min(together, images - first);
      runImages(plan, tensors, { first, count, weights, flag, framed: block.address });
    }
    return memory.heap.i32[flag / 4] === 0;
  } finally {
    memory.release(block);
  }
}

/** The images of one run, and addresses beside those of the tensors. */
interface Images {
  readonly first: number;
  readonly count: number;
  readonly weights: number;
  readonly flag: number;
  readonly framed: number;
}

function runImages({ key, sizes, chunks, scratch, frame }: Plan, tensors: Tensors, some: Images): void {
  const { first, count, weights, flag, framed } = some;
  const { bias, indices = 0 } = tensors;
  let { x } = tensors;
  if (frame) {
    const from = x + first * frame.channels * frame.depth * frame.height * frame.width;
    const all = { ...frame, channels: count * frame.channels };
    const args = frameNames.map((name) => all[name]);
    threads.parallel(key, "frame", Math.min(MAX_CHUNKS, all.channels * all.outer), [from, framed, ...args]);
    x = framed;
  }
  const written = first * sizes.yImage;
  const args = sizeNames.map((name) => (name === "groups" ? count * sizes.groups : sizes[name]));
  args.push(flag, x, weights, bias, tensors.y + written, indices + written);
  threads.parallel(key, "convolve", chunks, args, scratch);
}
