/** What tensors are, as numbers and booleans. */
import { type DType, dtypes } from "../dtype.ts";
import { fail, showShape } from "../errors.ts";
import { sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { to } from "./convert.ts";

/** Elements. @see https://pytorch.org/docs/stable/generated/torch.Tensor.nelement.html */
export function nelement(input: Tensor): number {
  return input.numel();
}

/** Dimensions. @see https://pytorch.org/docs/stable/generated/torch.Tensor.ndimension.html */
export function ndimension(input: Tensor): number {
  return input.ndim;
}

/** Bytes of one element. @see https://pytorch.org/docs/stable/generated/torch.Tensor.element_size.html */
export function elementSize(input: Tensor): number {
  return dtypes[input.dtype].bytes;
}

/** Whether the dtype holds negative numbers. @see https://pytorch.org/docs/stable/generated/torch.Tensor.is_signed.html */
export function isSigned(input: Tensor): boolean {
  return input.dtype !== "uint8" && input.dtype !== "bool";
}

/** Whether both have the same shape. */
export function isSameSize(input: Tensor, other: Tensor): boolean {
  return sameShape(input.shape, other.shape);
}

/** Whether the only element is not zero. @throws TensorError for more than one. @see https://pytorch.org/docs/stable/generated/torch.is_nonzero.html */
export function isNonzero(input: Tensor): boolean {
  if (input.numel() !== 1) fail("isNonzero", `needs a single element, got ${showShape(input.shape)}`, "Use any or all");
  return Number(input.item()) !== 0;
}

/** In the dtype of `other`. @see https://pytorch.org/docs/stable/generated/torch.Tensor.type_as.html */
export function typeAs<D extends DType>(input: Tensor, other: Tensor<D>): Tensor<D> {
  return to(input, other.dtype);
}
