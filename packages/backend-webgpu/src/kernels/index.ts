/** ★ The kernels of this backend. A missing row is an operation that it does not have; `supports` answers from here. */
import type { FusedOp, KernelOp } from "@dl/tensor";
import { arange, binaryKernels, cast, copy, full, unaryKernels, where } from "./elementwise.ts";
import type { Kernel } from "./kernel.ts";

export const kernels: { readonly [K in KernelOp | FusedOp]?: Kernel<K> } = {
  ...unaryKernels,
  ...binaryKernels,
  where,
  cast,
  copy,
  full,
  arange,
};
