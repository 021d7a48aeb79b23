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

function isTooHigh(start: Trial, { t, loss }: Trial): boolean {
  return loss > start.loss + sufficient * t * start.slope;
}

function isFlat(start: Trial, { slope }: Trial): boolean {
  return Math.abs(slope) <= -curvature * start.slope;
}

type Evaluate = (t: number) => Trial;

/**
 * @param evaluate the loss, gradient and slope at a step length
 * @param start the same at 0
 * @param reach the largest element of the direction
 */
export function strongWolfe(
  evaluate: Evaluate,
  start: Trial,
  firstStep: number,
  reach: number,
  toleranceChange: number,
): SearchResult {
  let evaluations = 0;
  const tryOut: Evaluate = (t) => {
    evaluations++;
    return evaluate(t);
  };
  const goesOn = (width: number): boolean => evaluations <= mostTrials && width * reach >= toleranceChange;
  const found = bracket(tryOut, start, firstStep);
  const trial = "t" in found ? found : zoom(tryOut, start, found, goesOn);
  return { trial, evaluations };
}

/** Two trials with a good step between them, or one that is good enough, or all there is. */
function bracket(tryOut: Evaluate, start: Trial, firstStep: number): Trial | readonly [Trial, Trial] {
  let before = start;
  let now = tryOut(firstStep);
  for (let round = 0; round < mostTrials; round++) {
    const rising = isTooHigh(start, now) || (round > 1 && now.loss >= before.loss);
    if (!rising && isFlat(start, now)) return now;
    if (rising || now.slope >= 0) return [before, now];
    const next = cubicMinimum(before, now, [now.t + 0.01 * (now.t - before.t), now.t * 10]);
    before = now;
    now = tryOut(next);
  }
  return start.loss <= now.loss ? start : now;
}

/** Narrows a bracket that holds a good step; gives its lower end when no trial is good enough. */
function zoom(
  tryOut: Evaluate,
  start: Trial,
  ends: readonly [Trial, Trial],
  goesOn: (width: number) => boolean,
): Trial {
  let [low, high] = ends[0].loss <= ends[1].loss ? ends : [ends[1], ends[0]];
  let stuck = false;
  while (goesOn(Math.abs(high.t - low.t))) {
    const [left, right] = [Math.min(low.t, high.t), Math.max(low.t, high.t)];
    const [t, isStuck] = awayFromEnds(cubicMinimum(low, high), left, right, stuck);
    stuck = isStuck;
    const trial = tryOut(t);
    if (isTooHigh(start, trial) || trial.loss >= low.loss) {
      high = trial;
      if (high.loss < low.loss) [low, high] = [high, low];
      continue;
    }
    if (isFlat(start, trial)) return trial;
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
