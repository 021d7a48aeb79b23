/** PyTorch's functions of complex numbers, on the real ones that there are: most give the tensor itself. */
import type { Tensor } from "../tensor.ts";
import { where } from "./arithmetic.ts";
import { floating } from "./pointwise.ts";
import { composite, op } from "./signature.ts";

const itself = (input: Tensor): Tensor => input;

/** The tensor itself. @see https://pytorch.org/docs/stable/generated/torch.conj.html */
export const conj = op("conj(input)", itself);
/** The tensor itself. @see https://pytorch.org/docs/stable/generated/torch.conj_physical.html */
export const conjPhysical = op("conjPhysical(input)", itself);
/** The tensor itself. @see https://pytorch.org/docs/stable/generated/torch.resolve_conj.html */
export const resolveConj = op("resolveConj(input)", itself);
/** The tensor itself. @see https://pytorch.org/docs/stable/generated/torch.resolve_neg.html */
export const resolveNeg = op("resolveNeg(input)", itself);
/** The tensor itself. @see https://pytorch.org/docs/stable/generated/torch.real.html */
export const real = op("real(input)", itself);

/** The last two dimensions swapped. @see https://pytorch.org/docs/stable/generated/torch.adjoint.html */
export const adjoint = op("adjoint(input)", (input: Tensor): Tensor => input.transpose(-2, -1));

/** π below zero, else 0. @see https://pytorch.org/docs/stable/generated/torch.angle.html */
export const angle = composite("angle(input)", (input: Tensor): Tensor => {
  const x = floating(input).detach();
  return where(x.isnan(), x, x.lt(0).to(x.dtype).mul(Math.PI));
});

/** False: there are no complex dtypes. @see https://pytorch.org/docs/stable/generated/torch.is_complex.html */
export function isComplex(_input: Tensor): boolean {
  return false;
}
