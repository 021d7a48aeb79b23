/** Derivatives of what a backend may have as kernels: softmax and its relatives, standardization. */
import { apply, type FusedOp, type Tensor } from "@dl/tensor";
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
  standardize: { wrt: [{ reads: A, vjp: (g, { a }, { attrs }) => apply("standardizeBackward", [g, a], attrs) }] },
  standardizeBackward: {
    wrt: [
      { reads: B, vjp: (h, { b }, { attrs }) => apply("standardizeBackward", [h, b], attrs) },
      { reads: A | B, vjp: (h, { a, b }, { attrs }) => throughMoments(h, a, b, attrs.eps) },
    ],
  },
};

const average = (x: Tensor): Tensor => x.mean([0, 2], true);

/** r (g − ⟨g⟩ − y ⟨g y⟩) with y = (x − ⟨x⟩) r depends on x by y and by r = (⟨(x − ⟨x⟩)²⟩ + eps)^-½. */
function throughMoments(h: Tensor, g: Tensor, x: Tensor, eps: number): Tensor {
  const centred = x.sub(average(x));
  const r = average(centred.square()).add(eps).rsqrt();
  const y = centred.mul(r);
  const [along, against] = [average(g.mul(y)), average(h.mul(y))];
  const byY = h.mul(along).add(g.mul(against)).mul(r).neg();
  const result = g.sub(average(g)).sub(y.mul(along)).mul(r);
  return apply("standardizeBackward", [byY, x], { eps }).sub(average(h.mul(result)).mul(r).mul(y));
}
