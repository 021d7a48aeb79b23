/** Convolutions of planes so small that some taps only ever meet the zeros around them. */
import type { After } from "./conv-forward.ts";
import { type Geometry, type Layout, product } from "./conv-geometry.ts";
import { convolving, orderOf, type PackedPlan, type WeightOrder } from "./conv-packed.ts";
import type { WeightSteps } from "./winograd.ts";

/** The taps that meet more than zeros as a kernel of their own, and the first of them. */
export interface Kept {
  readonly geometry: Geometry;
  readonly first?: number;
}

/** In one or two dimensions, where half of the taps or more meet nothing. */
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

/** All weights as they lie, or those of the taps that are kept, tap by tap. */
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

/** Of the weights of one geometry, of which some taps may be kept, over images that lie as that of another. */
export function convolvingKept(
  g: Geometry,
  kept: Kept,
  [inner, layout]: readonly [Geometry, Layout],
  after: After,
  steps: WeightSteps = { row: g.channels * product(g.kernel), channel: product(g.kernel), reversed: false },
): PackedPlan {
  const tapsFirst = kept.first !== undefined;
  // Weights lie in the order of the taps, those in reverse order too.
  const taps = steps.reversed && !tapsFirst ? layout.taps.toReversed() : layout.taps;
  return convolving(inner, { ...layout, taps, tapsFirst }, weightsOf(g, kept, steps), after);
}
