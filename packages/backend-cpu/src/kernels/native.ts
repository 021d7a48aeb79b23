/** The open door for native code: kernels that another package puts before ours, over the same memory. */
import { type DType, type FusedOp, type KernelCall, type KernelOp, type Shape, stridesOf, type View } from "@dl/tensor";
import { heap } from "../runtime/index.ts";
import { addressOf } from "../storage.ts";
import { kernels } from "./index.ts";
import type { AnyKernel, Output } from "./kernel.ts";

/** A strided array in the memory. */
export interface NativeView {
  /** Of the first element: bytes from the memory's start. */
  readonly address: number;
  readonly shape: Shape;
  /** In elements; 0 or negative where elements are repeated or lie backwards. */
  readonly strides: Shape;
  readonly dtype: DType;
}

export interface NativeCall<K extends KernelOp | FusedOp = KernelOp | FusedOp> {
  readonly op: K;
  readonly attrs: KernelCall<K>["attrs"];
  /** Where all addresses point. It grows: read `memory.buffer` anew in every call. */
  readonly memory: { readonly buffer: ArrayBufferLike };
  /** Numbers stand for 0-d arrays of the other operands' dtype. */
  readonly inputs: readonly (NativeView | number)[];
  /**
   * Row-major and apart from all inputs; of element-wise ops, any view, which may be that of an input; of `scatter`,
   * `indexAdd` and `indexCopy` perhaps at the address of the first input.
   */
  readonly outputs: readonly NativeView[];
}

/** Writes the outputs before it returns, and says so; `false` leaves the call to the kernel that was there before. */
export type NativeKernel<K extends KernelOp | FusedOp> = (call: NativeCall<K>) => boolean;
export type NativeKernels = { readonly [K in KernelOp | FusedOp]?: NativeKernel<K> };

type AnyNative = (call: NativeCall) => boolean;

/** What runs. A map: looking a name up in so large an object costs more than a small kernel. */
export const rows: Map<string, AnyKernel> = new Map(Object.entries(kernels) as [string, AnyKernel][]);
/** By op, the latest last. */
const replaced = new Map<string, AnyNative[]>();

/** Whether calls of `op` must reach a kernel one by one, as they come. */
export function isReplaced(op: string): boolean {
  return replaced.size > 0 && replaced.has(op);
}

/**
 * Puts `natives` before the kernels of their ops, from the next call on. What it returns takes them away again.
 * @see docs/design/native.md
 * @example
 * let calls = 0;
 * const restore = replaceKernels({ matmul: () => ++calls < 0 }); // counts, and leaves the work to the kernel that was there
 * rand(2, 3).matmul(rand(3, 4));
 * restore();
 * calls; // 1
 */
export function replaceKernels(natives: NativeKernels): () => void {
  const entries = Object.entries(natives) as [KernelOp | FusedOp, AnyNative][];
  for (const [op, native] of entries) {
    const layers = replaced.get(op);
    if (layers) layers.push(native);
    else install(op, [native]);
  }
  return () => {
    for (const [op, native] of entries.splice(0)) remove(op, native);
  };
}

function install(op: KernelOp | FusedOp, layers: AnyNative[]): void {
  const own = kernels[op] as AnyKernel;
  replaced.set(op, layers);
  rows.set(op, (call, outputs) => {
    const native = describe(call, outputs);
    if (layers.findLast((kernel) => kernel(native)) === undefined) own(call, outputs);
  });
}

function remove(op: KernelOp | FusedOp, native: AnyNative): void {
  const layers = replaced.get(op)!;
  layers.splice(layers.lastIndexOf(native), 1);
  if (layers.length > 0) return;
  replaced.delete(op);
  rows.set(op, kernels[op] as AnyKernel);
}

function describe({ op, attrs, inputs }: KernelCall, outputs: readonly Output[]): NativeCall {
  const view = (x: View): NativeView => {
    const { shape, strides, dtype } = x;
    return { address: addressOf(x), shape, strides, dtype };
  };
  return {
    op,
    attrs,
    memory: heap.memory,
    inputs: inputs.map((x) => (typeof x === "number" ? x : view(x))),
    outputs: outputs.map(({ address, shape, strides = stridesOf(shape), dtype }) => ({
      address,
      shape,
      strides,
      dtype,
    })),
  };
}
