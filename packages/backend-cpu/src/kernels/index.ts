/** ★ The CPU's kernels, one row per op, by family. Families own the loops, rows say what is computed. */
import type { FusedOp, KernelOp } from "@dl/tensor";
import { asNumbers, asStored, overArrays } from "./array-kernel.ts";
import { conv, convInputKernel, convWeightKernel, reluKernel } from "./convolution.ts";
import { arange, random } from "./creation.ts";
import * as indexing from "./indexing.ts";
import type { Kernel } from "./kernel.ts";
import { amax, gather } from "./log-softmax.ts";
import { matmul } from "./matmul.ts";
import * as movement from "./movement.ts";
import { maskedSelect, nonzero } from "./nonzero.ts";
import { pointwise } from "./pointwise.ts";
import { maxPoolBackwardKernel, maxPoolKernel } from "./pooling.ts";
import { argmax, argmin } from "./positions.ts";
import { folds } from "./reduce.ts";
import { resample } from "./resample.ts";
import { runs } from "./runs.ts";
import { scans } from "./scan.ts";
import { shuffle } from "./shuffle.ts";
import { softmaxes } from "./softmax.ts";
import * as sorting from "./sorting.ts";
import { standardizing } from "./standardize.ts";

type Kernels = { readonly [K in KernelOp | FusedOp]: Kernel<K> };

/** The kernels that can write any view, and over an input that is the same view, see {@link Kernel}. */
export const inPlaceKernels: Partial<Kernels> = pointwise;

export const kernels: Kernels = {
  ...pointwise,
  relu: reluKernel,
  matmul,
  conv,
  convInput: convInputKernel,
  convWeight: convWeightKernel,
  maxPool: maxPoolKernel,
  maxPoolBackward: maxPoolBackwardKernel,
  resample,
  ...folds,
  amax: amax(folds.amax),
  argmax,
  argmin,
  ...softmaxes,
  ...standardizing,
  arange,
  random,
  cat: movement.cat,
  pad: movement.pad,
  gather,
  scatter: indexing.scatter,
  indexSelect: overArrays(indexing.indexSelect, asStored),
  indexAdd: indexing.indexAdd,
  indexCopy: indexing.indexCopy,
  nonzero: overArrays(nonzero, asStored),
  maskedSelect: overArrays(maskedSelect, asStored),
  runs: overArrays(runs, asNumbers),
  shuffle: overArrays(shuffle, asStored),
  sort: sorting.sort,
  topk: sorting.topk,
  cumsum: overArrays(scans.cumsum, asStored),
  cumprod: overArrays(scans.cumprod, asStored),
  logcumsumexp: overArrays(scans.logcumsumexp, asStored),
  cummax: overArrays(scans.cummax, asNumbers),
  cummin: overArrays(scans.cummin, asNumbers),
};
