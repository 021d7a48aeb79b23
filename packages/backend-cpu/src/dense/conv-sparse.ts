/** When the gradient of a convolution's output counts as mostly zeros, and the calls to the kernels for that. */
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
  /** If `gradOutput` has only `count` numbers of each plane, and the others are zeros: int32, where they are. */
  readonly positions?: number;
  readonly count?: number;
  /** The weights for the gradient of the input, and the other way round. */
  readonly factor: number;
  readonly result: number;
}

interface SparsePlan {
  /** The second is the table that the kernels share. */
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
 * Whether products with the numbers that are not zero alone cost less than all. The share of such numbers is guessed from a
 * sample: the order of additions, but nothing else, depends on what the sample meets.
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
/** Products that must be at stake for each number of the sample. */
const WORTH = 2 ** 12;
/**
 * Of the dense products; they gain more from joined vectors than what walks a list. What is spread over the input is loaded
 * and stored for each number.
 */
const LIMITS = engine.options.joined ? { weight: 0.45, input: 0.3 } : { weight: 0.6, input: 0.4 };
/** Below that many products the dense kernels are quick enough. */
const LEAST = 2 ** 18;

const chunksOf = (units: number): number => Math.min(units, 64);

/** Output channels in a part: those whose sums are in the caches together. */
const OUTPUTS = 4;

/**
 * The gradient of the weights or of the input; false, and nothing is done, where the dense kernels are faster or needed.
 * What is added up in place, the input, must have runs of whole vectors.
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
