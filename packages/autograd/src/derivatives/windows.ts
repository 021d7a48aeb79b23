/** Derivatives of convolution and pooling: each kernel's gradients are its sisters. */
import { apply, collectTaps, type Shape, type Taps, type Tensor } from "@dl/tensor";
import { A, B, noGradient, POSITIONS, type Rules } from "./rule.ts";

type WindowOp = "conv" | "convInput" | "convWeight" | "maxPool" | "maxPoolBackward" | "resample";

const spatial = (rank: number): string => `${rank - 2}D`;

/** An input of convInput much larger than its gradient needs (a large output padding) has room for more windows. */
const cut = (x: Tensor, shape: Shape): Tensor =>
  shape.reduce((part, size, dim) => (part.shape[dim] === size ? part : part.narrow(dim, 0, size)), x);

/** The taps of the gradient: what an output took from a source goes back there. */
function reversed({ bounds, sources, weights }: Taps, size: number): Taps {
  const outputs = new Int32Array(sources.length);
  for (let i = 0; i + 1 < bounds.length; i++) outputs.fill(i, bounds[i]!, bounds[i + 1]!);
  return collectTaps(size, sources, outputs, weights);
}

export const windows: Rules<WindowOp> = {
  conv: {
    name: "ConvolutionBackward0",
    wrt: [
      { reads: B, vjp: (g, { b }, { attrs, shape }) => apply("convInput", [g, b], { ...attrs, inputShape: shape }) },
      { reads: A, vjp: (g, { a }, { attrs, shape }) => apply("convWeight", [g, a], { ...attrs, weightShape: shape }) },
      { reads: 0, vjp: (g) => g.sum([...g.shape.keys()].filter((dim) => dim !== 1)) },
    ],
  },
  // ⟨gg, convInput(g, w)⟩ = ⟨conv(gg, w), g⟩, and so for the weight.
  convInput: {
    name: "ConvolutionBackwardBackward0",
    wrt: [
      { reads: B, vjp: (g, { b }, { attrs, shape }) => cut(apply("conv", [g, b], attrs), shape) },
      { reads: A, vjp: (g, { a }, { attrs, shape }) => apply("convWeight", [a, g], { ...attrs, weightShape: shape }) },
    ],
  },
  convWeight: {
    name: "ConvolutionBackwardBackward0",
    wrt: [
      { reads: B, vjp: (g, { b }, { attrs, shape }) => cut(apply("conv", [b, g], attrs), shape) },
      { reads: A, vjp: (g, { a }, { attrs, shape }) => apply("convInput", [a, g], { ...attrs, inputShape: shape }) },
    ],
  },
  maxPool: {
    name: (_, shape) => `MaxPool${spatial(shape.length)}WithIndicesBackward0`,
    linearity: "piecewise",
    wrt: [
      {
        reads: POSITIONS,
        vjp: (g, { positions }, { attrs, shape }) =>
          apply("maxPoolBackward", [g, positions], { inputShape: shape, window: attrs }),
      },
    ],
  },
  maxPoolBackward: {
    name: (_, shape) => `MaxPool${spatial(shape.length)}WithIndicesBackwardBackward0`,
    wrt: [
      {
        reads: B,
        vjp: (g, { b }, { shape }) => apply("gather", [g.flatten(2), b.flatten(2).to("int64")], { dim: 2 }).view(shape),
      },
      noGradient,
    ],
  },
  resample: {
    wrt: [
      {
        reads: 0,
        vjp: (g, _, { attrs: { stages }, shape }) =>
          apply("resample", [g], {
            stages: stages.map(({ dim, taps }) => ({ dim, taps: reversed(taps, shape[dim]!) })).reverse(),
          }),
      },
    ],
  },
};
