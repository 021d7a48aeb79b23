/**
 * Kernels that walk whole typed arrays in JavaScript: those that follow indices or comparisons rather than arithmetic, where
 * WebAssembly's vectors do not help. They see row-major inputs only.
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
/** Elements that are added up in the output's dtype. */
export const asTotals: Seen = (_, output) => asNumbers(output, output);

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

/** Elements of 32 or 64 bits as words, the low one first: for int64 ten times faster than through bigints. */
export function wordsOf({ data }: ArrayView): Int32Array {
  return new Int32Array(data.buffer, data.byteOffset, data.byteLength / 4);
}

/** Writes a position, which is never negative nor beyond 2³¹. */
export function putIndex(words: Int32Array, at: number, index: number): void {
  words[2 * at] = index;
  words[2 * at + 1] = 0;
}
