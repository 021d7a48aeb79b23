/**
 * Gradients of convolutions whose output gradient is mostly zeros, as it is behind ReLU and max pooling: decides
 * whether skipping the zeros pays, and calls the kernels for that.
 */
import type { Block } from "../runtime/block.ts";
import { engine, memory, threads } from "../runtime/index.ts";
import { type Geometry, interleavedLayout, product } from "./conv-geometry.ts";
import { blocksOf, makePlan, type Plan, PlanCache } from "./conv-plan.ts";
import { buildSparseInput, buildSparseWeight } from "./conv-sparse-kernels.ts";
import type { Runs } from "./conv-sparse-tiles.ts";
import { areFinite, makeTable } from "./zeros.ts";

/** Addresses of dense tensors. */
export interface ConvGradient {
  /** [batch, outChannels, ...output] */
  readonly gradOutput: number;
  /** If `gradOutput` holds only `count` numbers of each plane, and all others are zero: their positions (int32). */
  readonly positions?: number;
  readonly count?: number;
  /** The other factor: the weights for the gradient of the input, the input for that of the weights. */
  readonly factor: number;
  readonly result: number;
}

interface SparsePlan {
  /** The plan, and the table of `zeros.ts`. */
  readonly plans: readonly [Plan, { readonly block: Block }];
}

const plans = new PlanCache<SparsePlan>();

function sparsePlan(g: Geometry): SparsePlan {
  return plans.get(g, () => {
    const layout = interleavedLayout(g);
    const columns = Array.from({ length: g.output[2] }, (_, x) => x * g.stride[2] * g.channels);
    const block = makeTable(Array.from(layout.rows).flatMap((row) => columns.map((column) => 4 * (row + column))));
    return { plans: [makePlan(g, layout, 4, blocksOf(1, 1)), { block }] };
  });
}

function runsOf({ kernel, dilation, channels }: Geometry): Runs {
  const taps = dilation[2] === 1 ? kernel[2] : 1;
  return { count: product(kernel) / taps, vectors: Math.ceil((taps * channels) / 4), taps };
}

/**
 * Whether it is faster to multiply only the non-zero numbers. Their share is estimated from a sample. The choice
 * changes nothing but the order of additions.
 */
function pays(g: Geometry, runs: Runs, limit: number, gradOutput: number, each: number): boolean {
  const count = g.batch * g.groups * g.outputs * each;
  const step = Math.floor(count / Math.min(SAMPLE, g.work / WORTH)) | 1;
  const { f32 } = memory.heap;
  let used = 0;
  for (let i = 0; i < count; i += step) if (f32[gradOutput / 4 + i] !== 0) used++;
  const share = (used / Math.ceil(count / step)) * (each / product(g.output));
  return share * runs.count * runs.vectors * 4 < limit * product(g.kernel) * g.channels;
}

const SAMPLE = 1024;
/** The sample has at most one number for so many products. */
const WORTH = 2 ** 12;
/**
 * The largest share of the dense products for which the sparse way is faster. Joined vectors (see `Features`) speed up
 * the dense kernels more. The limit for the input is lower, since each number loads and stores all that it adds to.
 */
const LIMITS = engine.options.joined ? { weight: 0.45, input: 0.3 } : { weight: 0.6, input: 0.4 };
/** With fewer products the dense kernels are fast enough. */
const LEAST = 2 ** 18;

const chunksOf = (units: number): number => Math.min(units, 64);

/** Output channels of a unit: as many as have their sums in the caches together. */
const OUTPUTS = 4;

/**
 * Computes the gradient of the weights or of the input. Does nothing and returns false where the dense kernels are
 * faster, or must be taken: for numbers that are not finite, and for the input if its channels do not fill whole
 * vectors.
 */
export function runSparse(g: Geometry, name: "weight" | "input", t: ConvGradient): boolean {
  const ofWeight = name === "weight";
  if (g.work < LEAST || !(ofWeight || g.channels % 4 === 0)) return false;
  const runs = runsOf(g);
  const { gradOutput, positions = 0, count = product(g.output) } = t;
  if (!pays(g, runs, LIMITS[name], gradOutput, count)) return false;
  const [{ layout, block }, { block: table }] = sparsePlan(g).plans;
  const key = `conv:sparse-${name}:${Object.values(runs).join(":")}`;
  engine.module(key, (m) => (ofWeight ? buildSparseWeight : buildSparseInput)(m, runs));
  const [images, filters] = [g.batch * g.groups, g.groups * g.outputs];
  const prepared = memory.allocate(4 * (ofWeight ? images * layout.plane : filters * g.channels * product(g.kernel)));
  try {
    const places = [block.address, t.factor, prepared.address, table.address];
    threads.parallel(key, "prepare", chunksOf(ofWeight ? images : filters), places);
    if (!areFinite(table)) return false;
    const parts = Math.ceil(g.outputs / OUTPUTS);
    const sums = ofWeight ? Math.ceil(g.outputs / parts) * 4 * runs.count * runs.vectors : layout.plane;
    const args = [block.address, table.address, parts, prepared.address, gradOutput, positions, count, t.result];
    threads.parallel(key, name, chunksOf(ofWeight ? g.groups * parts : images), args, 4 * sums + 8 * (count + 4));
    return true;
  } finally {
    memory.release(prepared);
  }
}
