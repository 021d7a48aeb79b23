/** Dense float64 arrays with a shape: what the reference kernels compute on. */
import type { KernelInput, TensorMeta } from "../../backend.ts";
import { dtypes, type TypedArray } from "../../dtype.ts";
import { decode, encode } from "../../host.ts";
import { type Shape, sizeOf, stridesOf } from "../../shape.ts";

export interface Dense {
  readonly shape: Shape;
  readonly data: number[];
}

/** Every coordinate of a shape, row-major. */
export function* coordinates(shape: Shape): Generator<number[]> {
  const at = shape.map(() => 0);
  for (let left = sizeOf(shape); left > 0; left--) {
    yield [...at];
    for (let dim = shape.length - 1; dim >= 0 && ++at[dim]! === shape[dim]; dim--) at[dim] = 0;
  }
}

export function flatIndex(at: readonly number[], strides: Shape, offset = 0): number {
  return at.reduce((sum, i, dim) => sum + i * strides[dim]!, offset);
}

/** The elements of a view; a number repeats over `shape`. */
export function load(input: KernelInput, shape: Shape): Dense {
  if (typeof input === "number") return { shape, data: new Array<number>(sizeOf(shape)).fill(input) };
  const { raw } = input.storage as unknown as { readonly raw: TypedArray };
  const data: number[] = [];
  for (const at of coordinates(input.shape)) {
    data.push(Number(decode(raw, flatIndex(at, input.strides, input.offset), input.dtype)));
  }
  return { shape: input.shape, data };
}

/** Rounds to what the dtype can hold. */
export function store(values: readonly number[], { dtype }: TensorMeta): TypedArray {
  const raw = new dtypes[dtype].array(values.length);
  values.forEach((value, i) => {
    encode(raw, i, dtype, dtype === "int64" && !Number.isFinite(value) ? 0 : value);
  });
  return raw;
}

/** The lines along `dims`: for each place of the other dimensions, the flat indices of its elements. */
export function linesAlong(shape: Shape, dims: readonly number[]): number[][] {
  const strides = stridesOf(shape);
  const fixed = shape.map((size, dim) => (dims.includes(dim) ? 1 : size));
  const inside = shape.map((size, dim) => (dims.includes(dim) ? size : 1));
  const steps = [...coordinates(inside)].map((at) => flatIndex(at, strides));
  return [...coordinates(fixed)].map((at) => {
    const start = flatIndex(at, strides);
    return steps.map((step) => start + step);
  });
}
