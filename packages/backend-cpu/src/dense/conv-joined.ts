/**
 * Convolutions of planes so small that a tile of neighbouring pixels would be mostly empty: pixels of several images lie
 * side by side, in frames of zeros, and are convolved as those of one image. Taps that only meet zeros are left out.
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

/** A tile of four pixels takes this much of the time of one of eight. */
const HALF_TILE = 0.75;
/** What may be left of the time, for this to pay. */
const MOST_LEFT = 0.8;
/** Multiply-adds from which on two more tasks of the threads do not matter, and as many as a number takes to be copied. */
const LEAST_WORK = 2 ** 17;
const COPY = 24;
/** Images go together until they have about so many pixels, so that weights are not read for a few, and fill tiles. */
const PIXELS = 64;
const LEAST_IMAGES = 8;
/** Frames take no more. */
const MOST_BYTES = 2 ** 28;

/** What rows of so many pixels take, in tiles of eight: the last may be one of four. */
function tilesOf(pixels: number): number {
  const rest = pixels % 8;
  return (pixels - rest) / 8 + (rest > 4 ? 1 : rest > 0 ? HALF_TILE : 0);
}

/** What is left of the time if images are joined, and how. */
interface Joining {
  readonly kept: Kept;
  /** Of what is kept. */
  readonly layout: Layout;
  /** Images that go together, and how many such units there are. */
  readonly images: number;
  readonly units: number;
}

/** How images are joined where tiles are cut out of so many pixels in a row of an image, if that pays. */
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

/** Whether a convolution goes by joined images. */
export const joins = (g: Geometry): boolean => forwardJoining(g) !== null;

/** With the pixels of so many images side by side. */
function widened(layout: Layout, images: number): Layout {
  const { plane, pitch, phases, rows, taps } = layout;
  const each = (offsets: readonly number[]) => offsets.map((offset) => offset * images);
  return {
    ...{ ...layout, staged: false, plane: plane * images, pitch: pitch * images, rows: each(rows), taps: each(taps) },
    phases: phases.map((phase) => ({ ...phase, target: phase.target * images })),
  };
}

interface JoinedPlan extends Joining {
  /** The others are those of an image and of a result, as they are joined. */
  readonly plans: readonly [Plan, Plan, Plan];
  readonly pass: PackedPlan;
  readonly key: string;
  readonly frameBytes: number;
  readonly resultBytes: number;
}

/** `makePass`: of joined images, which lie as a layout says. */
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

/** y = x ∗ w + bias, of weights at other places if `steps` says so. False where joining images gains nothing. */
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

/** The gradient of the input by products, likewise. */
export function inputJoined(g: Geometry, gradOutput: number, w: number, result: number): boolean {
  const joining = inputJoining(g);
  if (!joining) return false;
  const plan = inputPlans.get(g, () => planOf(g, joining, sendingBack));
  // Some numbers may be seen by no tap.
  const bytes = g.batch * g.groups * g.channels * product(g.input) * bytesPerElement[g.type];
  memory.heap.u8.fill(0, result, result + bytes);
  withRoom(plan, (frames, results) => {
    move("join", plan, RESULTS, gradOutput, results);
    runPacked(plan.pass, w, results, frames);
    move("part", plan, FRAMES, result, frames);
  });
  return true;
}

/** For frames and results. A tile may read beyond them. */
function withRoom({ frameBytes, resultBytes }: JoinedPlan, run: (frames: number, results: number) => void): void {
  const block = memory.allocate(frameBytes + resultBytes + TILE_BYTES);
  try {
    run(block.address, block.address + frameBytes);
  } finally {
    memory.release(block);
  }
}

/** Numbers of the plans. */
const [FRAMES, RESULTS] = [1, 2] as const;
/** Of copies. */
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
