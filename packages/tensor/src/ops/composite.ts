/** Operations made of others: no kernel, no derivative. Softmax uses a backend's fused kernel where there is one. */

import { type DType, inRange, isFloat } from "../dtype.ts";
import { fail, showShape } from "../errors.ts";
import { isGradEnabled } from "../recorder.ts";
import { normalizeDim } from "../shape.ts";
import { state } from "../state.ts";
import { Tensor } from "../tensor.ts";
import { apply } from "./apply.ts";
import { where } from "./arithmetic.ts";
import { limit } from "./coerce.ts";
import { to } from "./convert.ts";
import { labelled } from "./labels.ts";
import { orderOf } from "./order.ts";
import { roomy } from "./pointwise.ts";
import type { Dims } from "./reduce.ts";
import { composite } from "./signature.ts";

/**
 * eˣ / Σ eˣ along `dim`.
 * @see https://pytorch.org/docs/stable/generated/torch.softmax.html
 * @example
 * floatTensor([[1, 2, 3]]).softmax(1); // tensor([[0.0900, 0.2447, 0.6652]])
 */
export const softmax = composite(
  "softmax(input, dim, dtype?)",
  (input: Tensor, dim: number, dtype?: DType | null): Tensor => {
    const x = dtype ? to(input, dtype) : input;
    const at = normalizeDim("softmax", dim, x.ndim);
    if (!x.isFloatingPoint()) fail("softmax", `needs a float dtype, got ${x.dtype}`, 'Cast with .to("float32")');
    if (x.ndim > 0 && x.backend.supports("softmax")) return apply("softmax", [x], { dim: at });
    if (x.ndim === 0) return x.sub(x).exp();
    const e = x.sub(x.amax(at, true).detach()).exp();
    return e.div(e.sum(at, true));
  },
);

/** log(softmax(x)), without overflow. @see https://pytorch.org/docs/stable/generated/torch.nn.functional.log_softmax.html */
export const logSoftmax = composite(
  "logSoftmax(input, dim, dtype?)",
  (input: Tensor, dim: number, dtype?: DType | null): Tensor => {
    const x = dtype ? to(input, dtype) : input;
    const at = normalizeDim("logSoftmax", dim, x.ndim);
    if (!x.isFloatingPoint()) fail("logSoftmax", `needs a float dtype, got ${x.dtype}`, 'Cast with .to("float32")');
    if (x.ndim > 0 && x.backend.supports("logSoftmax")) return apply("logSoftmax", [x], { dim: at });
    if (x.ndim === 0) return x.sub(x);
    const shifted = x.sub(x.amax(at, true).detach());
    return shifted.sub(shifted.exp().sum(at, true).log());
  },
);

/**
 * log(Σ eˣ), without overflow.
 * @see https://pytorch.org/docs/stable/generated/torch.logsumexp.html
 * @example
 * floatTensor([0, 0]).logsumexp(0); // tensor(0.6931)
 */
export const logsumexp = composite(
  "logsumexp(input, dim, keepdim?)",
  (input: Tensor, dim: Dims, keepdim: boolean = false): Tensor => {
    const x = isFloat(input.dtype) ? input : input.to(state.defaultDType);
    const top = x.numel() === 0 ? x.sum(dim, true) : x.amax(dim, true).detach();
    const isInfinite = top.abs().eq(Number.POSITIVE_INFINITY);
    const finite = where(isInfinite, 0, top);
    const out = alongLines(x, dim)
      ? where(isInfinite, top, top.sub(logSoftmax(x, -1).amax(-1, true)))
      : x.sub(finite).exp().sum(dim, true).log().add(finite);
    return labelled(keepdim ? out : out.squeeze(dim === null ? undefined : dim), "LogsumexpBackward0");
  },
);

/** Whether the logarithm of softmax tells that of the total, which is missing from 0 where a line is highest. */
function alongLines(x: Tensor, dim: Dims): boolean {
  const isLast = typeof dim === "number" && x.numel() > 0 && normalizeDim("logsumexp", dim, x.ndim) === x.ndim - 1;
  return isLast && x.dtype === "float32" && x.backend.supports("logSoftmax") && !(x.requiresGrad && isGradEnabled());
}

/** The nearer to a bound of input and bound; a tie counts as the input's, also where the bound is a tensor. */
function bounded(name: "maximum" | "minimum", keeps: "ge" | "le", input: Tensor, bound: Tensor | number): Tensor {
  const out = apply(name, [input, limit("clamp", input, bound)]);
  return bound instanceof Tensor && out.requiresGrad ? where(apply(keeps, [input, bound]), input, out) : out;
}

/**
 * Limits every element to [min, max]; either may be missing, or a tensor.
 * @see https://pytorch.org/docs/stable/generated/torch.clamp.html
 * @example
 * floatTensor([-2, 0.5, 2]).clamp(-1, 1); // tensor([-1.0000, 0.5000, 1.0000])
 * floatTensor([-2, 0.5, 2]).clamp({ min: 0 }); // tensor([0.0000, 0.5000, 2.0000])
 */
export const clamp = composite(
  "clamp(input, min?, max?)",
  (input: Tensor, min?: Tensor | number | null, max?: Tensor | number | null): Tensor => {
    if (min == null && max == null) fail("clamp", "needs min, max or both");
    const low = min == null ? input : bounded("maximum", "ge", input, min);
    const tensors = min instanceof Tensor || max instanceof Tensor;
    return labelled(
      max == null ? low : bounded("minimum", "le", low, max),
      tensors ? "ClampBackward0" : "ClampBackward1",
    );
  },
);

/**
 * `value` where `mask` holds.
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.masked_fill.html
 * @example
 * const x = floatTensor([1, 2, 3]);
 * x.maskedFill(x.gt(1), 0); // tensor([1., 0., 0.])
 */
export const maskedFill = composite(
  "maskedFill(input, mask, value)",
  (input: Tensor, mask: Tensor, value: Tensor | number): Tensor => {
    if (mask.dtype !== "bool")
      fail("maskedFill", `the mask must be bool, got ${mask.dtype}`, 'Cast it with .to("bool")');
    if (typeof value !== "number" && value.ndim > 0) {
      fail("maskedFill", `needs a number or a 0-d value, got ${showShape(value.shape)}`, "Use where for tensors");
    }
    const fill = typeof value === "number" ? inRange("maskedFill", value, input.dtype) : to(value, input.dtype);
    // The result lies as the input does.
    const isTurned = orderOf([mask]) !== undefined && orderOf([input]) === undefined;
    const filled = where(isTurned ? mask.contiguous() : mask, fill, input).to(input.dtype);
    return labelled(filled, "MaskedFillBackward0");
  },
);

/**
 * The variance over `dim`, of a sample (n − 1) unless `correction` is 0.
 * @see https://pytorch.org/docs/stable/generated/torch.var.html
 * @example
 * floatTensor([1, 2, 3, 4]).var(); // tensor(1.6667)
 * floatTensor([1, 2, 3, 4]).var({ correction: 0 }); // tensor(1.2500)
 */
export const variance = composite(
  "var(input, dim?, unbiased?, keepdim?, correction?)",
  (
    input: Tensor,
    dim?: Dims | boolean,
    unbiased?: boolean | number | null,
    keepdim: boolean = false,
    correction?: number | null,
  ): Tensor => {
    const dims = typeof dim === "boolean" ? null : dim;
    const flag = typeof dim === "boolean" ? dim : unbiased;
    const freedom = correction ?? (flag === false ? 0 : 1);
    const x = roomy(input);
    const mean = x.mean(dims, true);
    const squares = x.sub(mean).square().sum(dims, keepdim);
    const count = x.numel() / Math.max(mean.numel(), 1);
    return labelled(squares.div(Math.max(count - freedom, 0)).to(input.dtype), "VarBackward0");
  },
);

export { variance as var };

/**
 * The standard deviation: the root of {@link variance}.
 * @see https://pytorch.org/docs/stable/generated/torch.std.html
 * @example
 * floatTensor([[1, 3], [2, 6]]).std(1); // tensor([1.4142, 2.8284])
 */
export const std = composite(
  "std(input, dim?, unbiased?, keepdim?, correction?)",
  (
    input: Tensor,
    dim?: Dims | boolean,
    unbiased?: boolean | number | null,
    keepdim: boolean = false,
    correction?: number | null,
  ): Tensor => {
    const square = variance(roomy(input), dim, unbiased, keepdim, correction);
    // The root's derivative at 0 is taken as 0.
    const zero = square.eq(0);
    return labelled(where(zero, 0, where(zero, 1, square).sqrt()).to(input.dtype), "StdBackward0");
  },
);

/**
 * One dimension from several: `startDim` to `endDim`.
 * @see https://pytorch.org/docs/stable/generated/torch.flatten.html
 * @example
 * zeros(2, 3, 4).flatten().shape; // [24]
 * zeros(2, 3, 4).flatten(1).shape; // [2, 12]
 */
export const flatten = composite(
  "flatten(input, startDim?, endDim?)",
  (input: Tensor, startDim: number = 0, endDim: number = -1): Tensor => {
    if (input.ndim === 0) return input.reshape(1);
    const [from, until] = [normalizeDim("flatten", startDim, input.ndim), normalizeDim("flatten", endDim, input.ndim)];
    if (from > until) fail("flatten", `startDim ${startDim} comes after endDim ${endDim}`);
    const middle = input.shape.slice(from, until + 1).reduce((size, extent) => size * extent, 1);
    return input.reshape([...input.shape.slice(0, from), middle, ...input.shape.slice(until + 1)]);
  },
);
