/** The other way of broadcasting, for every derivative at once. */
import { apply, type Shape, type Tensor } from "@dl/tensor";

/** Sums over what was repeated to get from `shape` to `x.shape`. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  const lead = x.ndim - shape.length;
  const dims = [...x.shape.keys()].filter((dim) => dim < lead || (shape[dim - lead] === 1 && x.shape[dim] !== 1));
  return apply("sum", [x], { dims, keepdim: true }).view(shape);
}
