/** Convolutions whose weights are packed first: their plans, and how they run. */
import { engine, memory, threads } from "../runtime/index.ts";
import { TILE_BYTES } from "./conv-block.ts";
import { type After, buildForward, pools } from "./conv-forward.ts";
import { type Geometry, type Layout, product } from "./conv-geometry.ts";
import { buildInput } from "./conv-input.ts";
import { blocksOf, makePlan, type Plan } from "./conv-plan.ts";
import type { placeNames } from "./conv-weights.ts";
import { bytesPerElement, elements } from "./element.ts";
import { tilesFor } from "./tiles.ts";

/** Multiply-adds that are worth a chunk of their own. */
const GRAIN = 2 ** 17;
const MAX_CHUNKS = 256;

export function chunksFor(units: number, work: number): number {
  return Math.max(1, Math.min(units, MAX_CHUNKS, Math.floor(work / GRAIN)));
}

/** A pass whose weights are packed first: all that its two tasks need but the addresses. */
export interface PackedPlan {
  readonly plans: readonly [Plan];
  readonly key: string;
  readonly name: "forward" | "input";
  readonly weights: WeightOrder;
  readonly chunks: number;
  readonly scratch: number;
  /** Arguments between the plan and the addresses. */
  readonly sizes: readonly number[];
}

/** Where the packed weights come from: how far the first one is, how many bytes there are, and the places for `packWeights`. */
export interface WeightOrder {
  readonly first: number;
  readonly bytes: number;
  readonly chunks: number;
  readonly places: readonly number[];
}

/** Places of `packWeights`, in elements, of which some begin at `first`. */
type Places = { readonly [N in (typeof placeNames)[number] | "first"]: number };

export function orderOf(
  g: Geometry,
  { parts = 1, partStep = 0, rows = g.outputs, count = 0, step = 0, line = 0, ...runs }: Partial<Places>,
): WeightOrder {
  const size = bytesPerElement[g.type];
  const each = g.outputs * g.channels * product(g.kernel);
  const { first = 0, outer = 1, outerStep = 0, inner = 1, innerStep = 0, groupStep = each } = runs;
  const steps = [partStep, outerStep, innerStep, step, line, groupStep].map((value) => value * size);
  const places = [parts, rows, outer, inner, count, ...steps];
  return { first: first * size, bytes: g.groups * each * size, chunks: chunksFor(64, 16 * g.groups * each), places };
}

export function runPacked(p: PackedPlan, weights: number, from: number, ...to: readonly number[]): void {
  const [{ block }] = p.plans;
  const packed = memory.allocate(p.weights.bytes);
  try {
    const { first, chunks, places } = p.weights;
    threads.parallel(p.key, "packWeights", chunks, [block.address, weights + first, packed.address, ...places]);
    threads.parallel(p.key, p.name, p.chunks, [block.address, ...p.sizes, from, packed.address, ...to], p.scratch);
  } finally {
    memory.release(packed);
  }
}

const { tall, wide } = tilesFor(engine.options);

/** A convolution, see `conv-forward.ts`. */
export function convolving(g: Geometry, layout: Layout, weights: WeightOrder, after: After = "store"): PackedPlan {
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

/** So many units of work are enough for a few threads. */
export const MOST_UNITS = 8;

/**
 * Into how many parts the channels of each image are split: if there are few images, so that there are units enough.
 */
function splitsFor(images: number, parts: number, work: number): number {
  return Math.max(1, Math.min(parts, Math.ceil(MOST_UNITS / images), Math.floor(work / images / GRAIN)));
}

/** The bytes of a panel of the output's gradient, which should stay in the caches. */
const PANEL_BYTES = 2 ** 17;

/** The plan of the gradient of the input in the way of `conv-input.ts`. */
export function sendingBack(g: Geometry, layout: Layout): PackedPlan {
  const key = `conv:input:${g.type}`;
  const e = elements[g.type];
  engine.module(key, (m) => buildInput(m, e));
  const taps = product(g.kernel);
  const together = channelsTogether(g);
  const [rows, parts] = [together * taps, g.channels / together];
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

/** The number of input channels that are computed together: so many that their taps fill blocks of rows best. */
function channelsTogether(g: Geometry): number {
  const taps = product(g.kernel);
  const filling = (count: number) => (count * taps) / Math.ceil((count * taps) / wide.rows);
  const divisors = [1, 2, 3, 4, 5, 6].filter((count) => g.channels % count === 0);
  return divisors.reduce((best, count) => (filling(count) > filling(best) ? count : best));
}
