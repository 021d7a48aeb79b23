/** When the gradient of a convolution's output counts as mostly zeros, and the calls to the kernels for that. */
import type { Block } from "../runtime/block.ts";
import { engine, memory, threads } from "../runtime/index.ts";
import { type Geometry, interleavedLayout, product } from "./conv-geometry.ts";
import { blocksOf, makePlan, type Plan, PlanCache } from "./conv-plan.ts";
import { buildSparseInput, buildSparseWeight, FLAG, PLACES } from "./conv-sparse-kernels.ts";
import { lanePacking, type Runs } from "./conv-sparse-tiles.ts";

interface SparsePlan {
  /** The second is the table that the kernels share. */
  readonly plans: readonly [Plan, { readonly block: Block }];
}

const plans = new PlanCache<SparsePlan>();

function sparsePlan(g: Geometry): SparsePlan {
  return plans.get(g, () => {
    const layout = interleavedLayout(g);
    const width = g.output[2];
    const block = memory.allocate(PLACES + 4 * layout.rows.length * width);
    memory.heap.u8.set(lanePacking, block.address);
    memory.heap.i32[(block.address + FLAG) >>> 2] = 0;
    let next = (block.address + PLACES) >>> 2;
    for (const row of layout.rows) {
      for (let x = 0; x < width; x++) memory.heap.i32[next++] = 4 * (row + x * g.stride[2] * g.channels);
    }
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
function pays(g: Geometry, runs: Runs, { address, count: each }: SparseGradient): boolean {
  const count = g.batch * g.groups * g.outputs * each;
  const step = Math.floor(count / Math.min(SAMPLE, g.work / WORTH)) | 1;
  const { f32 } = memory.heap;
  let used = 0;
  for (let i = 0; i < count; i += step) if (f32[(address >>> 2) + i] !== 0) used++;
  const share = (used / Math.ceil(count / step)) * (each / product(g.output));
  return share * runs.count * runs.vectors * 4 < LIMIT * product(g.kernel) * g.channels;
}

const SAMPLE = 1024;
/** Products that must be at stake for each number of the sample. */
const WORTH = 2 ** 12;
/** Of the dense products; they gain more from joined vectors than what walks a list. */
const LIMIT = engine.options.joined ? 0.45 : 0.6;
/** Below that many products the dense kernels are quick enough. */
const LEAST = 2 ** 18;

/** The gradient of the output: `count` numbers for each plane, all of them or, where they have positions, some. */
export interface SparseGradient {
  readonly address: number;
  /** 0, or the address of int32 numbers: where in the plane the others are. */
  readonly positions: number;
  readonly count: number;
}

interface Addresses {
  readonly gradOutput: SparseGradient;
  /** The input, or the weights. */
  readonly factor: number;
  /** The gradient of the other one. */
  readonly result: number;
}

const chunksOf = (units: number): number => Math.min(units, 64);

/** The gradient of the weights; false, and nothing is done, where the dense kernels are faster or needed. */
export function sparseWeight(g: Geometry, { gradOutput, factor, result }: Addresses): boolean {
  if (g.work < LEAST) return false;
  const runs = runsOf(g);
  if (!pays(g, runs, gradOutput)) return false;
  const [{ layout, block }, { block: table }] = sparsePlan(g).plans;
  const key = `conv:sparse-weight:${Object.values(runs).join(":")}`;
  engine.module(key, (m) => buildSparseWeight(m, runs));
  const images = memory.allocate(4 * g.batch * g.groups * layout.plane);
  try {
    const units = chunksOf(g.batch * g.groups);
    threads.parallel(key, "stage", units, [block.address, factor, images.address, table.address]);
    if (!areFinite(table)) return false;
    const parts = Math.ceil(g.outputs / OUTPUTS);
    const sums = Math.ceil(g.outputs / parts) * 16 * runs.count * runs.vectors;
    const { address, positions, count } = gradOutput;
    const args = [block.address, table.address, parts, images.address, address, positions, count, result];
    threads.parallel(key, "weight", chunksOf(g.groups * parts), args, sums + listBytes(count));
    return true;
  } finally {
    memory.release(images);
  }
}

/** Output channels in a part: those whose sums are in the caches together. */
const OUTPUTS = 4;

const listBytes = (count: number): number => 8 * (count + 4);

/** Whether all factors are; takes the flag down. */
function areFinite({ address }: Block): boolean {
  const { i32 } = memory.heap;
  const flag = (address + FLAG) >>> 2;
  const infinite = i32[flag] !== 0;
  i32[flag] = 0;
  return !infinite;
}

/** The gradient of the input, likewise. Runs must be whole vectors, since they are added in place. */
export function sparseInput(g: Geometry, { gradOutput, factor, result }: Addresses): boolean {
  if (g.work < LEAST || g.channels % 4 !== 0) return false;
  const runs = runsOf(g);
  if (!pays(g, runs, gradOutput)) return false;
  const [{ layout, block }, { block: table }] = sparsePlan(g).plans;
  const key = `conv:sparse-input:${Object.values(runs).join(":")}`;
  engine.module(key, (m) => buildSparseInput(m, runs));
  const packed = memory.allocate(4 * g.groups * g.outputs * g.channels * product(g.kernel));
  try {
    const units = chunksOf(g.groups * g.outputs);
    threads.parallel(key, "packWeights", units, [block.address, factor, packed.address, table.address]);
    if (!areFinite(table)) return false;
    const { address, positions, count } = gradOutput;
    const args = [block.address, table.address, address, positions, count, packed.address, result];
    threads.parallel(key, "input", chunksOf(g.batch * g.groups), args, 4 * layout.plane + listBytes(count));
    return true;
  } finally {
    memory.release(packed);
  }
}
