/** Convolution and its two adjoints over addresses, in one to three dimensions. */
import type { Block } from "../runtime/block.ts";
import { engine, memory, threads } from "../runtime/index.ts";
import { TILE_BYTES } from "./conv-block.ts";
import { type After, buildForward, pools } from "./conv-forward.ts";
import {
  bandAxis,
  type ConvShape,
  type Geometry,
  geometryOf,
  type Layout,
  layoutOf,
  product,
} from "./conv-geometry.ts";
import { buildInput } from "./conv-input.ts";
import { blocksOf, makePlan, type Plan, PlanCache } from "./conv-plan.ts";
import { type ConvGradient, runSparse } from "./conv-sparse.ts";
import { tiledForward, tiledWeight } from "./conv-tiled.ts";
import { buildWeight, tileColumns } from "./conv-weight.ts";
import { bytesPerElement, elements, type FloatName } from "./element.ts";
import { type PoolShape, poolGeometry } from "./pool-geometry.ts";
import { tilesFor } from "./tiles.ts";
import type { Keep } from "./winograd.ts";

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
  /** Negative results become 0, before pooling. */
  readonly relu?: boolean;
  /** For what is made of the weights. */
  readonly keep?: Keep | undefined;
}

/** Multiply-adds that are worth a chunk of their own. */
const GRAIN = 2 ** 17;
const MAX_CHUNKS = 256;

const { tall, wide } = tilesFor(engine.options);

function chunksFor(units: number, work: number): number {
  return Math.max(1, Math.min(units, MAX_CHUNKS, Math.floor(work / GRAIN)));
}

/** A pass whose weights are packed first: all that its two tasks need but the addresses. */
interface PackedPlan {
  readonly plans: readonly [Plan];
  readonly key: string;
  readonly name: "forward" | "input";
  readonly weights: WeightOrder;
  readonly chunks: number;
  readonly scratch: number;
  /** Arguments between the plan and the addresses. */
  readonly sizes: readonly number[];
}

/** Where the packed weights come from: how many bytes there are, and the places for `packWeights`. */
interface WeightOrder {
  readonly bytes: number;
  readonly chunks: number;
  readonly places: readonly number[];
}

function orderOf(
  g: Geometry,
  { parts = 1, partStep = 0, rows = g.outputs, outer = 1, outerStep = 0, count = 0, step = 0, line = 0 },
): WeightOrder {
  const size = bytesPerElement[g.type];
  const each = g.outputs * g.channels * product(g.kernel);
  const steps = [outerStep, count, step, line, each].map((value, i) => (i === 1 ? value : value * size));
  const places = [parts, partStep * size, rows, outer, ...steps];
  return { bytes: g.groups * each * size, chunks: chunksFor(64, 16 * g.groups * each), places };
}

function runPacked(p: PackedPlan, weights: number, from: number, ...to: readonly number[]): void {
  const [{ block }] = p.plans;
  const packed = memory.allocate(p.weights.bytes);
  try {
    const { chunks, places } = p.weights;
    threads.parallel(p.key, "packWeights", chunks, [block.address, weights, packed.address, ...places]);
    threads.parallel(p.key, p.name, p.chunks, [block.address, ...p.sizes, from, packed.address, ...to], p.scratch);
  } finally {
    memory.release(packed);
  }
}

/** y = x ∗ w + bias. */
export function convForward(type: FloatName, shape: ConvShape, { x, w, bias = 0, y, relu, keep }: ConvForward): void {
  if (shape.batch === 0) return;
  const g = geometryOf(type, shape);
  if (tiledForward(g, relu ? "relu" : "store", { x, w, bias, y, keep })) return;
  const plan = relu ? reluPlans.get(g, () => forwardPlan(g, "relu")) : forwardPlans.get(g, () => forwardPlan(g));
  runPacked(plan, w, x, bias, y);
}

const forwardPlans = new PlanCache<PackedPlan>();
const reluPlans = new PlanCache<PackedPlan>();

function forwardPlan(g: Geometry, after: After = "store", layout: Layout = layoutOf(g, bandSize(g))): PackedPlan {
  const taps = g.channels * product(g.kernel);
  return convolving(g, layout, orderOf(g, { count: taps, step: 1, line: taps }), after);
}

/** Addresses of dense tensors, `y` and the int32 positions those of the pooled planes. */
export interface ConvMaxPool extends ConvForward {
  readonly indices: number;
}

/** Both at once, of float32. False, and nothing is done, where that gains nothing. */
export function convMaxPool(shape: ConvShape, window: PoolShape, tensors: ConvMaxPool): boolean {
  if (shape.batch === 0 || !poolGeometry(window).isHalving) return false;
  const g = geometryOf("f32", shape);
  const { x, w, bias = 0, y, indices, relu, keep } = tensors;
  const after = relu ? "reluPool" : "pool";
  if (tiledForward(g, after, { x, w, bias, y, indices, keep })) return true;
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

/** Planes are pooled whole: a block of them must stay near, and staging an image for few channels must not cost much. */
function pooledPlan(g: Geometry, after: After): PooledPlan {
  const layout = layoutOf(g);
  const isNear = 4 * tall.rows * product(g.output) <= BAND_BYTES;
  if (!isNear || (layout.staged && bandSize(g) < g.output[bandAxis(g)])) return { plans: [] };
  const pass = forwardPlan(g, after, layout);
  return { plans: pass.plans, pass };
}

/** For the input's gradient. Weights have their channels swapped; taps are in reverse order, so their places are. */
function backwardPlan(g: Geometry, backwards: Geometry): PackedPlan {
  const taps = product(g.kernel);
  const layout = layoutOf(backwards, bandSize(backwards));
  const order = { outer: g.outputs, outerStep: g.channels * taps, count: taps, step: 1, line: taps };
  return convolving(backwards, { ...layout, taps: layout.taps.toReversed() }, orderOf(backwards, order));
}

function convolving(g: Geometry, layout: Layout, weights: WeightOrder, after: After = "store"): PackedPlan {
  const key = `conv:${after}:${g.type}`;
  engine.module(key, (m) => buildForward(m, elements[g.type], after));
  const bytes = bytesPerElement[g.type];
  const images = g.batch * g.groups * layout.bands.count;
  const splits = splitsFor(images, Math.ceil(g.outputs / tall.rows), g.work);
  const plans = [makePlan(g, layout, bytes, blocksOf(g.outputs, tall.rows))] as const;
  const planes = pools(after) ? tall.rows * product(g.output) : 0;
  const scratch = TILE_BYTES + (planes + (layout.staged ? g.channels * layout.plane + 16 : 0)) * bytes;
  const chunks = chunksFor(images * splits, g.work);
  return { plans, key, name: "forward", weights, chunks, scratch, sizes: [splits] };
}

/** How much of a staged image should stay in the caches. */
const BAND_BYTES = 2 ** 19;

/** Planes or rows in a band: few images make many units of work, but what is staged twice is little beside the rest. */
function bandSize(g: Geometry): number {
  const axis = bandAxis(g);
  const seen = (g.kernel[axis] - 1) * g.dilation[axis];
  const all = g.output[axis];
  const fitting = all * Math.min(1, BAND_BYTES / (g.channels * product(g.input) * bytesPerElement[g.type]));
  const shared = all / Math.ceil(MOST_UNITS / (g.batch * g.groups));
  const size = Math.max(Math.min(fitting, shared), (4 * seen) / g.stride[axis], 1);
  return Math.ceil(all / Math.ceil(all / size));
}

/** Units of work that are enough for a few threads. */
const MOST_UNITS = 8;

/** Few images: their channels are shared out too. */
function splitsFor(images: number, parts: number, work: number): number {
  return Math.max(1, Math.min(parts, Math.ceil(MOST_UNITS / images), Math.floor(work / images / GRAIN)));
}

/** The gradient of the input. Of a few float32 numbers: false, and nothing is done, where all are needed. */
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
    if (tiledForward(backwards, "store", { x: gradOutput, w: factor, bias: 0, y: result }, steps)) return true;
    const plan = forwardPlans.get(backwards, () => backwardPlan(g, backwards));
    runPacked(plan, factor, gradOutput, 0, result);
  } else {
    const plan = inputPlans.get(g, () => inputPlan(g));
    runPacked(plan, factor, gradOutput, result);
  }
  return true;
}

const inputPlans = new PlanCache<PackedPlan>();

/** What of the output's gradient should stay in the caches. */
const PANEL_BYTES = 2 ** 17;

function inputPlan(g: Geometry): PackedPlan {
  const key = `conv:input:${g.type}`;
  const e = elements[g.type];
  engine.module(key, (m) => buildInput(m, e));
  const taps = product(g.kernel);
  const together = channelsTogether(g);
  const [rows, parts] = [together * taps, g.channels / together];
  const layout = layoutOf(g);
  const images = g.batch * g.groups;
  const splits = splitsFor(images, parts, g.work);
  const rowLength = g.output[2];
  const fitting = Math.floor(PANEL_BYTES / (g.outputs * rowLength * e.bytes));
  const panelRows = Math.max(1, Math.min(layout.rows.length, fitting));
  const panel = panelRows * rowLength + wide.vectors * e.lanes;
  const planes = layout.staged ? Math.ceil(parts / splits) * together * layout.plane : 0;
  return {
    plans: [makePlan(g, layout, e.bytes, blocksOf(rows, wide.rows))],
    ...({ key, name: "input" } as const),
    weights: orderOf(g, { parts, partStep: rows, rows, count: g.outputs, step: g.channels * taps, line: 1 }),
    chunks: chunksFor(images * splits, g.work),
    scratch: TILE_BYTES + (panel * (rows + g.outputs) + planes) * e.bytes,
    sizes: [together, splits, panelRows],
  };
}

/** As many input channels as fill the blocks of rows best that their taps are cut into. */
function channelsTogether(g: Geometry): number {
  const taps = product(g.kernel);
  const filling = (count: number) => (count * taps) / Math.ceil((count * taps) / wide.rows);
  const divisors = [1, 2, 3, 4, 5, 6].filter((count) => g.channels % count === 0);
  return divisors.reduce((best, count) => (filling(count) > filling(best) ? count : best));
}

/** The gradient of the weights, likewise. (That of the bias is the sum of the output's over all but its channels.) */
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

/** Into how many parts the weights are cut, if they can be. */
const WEIGHT_UNITS = 16;
/** With fewer taps in a part, packing the gradients takes too much of the time. */
const MIN_TAPS = 64;
/** Pixels that are summed in one go: enough to forget the end of the loop, few enough for the L1 cache. */
const PIXELS = 512;

interface WeightPlan {
  /** The second is the table of pixels. */
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
  // How many images the table covers.
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
