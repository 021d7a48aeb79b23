/** What a kernel is. Rows of the table in `index.ts` are of this type, whatever family they belong to. */
import type { FusedOp, KernelCall, KernelOp, Shape, TensorMeta } from "@dl/tensor";
import type { CpuStorage } from "../storage.ts";

/** Elements in memory. */
export interface Place extends TensorMeta {
  /** Of the first element, in bytes. */
  readonly address: number;
  /** In elements; row-major where there are none. */
  readonly strides?: Shape;
}

/** Where a result goes. */
export interface Output extends Place {
  readonly storage: CpuStorage;
}

/**
 * Reads the inputs of a call, which may be strided, and writes its outputs: row-major memory that overlaps with no input.
 * The element-wise families alone also write strided outputs, and over an input that is the very same view; in place,
 * `scatter`, `indexAdd` and `indexCopy` find their first input at the output's address.
 */
export type Kernel<K extends KernelOp | FusedOp> = (call: KernelCall<K>, outputs: readonly Output[]) => void;

/** A row without its op's type, as dispatch sees it. */
export type AnyKernel = (call: KernelCall, outputs: readonly Output[]) => void;
