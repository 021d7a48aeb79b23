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

/** Taps of a linear map along one dimension: output i is Σ weights[k][i] · x[sources[k][i]]. */
export interface Taps {
  readonly sources: readonly (readonly number[])[];
  readonly weights: readonly (readonly number[])[];
}

/** Applies taps along `dim`. */
export function applyTaps(x: Tensor, dim: number, { sources, weights }: Taps): Tensor {
  const size = sources[0]!.length;
  const shape = x.shape.map((_, d) => (d === dim ? size : 1));
  const terms = sources.map((source, k) => {
    const picked = x.indexSelect(dim, indexTensor(source, [size], x));
    const factors = weights[k]!;
    if (factors.every((factor) => factor === 1)) return picked;
    return picked.mul(fromArray(Float64Array.from(factors), shape, { dtype: x.dtype, device: x.device }));
  });
  return terms.reduce((sum, term) => sum.add(term));
}

/** The cartesian product of positions along each spatial dimension, as positions within the flattened plane. */
export function planePositions(axes: readonly (readonly number[])[], plane: Shape): number[] {
  return axes.reduce<number[]>(
    (flat, axis, dim) => flat.flatMap((base) => axis.map((position) => base * plane[dim]! + position)),
    [0],
  );
}
