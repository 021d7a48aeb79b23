/** Raw elements brought to the host, at once. */
import type { TypedArray } from "../dtype.ts";
import { fail } from "../errors.ts";
import { isContiguous } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** Row-major raw elements as a fresh array, or an error with the remedy where the host cannot wait. */
export function readNow(input: Tensor, op: string, remedy: string): TypedArray {
  const { backend } = input;
  if (!backend.readSync) fail(op, `this host cannot wait for "${backend.device}"`, remedy);
  return backend.readSync(input);
}

/** The elements, read at once. @throws TensorError where the host cannot wait for the device */
export function rawData(input: Tensor, op: string): TypedArray {
  return readNow(input, op, "Read it with await x.data(), or bring it home with await x.cpu()");
}

/** Row-major raw elements to look at, not to keep: the tensor's own memory where it lies so. */
export function peek(input: Tensor, op: string): TypedArray {
  if (!input.backend.hostMemory || !isContiguous(input.shape, input.strides)) return rawData(input, op);
  return input.backend.hostMemory(input.storage).subarray(input.offset, input.offset + input.numel()) as TypedArray;
}
