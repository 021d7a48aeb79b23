/** Moves batches of matrices to the host, and makes tensors of the results. */
import { isFloat } from "../../dtype.ts";
import { fail, showShape } from "../../errors.ts";
import { convert } from "../../host.ts";
import { sizeOf } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { fromArray } from "../creation.ts";
import { rawData } from "../reading.ts";
import { type Block, blockOf } from "./block.ts";

/** @throws TensorError unless `input` is a float tensor of matrices, which are square if `square` is true */
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

/** Copies of all matrices of a batch. */
export function matricesOf(input: Tensor, name: string): Block[] {
  const [rows, columns] = input.shape.slice(-2) as [number, number];
  const all = convert(rawData(input, name), input.dtype, "float64") as Float64Array;
  const size = rows * columns;
  return Array.from({ length: sizeOf(input.shape.slice(0, -2)) }, (_, i) =>
    blockOf(all.subarray(i * size, (i + 1) * size), rows, columns),
  );
}

/** The results for a batch as a tensor of shape [...batch, ...inner] without history. */
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

/** The mean of matrices and their transposes, so that both triangles have the same share of a gradient. */
export function shared(x: Tensor): Tensor {
  return x.add(x.mT).div(2);
}
