/** Slices whose bounds are already checked. */
import type { Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { applyView } from "./apply.ts";

/** A window on every dimension: `size[d]` elements from `start[d]`, `step[d]` apart. The steps may be negative. */
export function strided(input: Tensor, start: readonly number[], size: Shape, step: readonly number[]): Tensor {
  const strides = input.strides.map((stride, dim) => stride * step[dim]!);
  const offset = input.strides.reduce((sum, stride, dim) => sum + stride * start[dim]!, input.offset);
  return applyView("slice", input, { start, size, step }, size, strides, offset);
}

/** A slice of one dimension. */
export function window(input: Tensor, dim: number, start: number, size: number, step: number): Tensor {
  return strided(
    input,
    input.shape.map((_, d) => (d === dim ? start : 0)),
    input.shape.with(dim, size),
    input.shape.map((_, d) => (d === dim ? step : 1)),
  );
}

/** The first elements of every dimension. */
export function corner(input: Tensor, shape: Shape): Tensor {
  return shape.reduce((x, size, dim) => (size === x.shape[dim] ? x : window(x, dim, 0, size, 1)), input);
}
