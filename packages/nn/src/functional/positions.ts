/** int64 index tensors made on the host: what gathers windows, mirrors edges and picks neighbours. */
import { fromArray, type Shape, type Tensor } from "@dl/tensor";

/** The numbers as an int64 tensor of `shape` beside `like`. */
export function indexTensor(numbers: ArrayLike<number>, shape: Shape, like: Tensor): Tensor {
  return fromArray(
    BigInt64Array.from({ length: numbers.length }, (_, i) => BigInt(numbers[i]!)),
    shape,
    {
      device: like.device,
    },
  );
}
