/**
 * A step length that fulfils the strong Wolfe conditions: the loss falls enough, and the slope flattens enough. A bracket
 * is found first, then narrowed by cubic interpolation (Nocedal & Wright, 2006, algorithms 3.5 and 3.6).
 */
import type { Tensor } from "@dl/tensor";

/** What is known at a step length `t` along the direction. */
export interface Trial {
  readonly t: number;
  readonly loss: number;
  readonly grad: Tensor;
  /** Of the loss along the direction. */
  readonly slope: number;
}

export interface SearchResult {
  readonly trial: Trial;
  readonly evaluations: number;
}

const sufficient = 1e-4;
const curvature = 0.9;
const mostTrials = 25;

/** The minimum of the cubic through two trials with their slopes, within bounds. */
function cubicMinimum(a: Trial, b: Trial, bounds?: readonly [number, number]): number {
  const [low, high] = bounds ?? [Math.min(a.t, b.t), Math.max(a.t, b.t)];
  const d1 = a.slope + b.slope - (3 * (a.loss - b.loss)) / (a.t - b.t);
  const square = d1 ** 2 - a.slope * b.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const d2 = Math.sqrt(square);
  const [left, right] = a.t <= b.t ? [a, b] : [b, a];
  const minimum = right.t - (right.t - left.t) * ((right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2));
  return Math.min(Math.max(minimum, low), high);
}

/**
 * @param evaluate the loss, gradient and slope at a step length
 * @param start the same at 0
 * @param reach the largest element of the direction
 */
export function strongWolfe(
  evaluate: (t: number) => Trial,
  start: Trial,
  firstStep: number,
  reach: number,
  toleranceChange: number,
): SearchResult {
  let trials = 0;
  const tryOut = (t: number): Trial => {
    trials++;
    return evaluate(t);
  };
  const tooHigh = (trial: Trial): boolean => trial.loss > start.loss + sufficient * trial.t * start.slope;
  const flat = (trial: Trial): boolean => Math.abs(trial.slope) <= -curvature * start.slope;
  const result = (trial: Trial): SearchResult => ({ trial, evaluations: trials });

  let before = start;
  let now = tryOut(firstStep);
  let bracket: [Trial, Trial] | null = null;
  for (let round = 0; round < mostTrials; round++) {
    const rising = tooHigh(now) || (round > 1 && now.loss >= before.loss);
    if (!rising && flat(now)) return result(now);
    if (rising || now.slope >= 0) {
      bracket = [before, now];
      break;
    }
    const next = cubicMinimum(before, now, [now.t + 0.01 * (now.t - before.t), now.t * 10]);
    before = now;
    now = tryOut(next);
  }
  if (!bracket) return result(start.loss <= now.loss ? start : now);
  return result(zoom(bracket, tryOut, tooHigh, flat, reach, toleranceChange, () => trials <= mostTrials));
}

/** Narrows a bracket that holds a good step; gives its lower end when no trial is good enough. */
function zoom(
  bracket: readonly [Trial, Trial],
  tryOut: (t: number) => Trial,
  tooHigh: (trial: Trial) => boolean,
  flat: (trial: Trial) => boolean,
  reach: number,
  toleranceChange: number,
  goOn: () => boolean,
): Trial {
  let [low, high] = bracket[0].loss <= bracket[1].loss ? bracket : [bracket[1], bracket[0]];
  let stuck = false;
  while (goOn() && Math.abs(high.t - low.t) * reach >= toleranceChange) {
    const [left, right] = [Math.min(low.t, high.t), Math.max(low.t, high.t)];
    const guess = cubicMinimum(low, high);
    const [t, isStuck] = awayFromEnds(guess, left, right, stuck);
    stuck = isStuck;
    const trial = tryOut(t);
    if (tooHigh(trial) || trial.loss >= low.loss) {
      high = trial;
      if (high.loss < low.loss) [low, high] = [high, low];
      continue;
    }
    if (flat(trial)) return trial;
    if (trial.slope * (high.t - low.t) >= 0) high = low;
    low = trial;
  }
  return low;
}

/** Two guesses in a row near an end of the bracket, or one on it, are moved a tenth inside. */
function awayFromEnds(t: number, left: number, right: number, stuck: boolean): [t: number, stuck: boolean] {
  const margin = 0.1 * (right - left);
  if (Math.min(right - t, t - left) >= margin) return [t, false];
  if (!stuck && t < right && t > left) return [t, true];
  return [Math.abs(t - right) < Math.abs(t - left) ? right - margin : left + margin, false];
}
