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

/** The cartesian product of positions along each spatial dimension, as positions within the flattened plane. */
export function planePositions(axes: readonly (readonly number[])[], plane: Shape): number[] {
  return axes.reduce<number[]>(
    (flat, axis, dim) => flat.flatMap((base) => axis.map((position) => base * plane[dim]! + position)),
    [0],
  );
}
