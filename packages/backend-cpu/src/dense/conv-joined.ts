/**
 * Convolutions of planes so small that a tile of neighbouring pixels would be mostly empty. Several images are
 * *joined*: their pixels are interleaved in a frame of zeros and convolved like those of one wide image, and the
 * results are taken apart again. Taps that only meet padding are left out (`conv-kept.ts`).
 */
import { engine, memory, threads } from "../runtime/index.ts";
import { TILE_BYTES } from "./conv-block.ts";
import { type Geometry, type Layout, layoutOf, product } from "./conv-geometry.ts";
import { buildJoined } from "./conv-joined-kernels.ts";
import { convolvingKept, type Kept, keptOf } from "./conv-kept.ts";
import { type PackedPlan, runPacked, sendingBack } from "./conv-packed.ts";
import { blocksOf, makePlan, type Plan, PlanCache } from "./conv-plan.ts";
import { bytesPerElement, elements } from "./element.ts";
import { once } from "./remember.ts";
import type { Tensors, WeightSteps } from "./winograd.ts";

/** A tile of four pixels takes so much of the time of one of eight. */
const HALF_TILE = 0.75;
/** Images are joined if the estimated time goes down to this share. */
const MOST_LEFT = 0.8;
/** With fewer multiply-adds, running two more tasks (to join and part images) costs too much. */
const LEAST_WORK = 2 ** 17;
/** What copying a number costs, in multiply-adds. */
const COPY = 24;
/** So many pixels of at least so many images are joined: enough to fill tiles, and for reading the weights to pay. */
const PIXELS = 64;
const LEAST_IMAGES = 8;
/** The most bytes of frames. */
const MOST_BYTES = 2 ** 28;

/** The time for a row of pixels, in tiles of eight; the last tile may be one of four. */
function tilesOf(pixels: number): number {
  const rest = pixels % 8;
  return (pixels - rest) / 8 + (rest > 4 ? 1 : rest > 0 ? HALF_TILE : 0);
}

/** How images are joined. */
interface Joining {
  readonly kept: Kept;
  /** The layout of a single image, with the taps that are kept. */
  readonly layout: Layout;
  /** How many images are joined to one. */
  readonly images: number;
  /** How many joined images there are. */
  readonly units: number;
}

/** How images are joined, or `null` if that does not pay. Tiles are cut out of rows of `row` pixels. */
function joiningOf(g: Geometry, row: number, kept: Kept): Joining | null {
  const [read, written] = [g.channels * product(g.input), g.outputs * product(g.output)];
  const enough = Math.max(LEAST_IMAGES, Math.ceil(PIXELS / product(g.output)));
  const units = Math.max(1, Math.round(g.batch / enough));
  const images = Math.ceil(g.batch / units);
  const tiles = (units * tilesOf(images * row)) / (g.batch * tilesOf(row));
  const left = tiles * kept.geometry.work + COPY * g.batch * g.groups * (read + written);
  const layout = layoutOf(kept.geometry, undefined, true);
  const bytes = g.batch * g.groups * g.channels * layout.plane * bytesPerElement[g.type];
  const pays = g.work >= LEAST_WORK && left <= MOST_LEFT * g.work && bytes <= MOST_BYTES;
  return pays ? { kept, layout, images, units } : null;
}

const forwardJoining = once((g: Geometry) => joiningOf(g, g.output[2], keptOf(g)));
const inputJoining = once((g: Geometry) => joiningOf(g, product(g.output), { geometry: g }));

/** Whether a convolution is computed with joined images. */
export const joins = (g: Geometry): boolean => forwardJoining(g) !== null;

/** The layout of an image in which each pixel is replaced by those of several images, side by side. */
function widened(layout: Layout, images: number): Layout {
  const { plane, pitch, phases, rows, taps } = layout;
  const each = (offsets: readonly number[]) => offsets.map((offset) => offset * images);
  return {
    ...{ ...layout, staged: false, plane: plane * images, pitch: pitch * images, rows: each(rows), taps: each(taps) },
    phases: phases.map((phase) => ({ ...phase, target: phase.target * images })),
  };
}

interface JoinedPlan extends Joining {
  /** The plan of the pass, then those by which images (`FRAMES`) and results (`RESULTS`) are joined and parted. */
  readonly plans: readonly [Plan, Plan, Plan];
  readonly pass: PackedPlan;
  readonly key: string;
  readonly frameBytes: number;
  readonly resultBytes: number;
}

/** The plan for joined images. `makePass` makes the plan of the pass itself, over images in a given layout. */
function planOf(g: Geometry, joining: Joining, makePass: (inner: Geometry, layout: Layout) => PackedPlan): JoinedPlan {
  const { kept, images, units } = joining;
  const key = `conv:joined:${g.type}`;
  engine.module(key, (m) => buildJoined(m, elements[g.type]));
  const layout = widened(joining.layout, images);
  const pixels = product(g.output);
  const output = [g.output[0], g.output[1], g.output[2] * images] as const;
  const pass = makePass({ ...kept.geometry, batch: units, input: [1, 1, layout.plane], output }, layout);
  const rows = [1, 1, pixels] as const;
  const none = { stride: [1, 1, 1], kernel: [1, 1, 1], before: [0, 0, 0], dilation: [1, 1, 1] } as const;
  const result: Geometry = { ...g, ...none, channels: g.outputs, input: rows, output: rows };
  const bytes = bytesPerElement[g.type];
  const planFor = (geometry: Geometry, layout: Layout) => makePlan(geometry, layout, bytes, blocksOf(1, 1));
  return {
    ...{ ...joining, pass, key },
    plans: [...pass.plans, planFor(kept.geometry, layout), planFor(result, widened(layoutOf(result), images))],
    frameBytes: units * g.groups * g.channels * layout.plane * bytes,
    resultBytes: units * g.groups * g.outputs * pixels * images * bytes,
  };
}

const plans = { store: new PlanCache<JoinedPlan>(), relu: new PlanCache<JoinedPlan>() } as const;

/**
 * y = x ∗ w + bias; `steps` says where weights lie, if not in the usual order. False where joining images gains
 * nothing.
 */
export function convJoined(
  g: Geometry,
  after: "store" | "relu",
  { x, w, bias, y }: Tensors,
  steps?: WeightSteps,
): boolean {
  const joining = forwardJoining(g);
  if (!joining) return false;
  const plan = plans[after].get(g, () => {
    return planOf(g, joining, (...inner) => convolvingKept(g, joining.kept, inner, after, steps));
  });
  withRoom(plan, (frames, results) => {
    move("join", plan, FRAMES, x, frames);
    runPacked(plan.pass, w, frames, bias, results);
    move("part", plan, RESULTS, y, results);
  });
  return true;
}

const inputPlans = new PlanCache<JoinedPlan>();

/** The gradient of the input, in the way of `conv-input.ts`. False where joining images gains nothing. */
export function inputJoined(g: Geometry, gradOutput: number, w: number, result: number): boolean {
  const joining = inputJoining(g);
  if (!joining) return false;
  const plan = inputPlans.get(g, () => planOf(g, joining, sendingBack));
  // Elements that no tap sees are not written.
  const bytes = g.batch * g.groups * g.channels * product(g.input) * bytesPerElement[g.type];
  memory.heap.u8.fill(0, result, result + bytes);
  withRoom(plan, (frames, results) => {
    move("join", plan, RESULTS, gradOutput, results);
    runPacked(plan.pass, w, results, frames);
    move("part", plan, FRAMES, result, frames);
  });
  return true;
}

/** Runs with memory for frames and results, beyond which a tile may read. */
function withRoom({ frameBytes, resultBytes }: JoinedPlan, run: (frames: number, results: number) => void): void {
  const block = memory.allocate(frameBytes + resultBytes + TILE_BYTES);
  try {
    run(block.address, block.address + frameBytes);
  } finally {
    memory.release(block);
  }
}

/** Indices of `plans`. */
const [FRAMES, RESULTS] = [1, 2] as const;
/** The chunks of a task that copies. */
const CHUNKS = 16;

/** Copies images into joined ones, or back. */
function move(
  name: "join" | "part",
  { plans, key, images, units }: JoinedPlan,
  side: typeof FRAMES | typeof RESULTS,
  whole: number,
  joined: number,
): void {
  const { block, geometry } = plans[side];
  threads.parallel(key, name, CHUNKS, [block.address, units, images, geometry.batch, whole, joined]);
}
