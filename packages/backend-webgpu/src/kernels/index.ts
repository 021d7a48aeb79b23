/** ★ The kernels: a row for every operation of the op table, and for the fused ones that it has. */
import type { KernelOp, ReduceOp, ScanOp, SoftmaxOp } from "@dl/tensor";
import { reduce, scan } from "../wgsl/fold.ts";
import { softmax } from "../wgsl/softmax.ts";
import { conv, convInput, convWeight } from "./convolution.ts";
import { arange, binaryKernels, cast, copy, full, random, unaryKernels, where } from "./elementwise.ts";
import { gather, indexAdd, indexCopy, indexSelect, scatter } from "./indexing.ts";
import type { Kernel } from "./kernel.ts";
import { matmul } from "./matmul.ts";
import { cat, pad } from "./movement.ts";
import { maxPool, maxPoolBackward } from "./pooling.ts";
import { reduceKernel } from "./reduce.ts";
import { resample } from "./resample.ts";
import { scanKernel } from "./scan.ts";
import { softmaxKernel } from "./softmax.ts";
import { sort, topk } from "./sort.ts";

/** A kernel for each row of a table. */
function each<O extends KernelOp | SoftmaxOp>(
  rows: { readonly [K in O]: unknown },
  make: <K extends O>(op: K) => Kernel<K>,
): { readonly [K in O]: Kernel<K> } {
  return Object.fromEntries((Object.keys(rows) as O[]).map((op) => [op, make(op)])) as never;
}

export const kernels: { readonly [K in KernelOp | SoftmaxOp]: Kernel<K> } = {
  ...unaryKernels,
  ...binaryKernels,
  ...each<ReduceOp>(reduce, reduceKernel),
  ...each<ScanOp>(scan, scanKernel),
  ...each<SoftmaxOp>(softmax, softmaxKernel),
  where,
  cast,
  copy,
  full,
  arange,
  random,
  matmul,
  cat,
  pad,
  gather,
  scatter,
  indexSelect,
  indexAdd,
  indexCopy,
  sort,
  topk,
  conv,
  convInput,
  convWeight,
  maxPool,
  maxPoolBackward,
  resample,
};
