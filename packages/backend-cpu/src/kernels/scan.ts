/** Running folds along one dimension. Sums and products run in the output's dtype, the logarithm's in float64. */
import type { ScanOp } from "@dl/tensor";
import { type ArrayKernel, axisOf, elements, putIndex, wordsOf } from "./array-kernel.ts";

type Step = (total: number, x: number) => number;

function running<K extends "cumsum" | "cumprod" | "logcumsumexp">(step: Step): ArrayKernel<K> {
  return ([x], { dim }, [out]) => {
    const { outer, size, inner } = axisOf(x!.shape, dim);
    const [from, to] = [elements(x!), elements(out!)];
    for (let o = 0; o < outer; o++) {
      for (let j = 0; j < inner; j++) {
        let place = o * size * inner + j;
        if (size === 0) continue;
        let total = from[place]!;
        to[place] = total;
        for (let i = 1; i < size; i++) {
          place += inner;
          total = step(total, from[place]!);
          to[place] = total;
        }
      }
    }
  };
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
          if (value !== value || (top === top && wins(value, top))) best = i;
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
