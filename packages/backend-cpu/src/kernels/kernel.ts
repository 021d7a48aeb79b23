/** The type of all kernels. */
import type { FusedOp, KernelCall, KernelOp, Shape, TensorMeta } from "@dl/tensor";
import type { CpuStorage } from "../storage.ts";

/** Elements in memory. */
export interface Place extends TensorMeta {
  /** The byte address of the first element. */
  readonly address: number;
  /** In elements; row-major if left out. */
  readonly strides?: Shape;
}

/** Where a kernel writes a result. */
export interface Output extends Place {
  readonly storage: CpuStorage;
}

/**
 * Reads the inputs of a call, which may be strided, and writes its outputs, which are row-major and overlap with no
 * input. There are two exceptions for in-place calls. Element-wise kernels accept strided outputs, and an input that is
 * the same view as the output. `scatter`, `indexAdd` and `indexCopy` may find their first input at the address of the
 * output.
 */
export type Kernel<K extends KernelOp | FusedOp> = (call: KernelCall<K>, outputs: readonly Output[]) => void;

/** A kernel whose op is not known to the compiler, as in `backend.ts`. */
export type AnyKernel = (call: KernelCall, outputs: readonly Output[]) => void;
