/** The same kernel call on the reference backend and on the device. */
import {
  type Attrs,
  type DType,
  decode,
  dtypes,
  encode,
  type FusedOp,
  type KernelCall,
  type KernelOp,
  type Shape,
  type Storage,
  stridesOf,
  type TypedArray,
  type View,
} from "@dl/tensor";
import { ReferenceBackend } from "@dl/tensor/testing";
import { expect } from "vitest";
import { webgpu } from "./device.ts";

const reference = new ReferenceBackend();

/** A window on a storage of given elements. */
export interface Source {
  readonly dtype: DType;
  readonly data: readonly number[];
  readonly shape: Shape;
  readonly strides?: Shape;
  readonly offset?: number;
}

export type Input = Source | number;

export function raw(data: readonly number[], dtype: DType): TypedArray {
  const out = new dtypes[dtype].array(data.length);
  for (const [i, value] of data.entries()) encode(out, i, dtype, value);
  return out;
}

export function viewOn(
  storage: Storage,
  { shape, strides = stridesOf(shape), offset = 0 }: Omit<Source, "data" | "dtype">,
): View {
  return { storage, dtype: storage.dtype, shape, strides, offset };
}

export function upload(source: Source): View {
  return viewOn(webgpu.upload(raw(source.data, source.dtype), source.dtype), source);
}

function numbers(data: TypedArray, dtype: DType): number[] {
  return Array.from({ length: data.length }, (_, i) => Number(decode(data, i, dtype)));
}

export async function read(view: View): Promise<number[]> {
  return numbers(await webgpu.read(view), view.dtype);
}

export function callOf<K extends KernelOp | FusedOp>(
  op: K,
  inputs: readonly (View | number)[],
  attrs: Attrs<K>,
  outputs: readonly { readonly shape: Shape; readonly dtype: DType }[],
): KernelCall {
  return { op, inputs, attrs, outputs } as unknown as KernelCall;
}

/** Runs on the device; a view of each output. */
export function run<K extends KernelOp | FusedOp>(
  op: K,
  inputs: readonly (View | number)[],
  attrs: Attrs<K>,
  ...outputs: { readonly shape: Shape; readonly dtype: DType }[]
): View[] {
  return webgpu.run(callOf(op, inputs, attrs, outputs)).map((storage, i) => viewOn(storage, outputs[i]!));
}

/** Element-wise shorthand: the output is as the first tensor among the inputs. */
export function map(op: KernelOp, ...inputs: (View | number)[]): View {
  const { shape, dtype } = inputs.find((input) => typeof input !== "number") as View;
  return run(op, inputs, {} as never, { shape, dtype })[0]!;
}

export function floats(data: readonly number[], shape: Shape = [data.length]): View {
  return upload({ dtype: "float32", data, shape });
}

/** Expects what the device makes of a call to be what the reference makes of it. */
export async function agrees<K extends KernelOp | FusedOp>(
  op: K,
  inputs: readonly Input[],
  attrs: Attrs<K>,
  outputs: readonly { readonly shape: Shape; readonly dtype: DType }[],
  tolerance = 2e-6,
  absolute = tolerance / 1000,
): Promise<void> {
  const on = (backend: { upload(data: TypedArray, dtype: DType): Storage }): (View | number)[] =>
    inputs.map((input) =>
      typeof input === "number" ? input : viewOn(backend.upload(raw(input.data, input.dtype), input.dtype), input),
    );
  const wanted = reference.run(callOf(op, on(reference), attrs, outputs));
  const got = webgpu.run(callOf(op, on(webgpu), attrs, outputs));
  expect(got.length).toBe(wanted.length);
  for (const [i, meta] of outputs.entries()) {
    const expected = numbers(reference.readSync(viewOn(wanted[i]!, meta)), meta.dtype);
    close(await read(viewOn(got[i]!, meta)), expected, tolerance, absolute, op);
  }
}

/** Equal up to an error; NaN and infinities exactly, the sign of zero not at all. */
export function close(
  got: readonly number[],
  expected: readonly number[],
  relative: number,
  absolute: number = relative,
  what = "",
): void {
  expect(got.length).toBe(expected.length);
  const bad = expected.findIndex((value, i) => {
    const mine = got[i]!;
    if (Number.isNaN(value) || Number.isNaN(mine)) return Number.isNaN(value) !== Number.isNaN(mine);
    if (value === mine) return false;
    return !(Math.abs(value - mine) <= absolute + relative * Math.abs(value));
  });
  if (bad >= 0) expect.fail(`${what}: element ${bad} is ${got[bad]}, expected ${expected[bad]}`);
}

/** Deterministic numbers in [-1, 1). */
export function noise(length: number, seed = 1): number[] {
  let state = seed >>> 0;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround(state / 2 ** 31 - 1);
  });
}
