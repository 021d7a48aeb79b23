/** ★ Softmax and its kin by lines: what is gathered of the inputs' elements, and what is made of both. */
import type { SoftmaxOp } from "@dl/tensor";
import { type Fold, logSumExp, reduce } from "./fold.ts";

export interface LineRow {
  readonly fold: Fold;
  readonly gathers: (values: readonly string[]) => string;
  readonly gives: (values: readonly string[], acc: string) => string;
}

const sum = reduce.sum("float");

export const softmax: { readonly [K in SoftmaxOp]: LineRow } = {
  softmax: { fold: logSumExp, gathers: ([x]) => x!, gives: ([x], acc) => `dl_exp(${x} - ${acc}.x) / ${acc}.y` },
  logSoftmax: { fold: logSumExp, gathers: ([x]) => x!, gives: ([x], acc) => `(${x} - ${acc}.x) - dl_log(${acc}.y)` },
  softmaxBackward: { fold: sum, gathers: ([g, y]) => `${g} * ${y}`, gives: ([g, y], acc) => `${y} * (${g} - ${acc})` },
  logSoftmaxBackward: { fold: sum, gathers: ([g]) => g!, gives: ([g, y], acc) => `${g} - dl_exp(${y}) * ${acc}` },
};
