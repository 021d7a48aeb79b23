/** Reductions, scans and softmax over lines of float64 numbers. */
import type { ReduceOp, ScanOp, SoftmaxOp } from "../../ops/table.ts";

type Line = readonly number[];

function extreme(better: (a: number, b: number) => boolean): (line: Line) => number {
  return (line) =>
    line.reduce(
      (best, x, i) => (Number.isNaN(line[best]!) ? best : Number.isNaN(x) || better(x, line[best]!) ? i : best),
      0,
    );
}

const argmax = extreme((a, b) => a > b);
const argmin = extreme((a, b) => a < b);

export const reduce: { readonly [K in ReduceOp]: (line: Line) => number } = {
  sum: (line) => line.reduce((a, b) => a + b, 0),
  prod: (line) => line.reduce((a, b) => a * b, 1),
  amax: (line) => line[argmax(line)]!,
  amin: (line) => line[argmin(line)]!,
  argmax,
  argmin,
  any: (line) => (line.some((x) => x !== 0) ? 1 : 0),
  all: (line) => (line.every((x) => x !== 0) ? 1 : 0),
};

function running(step: (total: number, x: number) => number, start: number): (line: Line) => number[][] {
  return (line) => {
    let total = start;
    return [line.map((x) => (total = step(total, x)))];
  };
}

function runningExtreme(better: (a: number, b: number) => boolean): (line: Line) => number[][] {
  return (line) => {
    let best = 0;
    const where = line.map((x, i) => {
      if (!Number.isNaN(line[best]!) && (Number.isNaN(x) || better(x, line[best]!))) best = i;
      else if (Number.isNaN(line[best]!) && Number.isNaN(x)) best = i;
      return best;
    });
    return [where.map((i) => line[i]!), where];
  };
}

function addExp(a: number, b: number): number {
  const top = Math.max(a, b);
  return Number.isFinite(top) ? top + Math.log(Math.exp(a - top) + Math.exp(b - top)) : a + b;
}

export const scan: { readonly [K in ScanOp]: (line: Line) => number[][] } = {
  cumsum: running((a, b) => a + b, 0),
  cumprod: running((a, b) => a * b, 1),
  logcumsumexp: running((a, b) => (a === Number.NEGATIVE_INFINITY ? b : addExp(a, b)), Number.NEGATIVE_INFINITY),
  cummax: runningExtreme((a, b) => a >= b),
  cummin: runningExtreme((a, b) => a <= b),
};

function softmax(x: Line): number[] {
  const top = reduce.amax(x);
  const e = x.map((v) => Math.exp(v - top));
  const total = reduce.sum(e);
  return e.map((v) => v / total);
}

/** Lines of the inputs to a line of the output. */
export const softmaxes: { readonly [K in SoftmaxOp]: (...lines: Line[]) => number[] } = {
  softmax,
  logSoftmax: (x) => {
    const top = reduce.amax(x!);
    const total = Math.log(reduce.sum(x!.map((v) => Math.exp(v - top))));
    return x!.map((v) => v - top - total);
  },
  softmaxBackward: (g, y) => {
    const inner = reduce.sum(g!.map((v, i) => v * y![i]!));
    return g!.map((v, i) => y![i]! * (v - inner));
  },
  logSoftmaxBackward: (g, y) => {
    const total = reduce.sum(g!);
    return g!.map((v, i) => v - Math.exp(y![i]!) * total);
  },
};

/** Positions that sort a line: stable, NaN largest. */
export function order(line: Line, descending: boolean): number[] {
  const key = (x: number): number => (Number.isNaN(x) ? Number.POSITIVE_INFINITY : x);
  const compare = (a: number, b: number): number =>
    key(line[a]!) === key(line[b]!)
      ? Number(Number.isNaN(line[a]!)) - Number(Number.isNaN(line[b]!))
      : key(line[a]!) < key(line[b]!)
        ? -1
        : 1;
  const indices = line.map((_, i) => i);
  return indices.sort((a, b) => (descending ? compare(b, a) : compare(a, b)) || a - b);
}
