/** Matrices to the host, and values from there, which get their derivatives here: no table knows of them. */
import { isFloat } from "../../dtype.ts";
import { fail, showShape } from "../../errors.ts";
import { convert } from "../../host.ts";
import type { Derivative } from "../../recorder.ts";
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

/** Whether somebody will differentiate a result of these. */
export function isWanted(...inputs: readonly Tensor[]): boolean {
  return state.gradEnabled && state.recorder !== null && inputs.some(({ requiresGrad }) => requiresGrad);
}

type Tensors = readonly Tensor[];
type Each<T extends Tensors, V> = { readonly [I in keyof T]: V };
/** The only output has a gradient; of several, some may have none. */
type Grads<O extends Tensors> = O extends readonly [Tensor] ? O : Each<O, Tensor | null>;

/** Constant `outputs` with a history: their derivative is a formula of `kept` inputs and outputs, good for all orders. */
export function recorded<const I extends Tensors, const O extends Tensors, const K extends Tensors>(
  name: string,
  inputs: I,
  outputs: O,
  kept: K,
  vjp: (grads: Grads<O>, kept: K, wanted: Each<I, boolean>) => Each<I, Tensor | null>,
): O {
  const derivative = { name, vjp: vjp as unknown as Derivative["vjp"] };
  if (isWanted(...inputs)) state.recorder!.recordWith(derivative, inputs, outputs, kept);
  return outputs;
}

/** The mean of matrices and their transposes: both triangles share a gradient. */
export function shared(x: Tensor): Tensor {
  return x.add(x.mT).div(2);
}
