/** Convolutions of float32 by tiles of neighbouring outputs in a plane: with half as many products. */
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

/** Addresses of dense tensors, as for the other way to convolve. */
export interface Tensors {
  readonly x: number;
  readonly w: number;
  readonly bias: number;
  readonly y: number;
  readonly indices?: number;
  readonly keep?: Keep | undefined;
}

/** Where what was made of weights is kept while they stay as they are; nowhere the first time, see {@link CpuStorage}. */
export type Keep = (key: object) => { block: Block | null } | undefined;

/** Where the weights of an output channel and an input channel lie, in elements. */
export interface WeightSteps {
  readonly row: number;
  readonly channel: number;
  /** The taps are in reverse order. */
  readonly reversed: boolean;
}

/** Tiles over the outputs of an image, and the part of the input that they see. */
interface Tiling {
  readonly axes: Axes;
  readonly tileRows: number;
  readonly rowGroups: number;
  readonly groups: number;
  /** Planes, rows and columns that tiles see, and whether the input must be copied into a frame of zeros for them. */
  readonly seen: readonly [depth: number, height: number, width: number];
  readonly framed: boolean;
}

/** How tiles of a convolution share products, if they can. */
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

/** What a number of a transform costs, in multiply-adds of four lanes: of the input, of the output and, one by one, of the weights. */
const [IN, OUT, WEIGHT] = [7, 5, 10];
/** What may be left of the work, for tiles to pay; where weights are kept, this much may be done at the first call. */
const MOST_LEFT = 0.9;
const MOST_AT_FIRST = 1.75;

/** What tiles leave of the work, with their weights at hand or not. */
function costOf(g: Geometry, { axes, groups }: Tiling, prepared: boolean): number {
  const [channels, outputs] = [g.channels * g.kernel[0], g.outputs];
  const tiles = g.batch * GROUP * groups;
  const perProduct = tiles * (channels * outputs + IN * channels + OUT * outputs);
  return (productsOf(axes) * (perProduct + (prepared ? 0 : WEIGHT * channels * outputs))) / g.work;
}

/** Images go together as long as their frames take no more. */
const FRAME_BYTES = 2 ** 26;
/** What of a unit should stay in the caches. */
const UNIT_BYTES = 2 ** 19;
/** Units that are enough for a few threads. */
const MOST_UNITS = 16;
/** Weights that do not stay in the caches are read once for as many panels, and their rows are shared out. */
const BIG_WEIGHTS = 2 ** 20;
const MANY_PANELS = 8;
const MAX_CHUNKS = 256;

interface Plan {
  readonly key: string;
  /** Whether it takes weights that are kept to gain. */
  readonly onlyKept: boolean;
  readonly sizes: Sizes;
  /** How many there are, and how many go together. */
  readonly images: number;
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
  // Windows of two rows are pooled where tiles have two.
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

/** How the work on so many images is cut into units, and the memory that it takes. */
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

/** Whether tiles gain something even where no weights are kept. */
export const tilesPay = (g: Geometry, after: After): boolean => plans[after](g)?.onlyKept === false;

/**
 * y = x ∗ w + bias, and what comes behind it; of weights at other places, if `steps` says so. False where that gains nothing,
 * and where something is infinite or NaN: `y` is to be written in another way then.
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
  // The last word is a flag.
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

/** Some images, and addresses beside those of the tensors. */
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
