/** Convolution and its two adjoints over addresses, in one to three dimensions. */
import type { Block } from "../runtime/block.ts";
import { engine, memory, threads } from "../runtime/index.ts";
import { buildForward, TILE_BYTES } from "./conv-forward.ts";
import {
  bandAxis,
  type ConvShape,
  type Geometry,
  geometryOf,
  layoutOf,
  product,
  type Triple,
} from "./conv-geometry.ts";
import { buildInput } from "./conv-input.ts";
import { blocksOf, makePlan, type Plan, PlanCache } from "./conv-plan.ts";
import { sparseInput, sparseWeight } from "./conv-sparse.ts";
import { buildWeight, tileColumns } from "./conv-weight.ts";
import { bytesPerElement, elements, type FloatName } from "./element.ts";
import { tilesFor } from "./tiles.ts";

export { type ConvShape, outputSize } from "./conv-geometry.ts";

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
}

/** Multiply-adds that are worth a chunk of their own. */
const GRAIN = 2 ** 17;
const MAX_CHUNKS = 256;

const { tall, wide } = tilesFor(engine.options);

/** Multiply-adds of the convolution (all three passes need as many). */
function workOf(g: Geometry): number {
  return g.batch * g.groups * g.outputs * g.channels * product(g.kernel) * product(g.output);
}

function chunksFor(units: number, work: number): number {
  return Math.max(1, Math.min(units, MAX_CHUNKS, Math.floor(work / GRAIN)));
}

/** y = x ∗ w + bias. */
export function convForward(type: FloatName, shape: ConvShape, tensors: ConvForward): void {
  if (shape.batch === 0) return;
  const g = geometryOf(shape);
  const plan = forwardPlans.get(keyOf(type, g), () => forwardPlan(type, g));
  const taps = g.channels * product(g.kernel);
  const bytes = bytesPerElement[type];
  runForward(type, plan.plans[0], tensors, {
    ...{ ...whole, rows: g.outputs, count: taps, step: bytes },
    ...{ line: taps * bytes, groupStep: g.outputs * taps * bytes },
  });
}

/** Where the packed weights come from, see `packWeights`; in bytes. */
interface WeightOrder {
  readonly parts: number;
  readonly partStep: number;
  readonly rows: number;
  readonly outer: number;
  readonly outerStep: number;
  readonly count: number;
  readonly step: number;
  readonly line: number;
  readonly groupStep: number;
}

const whole = { parts: 1, partStep: 0, outer: 1, outerStep: 0 };

/** Writes them to `packed` as the kernels of the module `key` read them. */
function packWeights(key: string, plan: Block, weights: number, w: number, packed: Block, order: WeightOrder): void {
  const { parts, partStep, rows, outer, outerStep, count, step, line, groupStep } = order;
  const places = [parts, partStep, rows, outer, outerStep, count, step, line, groupStep];
  threads.parallel(key, "packWeights", chunksFor(64, 16 * weights), [plan.address, w, packed.address, ...places]);
}

interface SinglePlan {
  readonly plans: readonly [Plan];
}

const forwardPlans = new PlanCache<SinglePlan>();

function forwardPlan(type: FloatName, g: Geometry, reversed = false): SinglePlan {
  const asIs = layoutOf(g, bandSize(g, bytesPerElement[type]));
  const layout = reversed ? { ...asIs, taps: asIs.taps.toReversed() } : asIs;
  return { plans: [makePlan(g, layout, bytesPerElement[type], blocksOf(g.outputs, tall.rows))] };
}

/** How much of a staged image should stay in the caches. */
const BAND_BYTES = 2 ** 19;

/** Planes or rows in a band: few images make many units of work, but what is staged twice is little beside the rest. */
function bandSize(g: Geometry, bytes: number): number {
  const axis = bandAxis(g);
  const seen = (g.kernel[axis] - 1) * g.dilation[axis];
  const all = g.output[axis];
  const fitting = all * Math.min(1, BAND_BYTES / (g.channels * product(g.input) * bytes));
  const shared = all / Math.ceil(MOST_UNITS / (g.batch * g.groups));
  const size = Math.max(Math.min(fitting, shared), (4 * seen) / g.stride[axis], 1);
  return Math.ceil(all / Math.ceil(all / size));
}

/** Units of work that are enough for a few threads. */
const MOST_UNITS = 8;

function keyOf(type: FloatName, { key }: Geometry): string {
  return `${type} ${key}`;
}

function runForward(type: FloatName, { geometry: g, layout, block }: Plan, t: ConvForward, order: WeightOrder): void {
  const key = `conv:forward:${type}`;
  engine.module(key, (m) => buildForward(m, elements[type]));
  const bytes = bytesPerElement[type];
  const weights = g.groups * g.outputs * g.channels * product(g.kernel);
  const packed = memory.allocate(weights * bytes);
  try {
    packWeights(key, block, weights, t.w, packed, order);
    const work = workOf(g);
    const images = g.batch * g.groups * layout.bands.count;
    const splits = splitsFor(images, Math.ceil(g.outputs / tall.rows), work);
    const scratch = TILE_BYTES + (layout.staged ? (g.channels * layout.plane + 16) * bytes : 0);
    const args = [block.address, splits, t.x, packed.address, t.bias ?? 0, t.y];
    threads.parallel(key, "forward", chunksFor(images * splits, work), args, scratch);
  } finally {
    memory.release(packed);
  }
}

/** Addresses of dense tensors, shaped as for {@link convForward}. */
export interface ConvInput {
  readonly gradOutput: number;
  readonly w: number;
  readonly gradInput: number;
}

/** The gradient of the input. */
export function convInput(type: FloatName, shape: ConvShape, tensors: ConvInput): void {
  if (shape.batch === 0) return;
  const g = geometryOf(shape);
  const { gradOutput, w: factor, gradInput: result } = tensors;
  if (type === "f32" && sparseInput(g, workOf(g), { gradOutput, factor, result })) return;
  const backwards = reversed(g);
  if (backwards === undefined) scatterInput(type, g, tensors);
  else convolveInput(type, g, backwards, tensors);
}

/** How many more products the backward convolution may have, because it does not need to add up parts. */
const TOLERATED_ZEROS = 1.3;

/** The convolution that gives the input's gradient from the output's, if that is not too wasteful. */
function reversed(g: Geometry): Geometry | undefined {
  const before = g.kernel.map((size, i) => (size - 1) * g.dilation[i]! - g.before[i]!) as unknown as Triple;
  const possible = product(g.stride) === 1 && before.every((zeros) => zeros >= 0);
  if (!possible || product(g.input) > TOLERATED_ZEROS * product(g.output)) return undefined;
  const key = `back ${g.key}`;
  return { ...g, key, before, channels: g.outputs, outputs: g.channels, input: g.output, output: g.input };
}

/** Weights with input and output channels swapped; taps are in reverse order, so their places are. */
function convolveInput(type: FloatName, g: Geometry, backwards: Geometry, t: ConvInput): void {
  const plan = forwardPlans.get(keyOf(type, backwards), () => forwardPlan(type, backwards, true));
  const taps = product(g.kernel);
  const bytes = bytesPerElement[type];
  const tensors = { x: t.gradOutput, w: t.w, y: t.gradInput };
  runForward(type, plan.plans[0], tensors, {
    ...{ ...whole, rows: g.channels, outer: g.outputs, outerStep: g.channels * taps * bytes, count: taps, step: bytes },
    ...{ line: taps * bytes, groupStep: g.outputs * g.channels * taps * bytes },
  });
}

/** What of the output's gradient should stay in the caches. */
const PANEL_BYTES = 2 ** 17;

function scatterInput(type: FloatName, g: Geometry, t: ConvInput): void {
  const key = `conv:input:${type}`;
  engine.module(key, (m) => buildInput(m, elements[type]));
  const bytes = bytesPerElement[type];
  const together = channelsTogether(g);
  const { layout, block } = inputPlans.get(keyOf(type, g), () => inputPlan(type, g, together)).plans[0];
  const weights = g.groups * g.outputs * g.channels * product(g.kernel);
  const taps = product(g.kernel);
  const packed = memory.allocate(weights * bytes);
  try {
    packWeights(key, block, weights, t.w, packed, {
      ...{ ...whole, parts: g.channels / together, partStep: together * taps * bytes, rows: together * taps },
      ...{ count: g.outputs, step: g.channels * taps * bytes },
      ...{ line: bytes, groupStep: g.outputs * g.channels * taps * bytes },
    });
    const [images, work] = [g.batch * g.groups, workOf(g)];
    const splits = splitsFor(images, g.channels / together, work);
    const rowLength = g.output[2];
    const fitting = Math.floor(PANEL_BYTES / (g.outputs * rowLength * bytes));
    const panelRows = Math.max(1, Math.min(layout.rows.length, fitting));
    const panel = panelRows * rowLength + wide.vectors * elements[type].lanes;
    const planes = layout.staged ? Math.ceil(g.channels / together / splits) * together * layout.plane : 0;
    const scratch = TILE_BYTES + (panel * (together * product(g.kernel) + g.outputs) + planes) * bytes;
    const args = [block.address, together, splits, panelRows, t.gradOutput, packed.address, t.gradInput];
    threads.parallel(key, "input", chunksFor(images * splits, work), args, scratch);
  } finally {
    memory.release(packed);
  }
}

/** As many input channels as fill the blocks of rows best that their taps are cut into. */
function channelsTogether(g: Geometry): number {
  const taps = product(g.kernel);
  const filling = (count: number) => (count * taps) / Math.ceil((count * taps) / wide.rows);
  const divisors = [1, 2, 3, 4, 5, 6].filter((count) => g.channels % count === 0);
  return divisors.reduce((best, count) => (filling(count) > filling(best) ? count : best));
}

/** Few images: their channels are shared out too. */
function splitsFor(images: number, parts: number, work: number): number {
  return Math.max(1, Math.min(parts, Math.ceil(MOST_UNITS / images), Math.floor(work / images / GRAIN)));
}

const inputPlans = new PlanCache<SinglePlan>();

function inputPlan(type: FloatName, g: Geometry, together: number): SinglePlan {
  const blocks = blocksOf(together * product(g.kernel), wide.rows);
  return { plans: [makePlan(g, layoutOf(g), bytesPerElement[type], blocks)] };
}

/** Addresses of dense tensors, shaped as for {@link convForward}. */
export interface ConvWeight {
  readonly x: number;
  readonly gradOutput: number;
  readonly gradWeight: number;
}

/** The gradient of the weights. (That of the bias is the sum of the output's gradient over all but its channels.) */
export function convWeight(type: FloatName, shape: ConvShape, { x, gradOutput, gradWeight }: ConvWeight): void {
  const g = geometryOf(shape);
  if (type === "f32" && sparseWeight(g, workOf(g), { gradOutput, factor: x, result: gradWeight })) return;
  const { plans, images, pixels } = weightPlans.get(keyOf(type, g), () => weightPlan(type, g));
  const [{ layout, block }] = plans;
  const key = `conv:weight:${type}`;
  engine.module(key, (m) => buildWeight(m, elements[type]));
  const e = elements[type];
  const taps = product(g.kernel);
  const tiles = Math.ceil(g.outputs / tileColumns(e, wide));
  const inParts = Math.max(1, Math.min(g.channels, WEIGHT_UNITS, Math.floor((g.channels * taps) / MIN_TAPS)));
  const outParts = Math.min(tiles, Math.ceil(WEIGHT_UNITS / (g.groups * inParts)));
  const columns = Math.ceil(tiles / outParts) * tileColumns(e, wide);
  const sums = Math.ceil(g.channels / inParts) * taps * columns;
  const staged = layout.staged ? images * g.channels * layout.plane : 0;
  const scratch = (sums + images * product(g.output) * columns + staged + 16) * e.bytes;
  const args = [block.address, inParts, outParts, images, pixels, x, gradOutput, gradWeight];
  threads.parallel(key, "weight", chunksFor(g.groups * inParts * outParts, workOf(g)), args, scratch);
}

/** Into how many parts the weights are cut, if they can be. */
const WEIGHT_UNITS = 16;
/** With fewer taps in a part, packing the gradients takes too much of the time. */
const MIN_TAPS = 64;
/** Pixels that are summed in one go: enough to forget the end of the loop, few enough for the L1 cache. */
const PIXELS = 512;

interface WeightPlan {
  readonly plans: readonly [Plan, { readonly block: Block }];
  /** How many images the table of pixels covers, and its address. */
  readonly images: number;
  readonly pixels: number;
}

const weightPlans = new PlanCache<WeightPlan>();

function weightPlan(type: FloatName, g: Geometry): WeightPlan {
  const { bytes } = elements[type];
  const layout = layoutOf(g);
  const plan = makePlan(g, layout, bytes, blocksOf(1, 1));
  const rowLength = g.output[2];
  const perImage = layout.rows.length * rowLength;
  const images = Math.max(1, Math.min(g.batch, Math.floor(PIXELS / perImage)));
  const imageStep = layout.staged ? g.channels * layout.plane : g.groups * g.channels * product(g.input);
  const block = memory.allocate(4 * images * perImage);
  let next = block.address >>> 2;
  for (let image = 0; image < images; image++) {
    for (const row of layout.rows) {
      for (let x = 0; x < rowLength; x++) memory.heap.i32[next++] = (image * imageStep + row + x) * bytes;
    }
  }
  return { plans: [plan, { block }], images, pixels: block.address };
}
