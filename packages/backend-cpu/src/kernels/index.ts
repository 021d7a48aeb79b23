/** ★ The CPU's kernels, one row per op, by family. Families own the loops, rows say what is computed. */
import type { FusedOp, KernelOp } from "@dl/tensor";
import { overArrays } from "./array-kernel.ts";
import { arange, random } from "./creation.ts";
import * as indexing from "./indexing.ts";
import type { Kernel } from "./kernel.ts";
import { matmul } from "./matmul.ts";
import * as movement from "./movement.ts";
import { pointwise } from "./pointwise.ts";
import { argmax, argmin } from "./positions.ts";
import { folds } from "./reduce.ts";
import { scans } from "./scan.ts";
import { softmaxes } from "./softmax.ts";
import * as sorting from "./sorting.ts";

type Kernels = { readonly [K in KernelOp | FusedOp]?: Kernel<K> };

/** Families that write any view, also over an input that is the very same view. */
export const inPlaceKernels: Kernels = pointwise;

export const kernels: Kernels = {
  ...inPlaceKernels,
  matmul,
  ...folds,
  argmax,
  argmin,
  ...softmaxes,
  arange,
  random,
  cat: overArrays(movement.cat),
  pad: overArrays(movement.pad),
  gather: overArrays(indexing.gather),
  scatter: overArrays(indexing.scatter),
  indexSelect: overArrays(indexing.indexSelect),
  indexAdd: overArrays(indexing.indexAdd),
  indexCopy: overArrays(indexing.indexCopy),
  sort: overArrays(sorting.sort),
  topk: overArrays(sorting.topk),
  cumsum: overArrays(scans.cumsum),
  cumprod: overArrays(scans.cumprod),
  logcumsumexp: overArrays(scans.logcumsumexp),
  cummax: overArrays(scans.cummax),
  cummin: overArrays(scans.cummin),
};
