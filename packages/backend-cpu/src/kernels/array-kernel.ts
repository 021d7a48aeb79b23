/**
 * Kernels of whole row-major arrays: those that follow indices, comparisons or running totals along a dimension rather than
 * views.
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

/** In which dtype a kernel sees an input of some dtype; the output's says what it makes. */
export type Seen = (input: DType, output: DType) => DType;

/** Elements that are only moved: as they are stored. */
export const asStored: Seen = (input) => input;
/** Elements that are compared or computed with: 16-bit floats as float32. */
export const asNumbers: Seen = (input) => (input === "float16" || input === "bfloat16" ? "float32" : input);
/** The kernel on views: what is not row-major, or of another dtype than it is seen in, is copied. */
export function overArrays<K extends KernelOp | FusedOp>(kernel: ArrayKernel<K>, seen: Seen): Kernel<K> {
  return ({ inputs, attrs }, outputs) => {
    withTemporaries(outputs[0]!, (temporaries) => {
      const made = outputs.map((out) => {
        const dtype = seen(out.dtype, out.dtype);
        return dtype === out.dtype ? viewOf(out) : temporaries.make(out.shape, dtype);
      });
      const views = inputs as readonly View[];
      // Copies first: an array over the heap must not be kept while memory is allocated.
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

/** A dimension seen from both sides: index = (outer * size + i) * inner + j. */
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
