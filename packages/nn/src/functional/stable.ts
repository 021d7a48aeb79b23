import { type Tensor, where } from "@dl/tensor";

/** log(1 + eˣ), in a form that overflows nowhere and has the right derivative at 0. */
export function logOnePlusExp(x: Tensor): Tensor {
  if (!x.requiresGrad) return x.abs().neg().exp().log1p().add(x.relu());
  const positive = x.ge(0);
  return where(positive, x.neg(), x)
    .exp()
    .log1p()
    .add(where(positive, x, 0));
}
