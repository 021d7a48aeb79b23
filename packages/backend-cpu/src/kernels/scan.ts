/** Running folds along one dimension. Sums and products run in the output's dtype, the logarithm's in float64. */
import type { ScanOp } from "@dl/tensor";
import { type ArrayKernel, axisOf, type Elements, elements, putIndex, wordsOf } from "./array-kernel.ts";

type Step = (total: number, x: number) => number;

/** Totals are kept apart from the output: in float64, or as bigints. */
function running<K extends "cumsum" | "cumprod" | "logcumsumexp">(step: Step): ArrayKernel<K> {
  return ([x], { dim }, [out]) => {
    const { outer, size, inner } = axisOf(x!.shape, dim);
    const [from, to] = [elements(x!), elements(out!)];
    const totals: Elements = out!.dtype === "int64" ? new Array<number>(inner) : new Float64Array(inner);
    for (let o = 0; o < outer; o++) {
      const start = o * size * inner;
      if (inner === 1) runAlong(step, from, to, start, size);
      else runAbreast(step, from, to, start, size, totals);
    }
  };
}

function runAlong(step: Step, from: Elements, to: Elements, start: number, size: number): void {
  if (size === 0) return;
  let total = from[start]!;
  to[start] = total;
  for (let place = start + 1; place < start + size; place++) {
    total = step(total, from[place]!);
    to[place] = total;
  }
}

/** Neighbouring lines side by side, which is how they lie in memory. */
function runAbreast(step: Step, from: Elements, to: Elements, start: number, size: number, totals: Elements): void {
  for (let i = 0, place = start; i < size; i++) {
    for (let j = 0; j < totals.length; j++, place++) {
      const total = i === 0 ? from[place]! : step(totals[j]!, from[place]!);
      totals[j] = total;
      to[place] = total;
    }
  }
}

function runningExtreme<K extends "cummax" | "cummin">(wins: (x: number, best: number) => boolean): ArrayKernel<K> {
  return ([x], { dim }, [values, indices]) => {
    const { outer, size, inner } = axisOf(x!.shape, dim);
    const [from, to, words] = [elements(x!), elements(values!), wordsOf(indices!)];
    for (let o = 0; o < outer; o++) {
      for (let j = 0; j < inner; j++) {
        const start = o * size * inner + j;
        let best = 0;
        for (let i = 0; i < size; i++) {
          const place = start + i * inner;
          const [value, top] = [from[place]!, from[start + best * inner]!];
          if (Number.isNaN(value) || (!Number.isNaN(top) && wins(value, top))) best = i;
          to[place] = from[start + best * inner]!;
          putIndex(words, place, best);
        }
      }
    }
  };
}

function addExp(a: number, b: number): number {
  const top = Math.max(a, b);
  return Number.isFinite(top) ? top + Math.log1p(Math.exp(Math.min(a, b) - top)) : a + b;
}

export const scans: { readonly [K in ScanOp]: ArrayKernel<K> } = {
  cumsum: running((a, b) => a + b),
  cumprod: running((a, b) => a * b),
  logcumsumexp: running((a, b) => (a === b && a === Number.NEGATIVE_INFINITY ? a : addExp(a, b))),
  cummax: runningExtreme((x, best) => x >= best),
  cummin: runningExtreme((x, best) => x <= best),
};
