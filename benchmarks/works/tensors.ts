// Inputs that every library can make for itself: the same seed, the same numbers.
import { isTensor, type Tensor, tensor } from "@dl/tensor";
import { uniform, wholes } from "../lib/data.ts";

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Uniform in [-scale, scale). */
export const floats = (seed: number, shape: readonly number[], scale = 1): Tensor<"float32"> =>
  tensor(uniform(sizeOf(shape), seed, scale)).view(...shape) as Tensor<"float32">;

/** Whole numbers, uniform from 0 to `below` - 1. */
export const integers = (seed: number, shape: readonly number[], below: number): Tensor<"int64"> =>
  tensor(wholes(sizeOf(shape), seed, below), { dtype: "int64" }).view(...shape) as Tensor<"int64">;

/** Asks for the elements, as whoever uses them would: a long element-wise result waits until then. */
export function touch(result: unknown): void {
  if (isTensor(result)) result.backend.hostMemory?.(result.storage);
}
