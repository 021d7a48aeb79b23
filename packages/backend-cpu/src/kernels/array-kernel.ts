/**
 * Kernels that walk whole typed arrays in JavaScript: those that follow indices or comparisons rather than arithmetic, where
 * WebAssembly's vectors do not help. They see row-major inputs only, and 16-bit floats as their bits.
 */
import {
  type Attrs,
  type FusedOp,
  type KernelOp,
  type Shape,
  sizeOf,
  type TensorMeta,
  type TypedArray,
  type View,
} from "@dl/tensor";
import type { CpuStorage } from "../storage.ts";
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

/** The kernel on views: inputs that are not row-major are copied first. */
export function overArrays<K extends KernelOp | FusedOp>(kernel: ArrayKernel<K>): Kernel<K> {
  return ({ inputs, attrs }, outputs) => {
    withTemporaries(outputs[0]!, (temporaries) => {
      // Copies first: an array over the heap must not be kept while memory is allocated.
      const dense = (inputs as readonly View[]).map((view) => temporaries.rowMajor(view));
      kernel(
        dense.map(arrayOf),
        attrs as Attrs<K>,
        outputs.map((out) => arrayOf(viewOf(out))),
      );
    });
  };
}

function arrayOf({ storage, shape, dtype, offset }: View): ArrayView {
  const data = (storage as CpuStorage).raw.subarray(offset, offset + sizeOf(shape)) as TypedArray;
  return { shape, dtype, data };
}

/** Elements of any of the arrays: numbers, or bigints in all of them. */
export type Elements = { [index: number]: number; readonly length: number };

/** The array under one element type; int64 arrays hold bigints, for which the same operators work. */
export function elements(view: ArrayView): Elements {
  return view.data as unknown as Elements;
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

/** int64 as pairs of 32-bit words: ten times faster than through bigints. */
export function wordsOf({ data }: ArrayView): Int32Array {
  return new Int32Array(data.buffer, data.byteOffset, data.length * 2);
}

/** Writes a position, which is never negative nor beyond 2³¹. */
export function putIndex(words: Int32Array, at: number, index: number): void {
  words[2 * at] = index;
  words[2 * at + 1] = 0;
}
