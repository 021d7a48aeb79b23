/**
 * ★ The CPU's kernels, one row per op, by family. A kernel reads its inputs and writes its outputs, which are views over
 * memory that is already there: fresh and row-major, or the target of an in-place op.
 */
import type { KernelCall, KernelInput, View } from "@dl/tensor";
import type { ArrayKernel } from "./array-kernel.ts";
import * as indexing from "./indexing.ts";
import * as movement from "./movement.ts";
import { scans } from "./scan.ts";
import * as sorting from "./sorting.ts";

/** Row-major arrays in, row-major arrays out. */
export const arrayKernels = {
  ...indexing,
  ...movement,
  ...scans,
  ...sorting,
} as const;

export type Kernel = (call: KernelCall, inputs: readonly KernelInput[], outputs: readonly View[]) => void;
export type AnyArrayKernel = ArrayKernel<never>;
