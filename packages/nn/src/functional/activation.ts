/** Element-wise non-linearities. With `inplace` the result is written into the input, which is also the result. */

import * as core from "@dl/tensor";
import { apply, composite, type DType, fail, rand, type Tensor, where } from "@dl/tensor";
import { logOnePlusExp } from "./stable.ts";

/** Writes f(x) over x. Backward needs what f saw, so f sees a copy then. */
function over(input: Tensor, inplace: boolean, f: (x: Tensor) => Tensor): Tensor {
  if (!inplace) return f(input);
  const isRecorded = core.isGradEnabled() && input.requiresGrad;
  return input.copy_(core.tidy(() => f(isRecorded ? input.clone() : input.detach())));
}

/** x · by, for the usual 1 x itself. */
const times = (x: Tensor, by: number): Tensor => (by === 1 ? x : x.mul(by));

/** g(x) up to zero, else x, NaN included; a derivative never sees g of positive values, whose exponentials could overflow. */
function belowZero(x: Tensor, g: (x: Tensor) => Tensor): Tensor {
  const low = x.le(0);
  return where(low, g(x.requiresGrad ? where(low, x, 0) : x), x);
}

/** max(x, 0). @see https://pytorch.org/docs/stable/generated/torch.nn.functional.relu.html */
export const relu = composite(
  "relu(input, inplace?)",
  (input: Tensor, inplace: boolean = false): Tensor => (inplace ? input.relu_() : input.relu()),
);

/** 1 / (1 + e⁻ˣ). @see https://pytorch.org/docs/stable/generated/torch.nn.functional.sigmoid.html */
export const sigmoid = composite("sigmoid(input)", (input: Tensor): Tensor => input.sigmoid());

/** @see https://pytorch.org/docs/stable/generated/torch.nn.functional.tanh.html */
export const tanh = composite("tanh(input)", (input: Tensor): Tensor => input.tanh());

/** `minVal` and `maxVal` beyond those values, x between. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.hardtanh.html */
export const hardtanh = composite(
  "hardtanh(input, minVal?, maxVal?, inplace?)",
  (input: Tensor, minVal: number = -1, maxVal: number = 1, inplace: boolean = false): Tensor =>
    over(input, inplace, (x) => {
      const raised = where(x.le(minVal), minVal, x).to(x.dtype);
      return where(raised.ge(maxVal), maxVal, raised).to(x.dtype);
    }),
  "HardtanhBackward0",
  "piecewise",
);

/** min(max(x, 0), 6). @see https://pytorch.org/docs/stable/generated/torch.nn.functional.relu6.html */
export const relu6 = composite(
  "relu6(input, inplace?)",
  (input: Tensor, inplace: boolean = false): Tensor => hardtanh(input, 0, 6, inplace),
);

/**
 * x, or `negativeSlope` · x below zero.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.leaky_relu.html
 * @example
 * F.leakyRelu(floatTensor([-1, 1]), 0.1); // tensor([-0.1000, 1.0000])
 */
export const leakyRelu = composite(
  "leakyRelu(input, negativeSlope?, inplace?)",
  (input: Tensor, negativeSlope: number = 0.01, inplace: boolean = false): Tensor =>
    over(input, inplace, (x) => where(x.gt(0), x, x.mul(negativeSlope))),
  "LeakyReluBackward0",
  "piecewise",
);

/**
 * x, or weight · x below zero; the weight has one element, or one for each channel (dimension 1).
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.prelu.html
 */
export const prelu = composite(
  "prelu(input, weight)",
  (input: Tensor, weight: Tensor): Tensor => {
    if (weight.ndim > 1) fail("prelu", `the weight needs at most 1 dimension, got ${core.showShape(weight.shape)}`);
    if (weight.numel() === 1) return where(input.gt(0), input, input.mul(weight.view([])));
    if (input.ndim < 2 || input.shape[1] !== weight.numel()) {
      fail(
        "prelu",
        `a weight of ${weight.numel()} elements needs as many channels, got ${core.showShape(input.shape)}`,
      );
    }
    const slopes = weight.view([-1, ...input.shape.slice(2).map(() => 1)]);
    return where(input.gt(0), input, input.mul(slopes));
  },
  "PreluBackward0",
  "piecewise",
);

/** {@link leakyRelu} with random slopes in training, their mean otherwise. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.rrelu.html */
export const rrelu = composite(
  "rrelu(input, lower?, upper?, training?, inplace?)",
  (
    input: Tensor,
    lower: number = 1 / 8,
    upper: number = 1 / 3,
    training: boolean = false,
    inplace: boolean = false,
  ): Tensor => {
    if (!(lower <= upper)) fail("rrelu", `needs lower ≤ upper, got ${lower} and ${upper}`);
    if (!training) return leakyRelu(input, (lower + upper) / 2, inplace);
    const slopes = rand(input.shape, { dtype: input.dtype, device: input.device })
      .mul(upper - lower)
      .add(lower);
    return over(input, inplace, (x) => where(x.gt(0), x, x.mul(slopes)));
  },
  "RreluWithNoiseBackward0",
  "piecewise",
);

/** x, or α (eˣ − 1) below zero. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.elu.html */
export const elu = composite(
  "elu(input, alpha?, inplace?)",
  (input: Tensor, alpha: number = 1, inplace: boolean = false): Tensor =>
    over(input, inplace, (x) => belowZero(x, (low) => times(low.expm1(), alpha))),
  "EluBackward0",
);

/** x, or α (e^(x/α) − 1) below zero. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.celu.html */
export const celu = composite(
  "celu(input, alpha?, inplace?)",
  (input: Tensor, alpha: number = 1, inplace: boolean = false): Tensor =>
    over(input, inplace, (x) => belowZero(x, (low) => times((alpha === 1 ? low : low.div(alpha)).expm1(), alpha))),
  "CeluBackward0",
);

const seluAlpha = 1.6732632423543772;
const seluScale = 1.0507009873554805;

/** The self-normalising {@link elu}. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.selu.html */
export const selu = composite(
  "selu(input, inplace?)",
  (input: Tensor, inplace: boolean = false): Tensor =>
    over(input, inplace, (x) => belowZero(x, (low) => low.expm1().mul(seluAlpha)).mul(seluScale)),
  "EluBackward0",
);

/**
 * x · Φ(x), or its approximation by "tanh".
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.gelu.html
 * @example
 * F.gelu(floatTensor([-1, 0, 1])); // tensor([-0.1587, 0.0000, 0.8413])
 */
export const gelu = composite(
  "gelu(input, approximate?)",
  (input: Tensor, approximate: "none" | "tanh" = "none"): Tensor => {
    if (approximate === "none") return apply("gelu", [input]);
    if (approximate !== "tanh") fail("gelu", `unknown approximation "${approximate}"`, 'Use "none" or "tanh"');
    const inner = input
      .mul(input)
      .mul(0.044715)
      .add(1)
      .mul(input)
      .mul(Math.sqrt(2 / Math.PI));
    return inner.tanh().add(1).mul(input).mul(0.5);
  },
);

/** x · sigmoid(x). @see https://pytorch.org/docs/stable/generated/torch.nn.functional.silu.html */
export const silu = composite(
  "silu(input, inplace?)",
  (input: Tensor, inplace: boolean = false): Tensor => over(input, inplace, (x) => x.mul(x.sigmoid())),
  "SiluBackward0",
);

/** log(1 + e^(βx)) / β; x itself where βx > threshold. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.softplus.html */
export const softplus = composite(
  "softplus(input, beta?, threshold?)",
  (input: Tensor, beta: number = 1, threshold: number = 20): Tensor => {
    const scaled = beta === 1 ? input : input.mul(beta);
    const curve = logOnePlusExp(scaled);
    return where(scaled.gt(threshold), input, beta === 1 ? curve : curve.div(beta));
  },
  "SoftplusBackward0",
);

/** log(sigmoid(x)). @see https://pytorch.org/docs/stable/generated/torch.nn.functional.logsigmoid.html */
export const logsigmoid = composite(
  "logsigmoid(input)",
  (input: Tensor): Tensor => logOnePlusExp(input.neg()).neg(),
  "LogSigmoidBackward0",
);

/** x · tanh(softplus(x)). @see https://pytorch.org/docs/stable/generated/torch.nn.functional.mish.html */
export const mish = composite(
  "mish(input, inplace?)",
  (input: Tensor, inplace: boolean = false): Tensor => over(input, inplace, (x) => x.mul(softplus(x).tanh())),
  "MishBackward0",
);

/** (x + 3) / 6 between 0 and 1, with a slope where `sloped` says so. Products with 1/6 are several times as fast as quotients. */
function ramp(x: Tensor, sloped: () => Tensor): Tensor {
  const height = relu6(x.detach().add(3));
  return (x.requiresGrad ? where(sloped(), x.add(3), height) : height).mul(1 / 6);
}

/** (x + 3) / 6 between 0 and 1, which it is beyond −3 and 3. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.hardsigmoid.html */
export const hardsigmoid = composite(
  "hardsigmoid(input, inplace?)",
  (input: Tensor, inplace: boolean = false): Tensor =>
    over(input, inplace, (x) => ramp(x, () => x.gt(-3).logicalAnd(x.lt(3)))),
  "HardsigmoidBackward0",
);

/** x · hardsigmoid(x). @see https://pytorch.org/docs/stable/generated/torch.nn.functional.hardswish.html */
export const hardswish = composite(
  "hardswish(input, inplace?)",
  (input: Tensor, inplace: boolean = false): Tensor =>
    over(input, inplace, (x) => x.mul(ramp(x, () => x.ge(-3).logicalAnd(x.lt(3))))),
  "HardswishBackward0",
);

/** 0 within ±λ, x beyond. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.hardshrink.html */
export const hardshrink = composite(
  "hardshrink(input, lambd?)",
  (input: Tensor, lambd: number = 0.5): Tensor => where(input.abs().le(lambd), 0, input),
  "HardshrinkBackward0",
  "piecewise",
);

/** 0 within ±λ, x moved towards 0 by λ beyond. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.softshrink.html */
export const softshrink = composite(
  "softshrink(input, lambd?)",
  (input: Tensor, lambd: number = 0.5): Tensor => {
    if (lambd < 0) fail("softshrink", `lambd must be ≥ 0, got ${lambd}`);
    return where(input.gt(lambd), input.sub(lambd), where(input.lt(-lambd), input.add(lambd), 0));
  },
  "SoftshrinkBackward0",
  "piecewise",
);

/** x − tanh(x). @see https://pytorch.org/docs/stable/generated/torch.nn.functional.tanhshrink.html */
export const tanhshrink = composite("tanhshrink(input)", (input: Tensor): Tensor => input.sub(input.tanh()));

/** x / (1 + |x|). @see https://pytorch.org/docs/stable/generated/torch.nn.functional.softsign.html */
export const softsign = composite("softsign(input)", (input: Tensor): Tensor => input.div(input.abs().add(1)));

/** `value` where x ≤ threshold. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.threshold.html */
export const threshold = composite(
  "threshold(input, threshold, value, inplace?)",
  (input: Tensor, limit: number, value: number, inplace: boolean = false): Tensor =>
    over(input, inplace, (x) => where(x.le(limit), value, x).to(x.dtype)),
  "ThresholdBackward0",
  "piecewise",
);

/**
 * The first half along `dim`, gated by the sigmoid of the second.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.glu.html
 * @example
 * F.glu(floatTensor([[1, 2, 0, 0]])); // tensor([[0.5000, 1.0000]])
 */
export const glu = composite(
  "glu(input, dim?)",
  (input: Tensor, dim: number = -1): Tensor => {
    const size = input.size(dim);
    if (size % 2 !== 0)
      fail("glu", `needs an even size, got ${size} in dimension ${dim} of ${core.showShape(input.shape)}`);
    return input.narrow(dim, 0, size / 2).mul(input.narrow(dim, size / 2, size / 2).sigmoid());
  },
  "GluBackward0",
);

/** The dimension that PyTorch takes when none is given. */
function usualDim({ ndim }: Tensor, dim: number | null | undefined): number {
  return dim ?? (ndim === 0 || ndim === 1 || ndim === 3 ? 0 : 1);
}

/**
 * eˣ / Σ eˣ along `dim`.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html
 * @example
 * F.softmax(floatTensor([[0, 0]]), 1); // tensor([[0.5000, 0.5000]])
 */
export const softmax = composite(
  "softmax(input, dim?, dtype?)",
  (input: Tensor, dim?: number | null, dtype?: DType | null): Tensor =>
    core.softmax(input, usualDim(input, dim), dtype),
);

/** {@link softmax} of −x. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.softmin.html */
export const softmin = composite(
  "softmin(input, dim?, dtype?)",
  (input: Tensor, dim?: number | null, dtype?: DType | null): Tensor =>
    core.softmax(input.neg(), usualDim(input, dim), dtype),
);

/** The logarithm of {@link softmax}. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.log_softmax.html */
export const logSoftmax = composite(
  "logSoftmax(input, dim?, dtype?)",
  (input: Tensor, dim?: number | null, dtype?: DType | null): Tensor =>
    core.logSoftmax(input, usualDim(input, dim), dtype),
);

/**
 * A random draw from softmax(logits), soft or (`hard`) one-hot with the soft draw's gradient.
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.gumbel_softmax.html
 */
export const gumbelSoftmax = composite(
  "gumbelSoftmax(logits, tau?, hard?, eps?, dim?)",
  (logits: Tensor, tau: number = 1, hard: boolean = false, _eps: number = 1e-10, dim: number = -1): Tensor => {
    // 1 − u lies in (0, 1], so that its logarithm is finite.
    const exponential = rand(logits.shape, { dtype: logits.dtype, device: logits.device }).neg().add(1).log().neg();
    const soft = core.softmax(logits.sub(exponential.clamp({ min: 1e-30 }).log()).div(tau), dim);
    if (!hard) return soft;
    const choice = core.zerosLike(logits).scatter(dim, soft.argmax(dim, true), 1);
    return choice.sub(soft.detach()).add(soft);
  },
);
