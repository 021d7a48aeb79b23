/**
 * Connectionist temporal classification on the host: probabilities instead of their logarithms, scaled so that those of a
 * step add up to 1. One addition and one product for a state are far less than an op for each step.
 */
import { fromArray, noGrad, peek, type Shape, type Tensor } from "@dl/tensor";
import type { Spelling } from "./ctc-spelling.ts";

/** One sample: what state `s` emits at step `t` stands at `t * stride + places[s]` of the probabilities. */
interface Sample {
  readonly steps: number;
  readonly stride: number;
  readonly places: Int32Array;
  /** 1 for states to which the one before the last leads, too. */
  readonly skips: Uint8Array;
}

/** Of each step its states' probabilities, scaled, and the scales, whose product is the probability of the labels. */
interface Forward {
  readonly rows: readonly Float64Array[];
  readonly scales: Float64Array;
}

/** Two states of no probability stand before the others. Only those count from which the end can be reached: at last, two. */
function forward(probabilities: Float64Array, { steps, stride, places, skips }: Sample): Forward {
  const width = places.length;
  const scales = new Float64Array(steps);
  const rows: Float64Array[] = [];
  let before = new Float64Array(width + 2);
  before[2] = 1; // It stays, or leads to the next: the first two states are where one begins.
  for (let t = 0; t < steps; t++) {
    const row = new Float64Array(width + 2);
    let total = 0;
    const [first, end] = [Math.max(0, width - 2 * (steps - t)), Math.min(width, 2 * t + 2)];
    for (let s = first; s < end; s++) {
      const sum = before[s + 2]! + before[s + 1]! + skips[s]! * before[s]!;
      total += row[s + 2] = sum * probabilities[t * stride + places[s]!]!;
    }
    scales[t] = total;
    const scale = 1 / total;
    for (let s = first; s < end; s++) row[s + 2]! *= scale;
    rows.push(row);
    before = row;
  }
  return { rows, scales };
}

/** Takes off each class's slope how probable the states are that emit it. */
function subtractShares(
  slopes: Float64Array,
  probabilities: Float64Array,
  { steps, stride, places, skips }: Sample,
  { rows, scales }: Forward,
): void {
  const width = places.length;
  let after = new Float64Array(width + 2);
  for (let t = steps - 1; t >= 0; t--) {
    const [row, onward, scale] = [rows[t]!, new Float64Array(width + 2), 1 / scales[t]!];
    for (let s = 0; s < width; s++) {
      const next = after[s]! + after[s + 1]! + (skips[s + 2] ?? 0) * after[s + 2]!;
      const rest = t < steps - 1 ? next : Number(s >= width - 2);
      const place = t * stride + places[s]!;
      onward[s] = rest * probabilities[place]! * scale;
      slopes[place]! -= row[s + 2]! * rest;
    }
    after = onward;
  }
}

function sampleOf([, batch, classes]: Shape, { labels, lengths, states, blank }: Spelling, n: number): Sample {
  const row = states[n]!.slice(0, 2 * labels[n]!.length + 1);
  const skips = Uint8Array.from(row, (label, s) => Number(s > 1 && label !== blank && label !== row[s - 2]));
  const places = Int32Array.from(row, (label) => n * classes! + label);
  return { steps: lengths[n]!, stride: batch! * classes!, places, skips };
}

/** How many steps labels take at least: between two alike there is a blank. */
const leastSteps = (labels: readonly number[]): number =>
  labels.length + labels.filter((label, i) => i > 0 && label === labels[i - 1]).length;

/** Below it float64 holds fewer digits, and no reciprocal. */
const LEAST = 1e-300;

export interface Alignment {
  /** The log-probability [N] of each sample's labels. */
  readonly likelihood: Tensor;
  /** The gradient [T, N, C] of its negative, as `slope` of `ctc-tensors.ts` has it. */
  readonly slope: () => Tensor;
}

/** `undefined` where float64 cannot hold a probability, or there is none: NaN. */
export function align(logs: Tensor, spelling: Spelling): Alignment | undefined {
  const { shape, dtype, device } = logs;
  const wide = noGrad(() => logs.detach().to("float64").exp().contiguous());
  const probabilities = peek(wide, "ctcLoss").slice() as Float64Array;
  const found = spelling.labels.map((labels, n) => {
    if (leastSteps(labels) > spelling.lengths[n]!) return undefined;
    const sample = sampleOf(shape, spelling, n);
    return { sample, ways: forward(probabilities, sample) };
  });
  if (found.some((one) => one && !one.ways.scales.every((scale) => scale > LEAST && scale < Infinity)))
    return undefined;
  const sums = found.map((one) => one?.ways.scales.reduce((sum, scale) => sum + Math.log(scale), 0) ?? -Infinity);
  const likelihood = fromArray(Float64Array.from(sums), [sums.length], { dtype, device });
  const slope = (): Tensor => {
    const slopes = probabilities.slice();
    for (const [n, one] of found.entries()) {
      if (one) subtractShares(slopes, probabilities, one.sample, one.ways);
      clearBehind(slopes, shape, n, spelling.lengths[n]!);
    }
    return fromArray(slopes, shape, { dtype, device });
  };
  return { likelihood, slope };
}

/** Steps behind a sample's end have no part in it. */
function clearBehind(slopes: Float64Array, [steps, batch, classes]: Shape, n: number, length: number): void {
  for (let t = length; t < steps!; t++) slopes.fill(0, (t * batch! + n) * classes!, (t * batch! + n + 1) * classes!);
}
