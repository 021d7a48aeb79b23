/**
 * Kernels over whole row-major arrays, for ops (such as indexing, sorting and scans) that do not work on strided views.
 */
import {
  type Attrs,
  type DType,
  type FusedOp,
  type KernelOp,
  type Shape,
  sizeOf,
  type TensorMeta,
  type TypedArray,
  type View,
} from "@dl/tensor";
import type { CpuStorage } from "../storage.ts";
import { convert } from "./copy.ts";
import type { Kernel } from "./kernel.ts";
import { viewOf, withTemporaries } from "./temporary.ts";

/** A row-major array over the heap. */
export interface ArrayView {
  readonly shape: Shape;
  readonly dtype: TensorMeta["dtype"];
  readonly data: TypedArray;
}

/** Reads the inputs, fills the outputs. */
export type ArrayKernel<K extends KernelOp | FusedOp> = (
  inputs: readonly ArrayView[],
  attrs: Attrs<K>,
  outputs: readonly ArrayView[],
) => void;

/** The dtype to which an input is converted before the kernel sees it, from its own dtype and that of the output. */
export type Seen = (input: DType, output: DType) => DType;

/** For kernels that only move elements. */
export const asStored: Seen = (input) => input;
/** For kernels that compare elements or compute with them: 16-bit floats become float32. */
export const asNumbers: Seen = (input) => (input === "float16" || input === "bfloat16" ? "float32" : input);
/**
 * Turns a kernel over arrays into one over views: inputs that are not row-major or have another dtype are copied first.
 */
export function overArrays<K extends KernelOp | FusedOp>(kernel: ArrayKernel<K>, seen: Seen): Kernel<K> {
  return ({ inputs, attrs }, outputs) => {
    withTemporaries(outputs[0]!, (temporaries) => {
      const made = outputs.map((out) => {
        const dtype = seen(out.dtype, out.dtype);
        return dtype === out.dtype ? viewOf(out) : temporaries.make(out.shape, dtype);
      });
      const views = inputs as readonly View[];
      // All copies are made before the first array, since an array over the heap must not be kept over an allocation.
      const dense = views.map((view) => temporaries.rowMajor(view, seen(view.dtype, outputs[0]!.dtype)));
      kernel(dense.map(arrayOf), attrs as Attrs<K>, made.map(arrayOf));
      made.forEach((view, i) => {
        if (view.dtype !== outputs[i]!.dtype) convert(view, outputs[i]!);
      });
    });
  };
}

function arrayOf({ storage, shape, dtype, offset }: View): ArrayView {
  const data = (storage as CpuStorage).raw.subarray(offset, offset + sizeOf(shape)) as TypedArray;
  return { shape, dtype, data };
}

/** A dimension, with the elements outside and inside of it: index = (outer * size + i) * inner + j. */
export interface Axis {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
}

export function axisOf(shape: Shape, dim: number): Axis {
  let outer = 1;
  let inner = 1;
  for (let d = 0; d < dim; d++) outer *= shape[d]!;
  for (let d = dim + 1; d < shape.length; d++) inner *= shape[d]!;
  return { outer, size: shape[dim] ?? 1, inner };
}
