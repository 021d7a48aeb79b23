/** Runs one call on the CPU and on the reference, on views that lie anyhow in memory, and compares. */
import {
  type DType,
  decode,
  dtypes,
  encode,
  type KernelCall,
  type Shape,
  sizeOf,
  type TensorMeta,
  type View,
} from "@dl/tensor";
import { ReferenceBackend } from "@dl/tensor/testing";
import fc from "fast-check";
import { expect } from "vitest";
import { cpu } from "../src/backend.ts";

const reference = new ReferenceBackend();

export const allDTypes = Object.keys(dtypes) as DType[];
export const floatDTypes: readonly DType[] = ["float32", "float64", "float16", "bfloat16"];

/** A view by value: the same on every backend. */
export interface Spec extends TensorMeta {
  readonly strides: Shape;
  readonly offset: number;
  /** The whole storage. */
  readonly values: readonly number[];
}

/** How elements are drawn; by default small whole numbers, whose sums are exact in every order. */
export type Draw = (random: () => number) => number;
const small: Draw = (random) => Math.floor(random() * 7) - 3;

/** Any order of dimensions, with gaps, backwards, and repeated. */
export function anyView(shape: Shape, dtype: DType, draw: Draw = small): fc.Arbitrary<Spec> {
  const order = fc.shuffledSubarray([...shape.keys()], { minLength: shape.length });
  const steps = fc.array(fc.constantFrom(1, 1, 1, 1, 2, -1, -2, 0), {
    minLength: shape.length,
    maxLength: shape.length,
  });
  const seed = fc.integer({ min: 1, max: 2 ** 30 });
  return fc.tuple(order, steps, seed).map(([dims, stepOf, start]) => lay(shape, dtype, dims, stepOf, start, draw));
}

/** Row-major. */
export function plainView(shape: Shape, dtype: DType, seed = 1, draw: Draw = small): Spec {
  return lay(
    shape,
    dtype,
    [...shape.keys()].reverse(),
    shape.map(() => 1),
    seed,
    draw,
  );
}

function lay(shape: Shape, dtype: DType, order: Shape, steps: Shape, seed: number, draw: Draw): Spec {
  const strides = shape.map(() => 0);
  let [extent, offset] = [1, 0];
  for (const dim of order) {
    const step = steps[dim]!;
    strides[dim] = extent * step;
    const reach = Math.max(shape[dim]! - 1, 0) * Math.abs(strides[dim]!);
    if (step < 0) offset += reach;
    if (step !== 0) extent = reach + extent;
  }
  const random = generator(seed);
  const values = Array.from({ length: extent }, () => draw(random));
  return { shape, dtype, strides, offset, values };
}

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
}

/** The spec on a backend. */
export function realize(spec: Spec, backend: typeof cpu | ReferenceBackend = cpu): View {
  const { shape, dtype, strides, offset, values } = spec;
  const raw = new dtypes[dtype].array(values.length);
  for (const [i, value] of values.entries()) encode(raw, i, dtype, stored(value, dtype));
  return { shape, dtype, strides, offset, storage: backend.upload(raw, dtype) };
}

function stored(value: number, dtype: DType): number {
  if (dtype === "uint8") return Math.abs(value);
  return dtypes[dtype].kind === "float" ? value : Math.trunc(value);
}

/** A call on the CPU: the elements of each output. */
export function outputsOf(
  op: KernelCall["op"],
  inputs: readonly (Spec | number)[],
  attrs: object,
  outputs: readonly TensorMeta[],
): number[][] {
  return runOn(cpu, op, inputs, attrs, outputs);
}

function runOn(
  backend: typeof cpu | ReferenceBackend,
  op: KernelCall["op"],
  inputs: readonly (Spec | number)[],
  attrs: object,
  outputs: readonly TensorMeta[],
): number[][] {
  const views = inputs.map((input) => (typeof input === "number" ? input : realize(input, backend)));
  const call = { op, inputs: views, attrs, outputs } as unknown as KernelCall;
  return backend.run(call).map((storage, i) => {
    const { shape, dtype } = outputs[i]!;
    const raw = backend.readSync!({ storage, shape: [sizeOf(shape)], dtype, strides: [1], offset: 0 });
    return Array.from({ length: sizeOf(shape) }, (_, j) => Number(decode(raw, j, dtype)));
  });
}

/** Runs the call on both and compares; `tolerance` is absolute, and relative to the reference. */
export function agree(
  op: KernelCall["op"],
  inputs: readonly (Spec | number)[],
  attrs: object,
  outputs: readonly TensorMeta[],
  tolerance = 0,
): void {
  const [got, wanted] = [cpu, reference].map((backend) => runOn(backend, op, inputs, attrs, outputs));
  wanted!.forEach((values, o) => {
    const wrong = values.findIndex((value, i) => !close(got![o]![i]!, value, tolerance));
    if (wrong >= 0) expect(got![o], `${op} output ${o}, element ${wrong}`).toEqual(values);
    expect(got![o]!.length).toBe(values.length);
  });
}

function close(got: number, wanted: number, tolerance: number): boolean {
  if (got === wanted || (Number.isNaN(got) && Number.isNaN(wanted))) return true;
  return Math.abs(got - wanted) <= tolerance * (1 + Math.abs(wanted));
}

/** Rounding error that a dtype allows. */
export const precision: { readonly [D in DType]?: number } = {
  float32: 1e-5,
  float64: 1e-12,
  float16: 2e-3,
  bfloat16: 2e-2,
};
