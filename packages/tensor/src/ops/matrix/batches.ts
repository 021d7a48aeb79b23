/** Matrices to the host, and values from there. */
import { isFloat } from "../../dtype.ts";
import { fail, showShape } from "../../errors.ts";
import { convert } from "../../host.ts";
import { sizeOf } from "../../shape.ts";
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
  const shape = [...like.shape.slice(0, -2), ...inner];
  const { dtype, device } = like;
  const [first] = parts;
  if (parts.length === 1 && first instanceof Float64Array) return fromArray(first, shape, { dtype, device });
  const size = sizeOf(inner);
  const all = new Float64Array(parts.length * size);
  parts.forEach((part, i) => {
    all.set(part, i * size);
  });
  return fromArray(all, shape, { dtype, device });
}

/** The mean of matrices and their transposes: both triangles share a gradient. */
export function shared(x: Tensor): Tensor {
  return x.add(x.mT).div(2);
}
