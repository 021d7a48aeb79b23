/**
 * Convolution and its two gradients over addresses, in one to three dimensions. Each tries the special ways first,
 * which return false where they gain nothing: sparse (`conv-sparse.ts`), Winograd's tiles (`conv-tiled.ts`) and joined
 * images (`conv-joined.ts`).
 */
import type { Block } from "../runtime/block.ts";
import { engine, memory, threads } from "../runtime/index.ts";
import type { After } from "./conv-forward.ts";
import {
  bandAxis,
  type ConvShape,
  type Geometry,
  geometryOf,
  type Layout,
  layoutOf,
  product,
} from "./conv-geometry.ts";
import { convJoined, inputJoined, joins } from "./conv-joined.ts";
import { convolvingKept } from "./conv-kept.ts";
import { chunksFor, MOST_UNITS, type PackedPlan, runPacked, sendingBack } from "./conv-packed.ts";
import { blocksOf, makePlan, type Plan, PlanCache } from "./conv-plan.ts";
import { type ConvGradient, runSparse } from "./conv-sparse.ts";
import { tiledForward, tiledWeight } from "./conv-tiled.ts";
import { buildWeight, tileColumns } from "./conv-weight.ts";
import { bytesPerElement, elements, type FloatName } from "./element.ts";
import { type PoolShape, poolGeometry } from "./pool-geometry.ts";
import { tilesFor } from "./tiles.ts";
import type { Keep, WeightSteps } from "./winograd.ts";

export { type ConvShape, outputSize } from "./conv-geometry.ts";
export type { ConvGradient } from "./conv-sparse.ts";

/** Addresses of dense tensors. */
export interface ConvForward {
  /** [batch, inChannels, ...input] */
  readonly x: number;
  /** [outChannels, inChannels / groups, ...kernel] */
  readonly w: number;
  /** [outChannels] */
  readonly bias?: number;
  /** [batch, outChannels, ...output] */
  readonly y: number;
  /** Applies ReLU to the results, before pooling. */
  readonly relu?: boolean;
  /** Where transformed weights may be kept. */
  readonly keep?: Keep | undefined;
}

const { tall, wide } = tilesFor(engine.options);

/** y = x ∗ w + bias. */
export function convForward(type: FloatName, shape: ConvShape, { x, w, bias = 0, y, relu, keep }: ConvForward): void {
  if (shape.batch === 0) return;
  const g = geometryOf(type, shape);
  if (tiledForward(g, relu ? "relu" : "store", { x, w, bias, y, keep })) return;
  if (convJoined(g, relu ? "relu" : "store", { x, w, bias, y })) return;
  const plan = relu ? reluPlans.get(g, () => forwardPlan(g, "relu")) : forwardPlans.get(g, () => forwardPlan(g));
  runPacked(plan, w, x, bias, y);
}

const forwardPlans = new PlanCache<PackedPlan>();
const reluPlans = new PlanCache<PackedPlan>();

function forwardPlan(g: Geometry, after: After = "store", layout = layoutOf(g, bandSize(g)), steps?: WeightSteps) {
  return convolvingKept(g, { geometry: g }, [g, layout], after, steps);
}

/** Addresses of dense tensors. `y` and `indices` (int32 positions) are those of the pooled planes. */
export interface ConvMaxPool extends ConvForward {
  readonly indices: number;
}

/** Convolution and max pooling in one, for float32. Does nothing and returns false where that gains nothing. */
export function convMaxPool(shape: ConvShape, window: PoolShape, tensors: ConvMaxPool): boolean {
  if (shape.batch === 0 || !poolGeometry(window).isHalving) return false;
  const g = geometryOf("f32", shape);
  const { x, w, bias = 0, y, indices, relu, keep } = tensors;
  const after = relu ? "reluPool" : "pool";
  if (tiledForward(g, after, { x, w, bias, y, indices, keep })) return true;
  if (joins(g)) return false;
  const { pass } = pooledPlans[after].get(g, () => pooledPlan(g, after));
  if (!pass) return false;
  const [height, width] = window.input as readonly [number, number];
  runPacked(pass, w, x, bias, y, indices, width, height >> 1, width >> 1);
  return true;
}

interface PooledPlan {
  readonly plans: readonly Plan[];
  readonly pass?: PackedPlan;
}

const pooledPlans = { pool: new PlanCache<PooledPlan>(), reluPool: new PlanCache<PooledPlan>() } as const;

/**
 * The plan to convolve and pool in one pass; without a `pass` if that gains nothing. Planes are pooled whole, so a
 * block of them must stay in the caches, and an image must not have to be staged in bands.
 */
function pooledPlan(g: Geometry, after: After): PooledPlan {
  const layout = layoutOf(g);
  const isNear = 4 * tall.rows * product(g.output) <= BAND_BYTES;
  if (!isNear || (layout.staged && bandSize(g) < g.output[bandAxis(g)])) return { plans: [] };
  const pass = forwardPlan(g, after, layout);
  return { plans: pass.plans, pass };
}

/** The bytes of a staged band that stay in the caches. */
const BAND_BYTES = 2 ** 19;

/**
 * Planes or rows of a band: so few that it stays in the caches and that few images still make enough units of work, but
 * so many that the overlap of bands, which is staged twice, is small beside the rest.
 */
function bandSize(g: Geometry): number {
  const axis = bandAxis(g);
  const seen = (g.kernel[axis] - 1) * g.dilation[axis];
  const all = g.output[axis];
  const fitting = all * Math.min(1, BAND_BYTES / (g.channels * product(g.input) * bytesPerElement[g.type]));
  const shared = all / Math.ceil(MOST_UNITS / (g.batch * g.groups));
  const size = Math.max(Math.min(fitting, shared), (4 * seen) / g.stride[axis], 1);
  return Math.ceil(all / Math.ceil(all / size));
}

/**
 * The gradient of the input. If that of the output is given by `positions`, only the sparse way can be taken; where it
 * does not pay, does nothing and returns false.
 */
export function convInput(type: FloatName, shape: ConvShape, tensors: ConvGradient): boolean {
  if (shape.batch === 0) return true;
  const g = geometryOf(type, shape);
  if (type === "f32" && runSparse(g, "input", tensors)) return true;
  const { gradOutput, positions, factor, result } = tensors;
  if (positions) return false;
  const { backwards } = g;
  if (backwards) {
    const taps = product(g.kernel);
    const steps = { row: taps, channel: g.channels * taps, reversed: true };
    const tensors = { x: gradOutput, w: factor, bias: 0, y: result };
    if (tiledForward(backwards, "store", tensors, steps) || convJoined(backwards, "store", tensors, steps)) return true;
    const plan = forwardPlans.get(backwards, () => forwardPlan(backwards, "store", undefined, steps));
    runPacked(plan, factor, gradOutput, 0, result);
  } else {
    if (inputJoined(g, gradOutput, factor, result)) return true;
    const plan = inputPlans.get(g, () => sendingBack(g, layoutOf(g)));
    runPacked(plan, factor, gradOutput, result);
  }
  return true;
}

const inputPlans = new PlanCache<PackedPlan>();

/** The gradient of the weights, in the same way. */
export function convWeight(type: FloatName, shape: ConvShape, tensors: ConvGradient): boolean {
  const g = geometryOf(type, shape);
  if (type === "f32" && runSparse(g, "weight", tensors)) return true;
  const { gradOutput, positions, factor, result } = tensors;
  if (positions) return false;
  if (tiledWeight(g, factor, gradOutput, result)) return true;
  const { plans, key, sizes, chunks, scratch } = weightPlans.get(g, () => weightPlan(g));
  threads.parallel(key, "weight", chunks, [plans[0].block.address, ...sizes, factor, gradOutput, result], scratch);
  return true;
}

/** The number of units that the gradient of the weights is cut into, if it can be. */
const WEIGHT_UNITS = 16;
/** With fewer taps in a unit, packing the gradients takes too much of the time. */
const MIN_TAPS = 64;
/** Pixels that are summed in one loop: so many that starting it costs little, so few that they stay in the L1 cache. */
const PIXELS = 512;

interface WeightPlan {
  /** The plan, and the table of pixels. */
  readonly plans: readonly [Plan, { readonly block: Block }];
  readonly key: string;
  readonly chunks: number;
  readonly scratch: number;
  readonly sizes: readonly number[];
}

const weightPlans = new PlanCache<WeightPlan>();

function weightPlan(g: Geometry): WeightPlan {
  const key = `conv:weight:${g.type}`;
  const e = elements[g.type];
  engine.module(key, (m) => buildWeight(m, e));
  const layout = layoutOf(g);
  const taps = product(g.kernel);
  const tiles = Math.ceil(g.outputs / tileColumns(e, wide));
  const inParts = Math.max(1, Math.min(g.channels, WEIGHT_UNITS, Math.floor((g.channels * taps) / MIN_TAPS)));
  const outParts = Math.min(tiles, Math.ceil(WEIGHT_UNITS / (g.groups * inParts)));
  const columns = Math.ceil(tiles / outParts) * tileColumns(e, wide);
  const sums = Math.ceil(g.channels / inParts) * taps * columns;
  // How many images are summed together, which the table covers.
  const images = Math.max(1, Math.min(g.batch, Math.floor(PIXELS / product(g.output))));
  const staged = layout.staged ? images * g.channels * layout.plane : 0;
  const pixels = pixelTable(g, layout, images);
  return {
    plans: [makePlan(g, layout, e.bytes, blocksOf(1, 1)), { block: pixels }],
    key,
    chunks: chunksFor(g.groups * inParts * outParts, g.work),
    scratch: (sums + images * product(g.output) * columns + staged + 16) * e.bytes,
    sizes: [inParts, outParts, images, pixels.address],
  };
}

/** The byte offset of each output pixel's input, for some images. */
function pixelTable(g: Geometry, layout: Layout, images: number): Block {
  const imageStep = layout.staged ? g.channels * layout.plane : g.groups * g.channels * product(g.input);
  const block = memory.allocate(4 * images * product(g.output));
  let next = block.address / 4;
  for (let image = 0; image < images; image++) {
    for (const row of layout.rows) {
      for (let x = 0; x < g.output[2]; x++)
        memory.heap.i32[next++] = (image * imageStep + row + x) * bytesPerElement[g.type];
    }
  }
  return block;
}
