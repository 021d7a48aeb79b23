/** int64 index tensors made on the host: what gathers windows, mirrors edges and picks neighbours. */
import { fromArray, type Shape, type Tensor } from "@dl/tensor";

/** The numbers as an int64 tensor of `shape` beside `like`. */
export function indexTensor(numbers: ArrayLike<number>, shape: Shape, like: Tensor): Tensor {
  const flat = new BigInt64Array(numbers.length);
  for (let i = 0; i < numbers.length; i++) flat[i] = BigInt(numbers[i]!);
  return fromArray(flat, shape, { device: like.device });
}
