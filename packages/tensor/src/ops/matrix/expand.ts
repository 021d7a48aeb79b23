/**
 * How values from the host get derivatives: near a matrix A₀ a factor is a polynomial in A − A₀, whose coefficients are
 * factors of A₀. At A = A₀ the polynomial is the value itself, so only its coefficients need the host.
 */
import { isFloat } from "../../dtype.ts";
import { fail, showShape } from "../../errors.ts";
import { convert } from "../../host.ts";
import { sizeOf } from "../../shape.ts";
import { state } from "../../state.ts";
import type { Tensor } from "../../tensor.ts";
import { fromArray } from "../creation.ts";
import { rawData } from "../reading.ts";
import { type Block, blockOf } from "./block.ts";

/** @throws TensorError unless `input` is a float tensor of matrices, square if asked */
export function checkMatrices(name: string, input: Tensor, square: boolean): void {
  const [rows, columns] = input.shape.slice(-2);
  if (input.ndim < 2 || (square && rows !== columns)) {
    fail(
      name,
      `needs ${square ? "square matrices [..., n, n]" : "matrices [..., n, m]"}, got ${showShape(input.shape)}`,
    );
  }
  if (!isFloat(input.dtype)) fail(name, `needs a float dtype, got ${input.dtype}`, 'Cast with .to("float32")');
}

/** Copies of the matrices of a batch, one after the other. */
export function matricesOf(input: Tensor, name: string): Block[] {
  const [rows, columns] = input.shape.slice(-2) as [number, number];
  const all = convert(rawData(input, name), input.dtype, "float64") as Float64Array;
  const size = rows * columns;
  return Array.from({ length: sizeOf(input.shape.slice(0, -2)) }, (_, i) =>
    blockOf(all.subarray(i * size, (i + 1) * size), rows, columns),
  );
}

/** Results of a batch as a constant tensor of shape [...batch, ...inner]. */
export function batchOf(parts: readonly ArrayLike<number>[], like: Tensor, inner: readonly number[]): Tensor {
  const size = sizeOf(inner);
  const all = new Float64Array(parts.length * size);
  parts.forEach((part, i) => {
    all.set(part, i * size);
  });
  return fromArray(all, [...like.shape.slice(0, -2), ...inner], { dtype: like.dtype, device: like.device });
}

/** A − A₀: zero, with a derivative. `null` where nobody differentiates. */
export function changeOf(input: Tensor): Tensor | null {
  return state.gradEnabled && input.requiresGrad ? input.sub(input.detach()) : null;
}

/**
 * Factors near A₀, right to the second derivative, from their differential: the mean of the step taken at A₀ and of the
 * step taken where the first one leads (the trapezoid rule along the way from A₀ to A).
 * @param step the differential of the factors for the change of A, given the factors
 */
export function followed<F extends readonly Tensor[]>(factors: F, step: (factors: F) => F): F {
  const first = step(factors);
  const second = step(factors.map((factor, i) => factor.add(first[i]!)) as unknown as F);
  return factors.map((factor, i) => factor.add(first[i]!.add(second[i]!).div(2))) as unknown as F;
}
