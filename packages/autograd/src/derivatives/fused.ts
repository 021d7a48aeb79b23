/** Derivatives of softmax and its relatives, where a backend has them as kernels. */
import { apply, type FusedOp } from "@dl/tensor";
import { A, B, OUT, type Rules } from "./rule.ts";

export const fused: Rules<FusedOp> = {
  softmax: { wrt: [{ reads: OUT, vjp: (g, { out }, { attrs }) => apply("softmaxBackward", [g, out], attrs) }] },
  logSoftmax: { wrt: [{ reads: OUT, vjp: (g, { out }, { attrs }) => apply("logSoftmaxBackward", [g, out], attrs) }] },
  // y (g − Σ g y)
  softmaxBackward: {
    wrt: [
      { reads: B, vjp: (g, { b }, { attrs }) => apply("softmaxBackward", [g, b], attrs) },
      {
        reads: A | B,
        vjp: (g, { a, b }, { attrs: { dim } }) =>
          g.mul(a.sub(a.mul(b).sum(dim, true))).sub(a.mul(g.mul(b).sum(dim, true))),
      },
    ],
  },
  // g − exp(y) Σ g
  logSoftmaxBackward: {
    wrt: [
      { reads: B, vjp: (g, { b }, { attrs: { dim } }) => g.sub(g.mul(b.exp()).sum(dim, true)) },
      { reads: A | B, vjp: (g, { a, b }, { attrs: { dim } }) => g.mul(b.exp()).mul(a.sum(dim, true)).neg() },
    ],
  },
};
