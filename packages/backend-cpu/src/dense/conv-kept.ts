/** Leaves taps out of a convolution that only ever meet padding, as the outer taps do if planes are very small. */
import type { After } from "./conv-forward.ts";
import { type Geometry, type Layout, product } from "./conv-geometry.ts";
import { convolving, orderOf, type PackedPlan, type WeightOrder } from "./conv-packed.ts";
import type { WeightSteps } from "./winograd.ts";

/** A convolution with only the taps that meet more than padding. `first` is the index of the first of them. */
export interface Kept {
  readonly geometry: Geometry;
  readonly first?: number;
}

/** The taps to keep. Taps are left out only if these are at least half of all, and in one or two dimensions. */
export function keptOf(g: Geometry): Kept {
  const ranges = g.kernel.map((size, i) => {
    const [step, zeros] = [g.dilation[i]!, g.before[i]!];
    const reach = (g.output[i]! - 1) * g.stride[i]!;
    const first = Math.min(Math.ceil(Math.max(0, zeros - reach) / step), Math.floor(zeros / step), size - 1);
    const end = Math.min(size, Math.ceil((g.input[i]! + zeros) / step));
    return { first, count: Math.max(1, end - first) };
  });
  const kernel = ranges.map(({ count }) => count) as unknown as Geometry["kernel"];
  const share = product(kernel) / product(g.kernel);
  if (share > 0.5 || g.kernel[0] > 1) return { geometry: g };
  const before = g.before.map((zeros, i) => zeros - ranges[i]!.first * g.dilation[i]!) as unknown as Geometry["before"];
  const first = ranges[1]!.first * g.kernel[2] + ranges[2]!.first;
  return { geometry: { ...g, kernel, before, work: g.work * share }, first };
}

/** The order in which weights are packed: as they lie if all taps are kept, otherwise tap by tap. */
function weightsOf(g: Geometry, { geometry, first }: Kept, { row, channel, reversed }: WeightSteps): WeightOrder {
  const taps = product(g.kernel);
  if (first === undefined) {
    const [outer, count] = channel === taps ? [1, g.channels * taps] : [g.channels, taps];
    return orderOf(g, { outer, outerStep: channel, count, step: 1, line: row });
  }
  const [, height, width] = geometry.kernel;
  const tap = reversed ? -1 : 1;
  return orderOf(geometry, {
    ...{ first: reversed ? taps - 1 - first : first, groupStep: g.outputs * g.channels * taps },
    ...{ outer: height, outerStep: tap * g.kernel[2], inner: width, innerStep: tap },
    ...{ count: g.channels, step: channel, line: row },
  });
}

/**
 * The plan of a convolution with the weights of `g`, of which some taps may be left out, over images whose geometry and
 * layout are `inner` and `layout`.
 */
export function convolvingKept(
  g: Geometry,
  kept: Kept,
  [inner, layout]: readonly [Geometry, Layout],
  after: After,
  steps: WeightSteps = { row: g.channels * product(g.kernel), channel: product(g.kernel), reversed: false },
): PackedPlan {
  const tapsFirst = kept.first !== undefined;
  // Weights are packed in the order in which they lie, so taps must be in that order, too.
  const taps = steps.reversed && !tapsFirst ? layout.taps.toReversed() : layout.taps;
  return convolving(inner, { ...layout, taps, tapsFirst }, weightsOf(g, kept, steps), after);
}
