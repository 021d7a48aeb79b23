/** The other way of broadcasting and promotion, for every derivative at once. */
import { apply, type Shape, sameShape, type Tensor } from "@dl/tensor";
import type { Edge } from "./node.ts";

/** The gradient in the shape and dtype of the input that it is for. */
export function fitTo(grad: Tensor, { shape, dtype }: Edge): Tensor {
  const summed = sameShape(grad.shape, shape) ? grad : sumTo(grad, shape);
  return summed.dtype === dtype ? summed : summed.to(dtype);
}

/** Sums over what was repeated to get from `shape` to `x.shape`. */
function sumTo(x: Tensor, shape: Shape): Tensor {
  const lead = x.ndim - shape.length;
  const dims = [...x.shape.keys()].filter((dim) => dim < lead || (shape[dim - lead] === 1 && x.shape[dim] !== 1));
  return apply("sum", [x], { dims, keepdim: true }).view(shape);
}
