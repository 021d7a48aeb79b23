import type { Taps } from "./table.ts";

/**
 * Taps for the op `resample`, sorted by their outputs: `x[sources[k]]` times `weights[k]` (or 1) goes to `outputs[k]`, one
 * of `count`. Nothing is checked: outputs must be below `count`, sources below the size of the dimension.
 * @example
 * const pairs = collectTaps(2, [0, 0, 1, 1], [0, 1, 2, 3]); // sums of two
 * apply("resample", [floatTensor([1, 2, 3, 4])], { stages: [{ dim: 0, taps: pairs }] }); // tensor([3., 7.])
 */
export function collectTaps(
  count: number,
  outputs: ArrayLike<number>,
  sources: ArrayLike<number>,
  weights?: ArrayLike<number>,
): Taps {
  const bounds = new Int32Array(count + 1);
  for (let k = 0; k < outputs.length; k++) bounds[outputs[k]! + 1]!++;
  for (let i = 0; i < count; i++) bounds[i + 1]! += bounds[i]!;
  const next = bounds.slice();
  const sorted = new Int32Array(outputs.length);
  const factors = new Float64Array(outputs.length).fill(1);
  for (let k = 0; k < outputs.length; k++) {
    const at = next[outputs[k]!]!++;
    sorted[at] = sources[k]!;
    if (weights) factors[at] = weights[k]!;
  }
  return { bounds, sources: sorted, weights: factors };
}
