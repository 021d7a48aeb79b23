/** Derivatives of what a backend may have as kernels: softmax and its relatives, standardization. */
import { apply, applyAll, cat, type FusedOp, isGradEnabled, type StandardizeAttrs, type Tensor } from "@dl/tensor";
import { A, B, nonDifferentiable, OUT, POSITIONS, type Rules, type Values } from "./rule.ts";

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
  standardize: {
    wrt: [0, 1, 2].map((index) => ({
      reads: A | B | POSITIONS,
      vjp: (g, values, { attrs }) => gradients(g, values, attrs)[index]!,
    })),
  },
  // Never recorded: gradients that are differentiated in turn are made of parts.
  standardizeBackward: nonDifferentiable,
  // Taken where nothing is recorded.
  extremes: nonDifferentiable,
  nonzero: nonDifferentiable,
  runs: { wrt: [{ reads: A, vjp: (g, { a }) => a.newZeros(a.shape).maskedScatter(beginnings(a), g) }] },
  shuffle: nonDifferentiable,
  maskedSelect: { wrt: [{ reads: A | B, vjp: (g, { a, b }) => a.newZeros(a.shape).maskedScatter(b, g) }] },
};

/** Which elements are not as the one before. */
function beginnings(x: Tensor): Tensor {
  const before = x.narrow(0, 0, x.numel() - 1);
  return cat([x.newFull([1], 1, { dtype: "bool" }), x.narrow(0, 1, x.numel() - 1).ne(before)]);
}

/** By one call for all inputs. */
const known = new WeakMap<Values, readonly Tensor[]>();

function gradients(g: Tensor, values: Values, attrs: StandardizeAttrs): readonly Tensor[] {
  const found = known.get(values);
  if (found) return found;
  const { a: x, b: weight, positions: moments } = values as Partial<Values> & Pick<Values, "a" | "positions">;
  const made = isGradEnabled()
    ? gradientsByParts(g, x, weight, attrs)
    : applyAll("standardizeBackward", weight ? [g, x, moments, weight] : [g, x, moments], attrs);
  known.set(values, made);
  return made;
}

const average = (x: Tensor): Tensor => x.mean([0, 2], true);

/** r (g − ⟨g⟩ − y ⟨g y⟩) for y = (x − ⟨x⟩) r, of g times weights; then Σ g y and Σ g over what shares a weight. */
function gradientsByParts(g: Tensor, x: Tensor, weight: Tensor | undefined, { eps, run }: StandardizeAttrs): Tensor[] {
  const size = weight?.numel() ?? 1;
  const laid = (values: Tensor): Tensor => values.reshape(values.numel() / Math.max(1, size * run), size, run);
  const centred = x.sub(average(x));
  const r = average(centred.square()).add(eps).rsqrt();
  const y = centred.mul(r);
  const weighed = weight ? laid(g).mul(weight.reshape(size, 1)).view(g.shape) : g;
  const input = weighed
    .sub(average(weighed))
    .sub(y.mul(average(weighed.mul(y))))
    .mul(r);
  const summed = (values: Tensor): Tensor => laid(values).sum([0, 2]).view(weight!.shape);
  return weight ? [input, summed(g.mul(y)), summed(g)] : [input];
}
