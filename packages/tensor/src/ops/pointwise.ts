/** Element-wise functions made of the rows of the op table. */
import { dtypes, isFloat, largest, resultType } from "../dtype.ts";
import { fail, showValue } from "../errors.ts";
import type { Operand } from "../recorder.ts";
import { state } from "../state.ts";
import { Tensor } from "../tensor.ts";
import { apply } from "./apply.ts";
import { where } from "./arithmetic.ts";
import { commonDType } from "./coerce.ts";
import { composite, op } from "./signature.ts";

/** @throws TensorError unless all are tensors, as PyTorch wants them */
export function needTensors(name: string, ...values: readonly unknown[]): void {
  const wrong = values.find((value) => !(value instanceof Tensor));
  if (wrong !== undefined) fail(name, `needs tensors, got ${showValue(wrong)}`, "Wrap numbers with tensor(…)");
}

/** In a float dtype: its own, or the default one. */
export function floating(input: Tensor): Tensor {
  return isFloat(input.dtype) ? input : input.to(state.defaultDType);
}

/** 16-bit floats in float32: the squares of their elements may leave their range, and so may counts. */
export function roomy(input: Tensor): Tensor {
  return isFloat(input.dtype) && dtypes[input.dtype].bytes === 2 ? input.to("float32") : input;
}

/** The tensor itself. @see https://pytorch.org/docs/stable/generated/torch.positive.html */
export function positive(input: Tensor): Tensor {
  if (input.dtype === "bool") fail("positive", "bool tensors have no sign", "Cast to an integer dtype");
  return input;
}

/** The fraction: x − trunc(x). @see https://pytorch.org/docs/stable/generated/torch.frac.html */
export const frac = composite(
  "frac(input)",
  (input: Tensor): Tensor => {
    if (!isFloat(input.dtype)) fail("frac", `needs a float dtype, got ${input.dtype}`, 'Cast with .to("float32")');
    return input.sub(input.detach().trunc());
  },
  "FracBackward0",
);

/** −1, 0 or 1. @see https://pytorch.org/docs/stable/generated/torch.sgn.html */
export const sgn = op("sgn(input)", (input: Tensor): Tensor => input.sign());

/** Degrees to radians. @see https://pytorch.org/docs/stable/generated/torch.deg2rad.html */
export const deg2rad = op("deg2rad(input)", (input: Tensor): Tensor => input.mul(Math.PI / 180), "Deg2RadBackward0");

/** Radians to degrees. @see https://pytorch.org/docs/stable/generated/torch.rad2deg.html */
export const rad2deg = op("rad2deg(input)", (input: Tensor): Tensor => input.mul(180 / Math.PI), "Rad2DegBackward0");

/** The series of sin(x) / x in x², ±1 / (2k + 1)!: up to 1/2 in x, these terms and the last one are all that float64 sees. */
const sincSeries = [1, -1 / 6, 1 / 120, -1 / 5040, 1 / 362880, -1 / 39916800, 1 / 6227020800];
const sincLast = -1 / 1307674368000;

/**
 * sin(πx) / (πx), 1 at 0. By its series near 0, where the quotient's derivatives are differences of large numbers.
 * @see https://pytorch.org/docs/stable/generated/torch.sinc.html
 */
export const sinc = composite(
  "sinc(input)",
  (input: Tensor): Tensor => {
    const given = floating(input);
    const x = (given.dtype === "float16" ? given.to("float32") : given).mul(Math.PI);
    const near = x.abs().lt(0.5);
    const square = where(near, x, 0).square();
    const series = sincSeries.reduceRight<Tensor | number>((sum, factor) => square.mul(sum).add(factor), sincLast);
    const far = where(near, 1, x);
    return where(near, series, far.sin().div(far)).to(given.dtype);
  },
  "SincBackward0",
);

/** log(x / (1 − x)), x first limited to [eps, 1 − eps] if given. @see https://pytorch.org/docs/stable/special.html#torch.special.logit */
export const logit = composite(
  "logit(input, eps?)",
  (input: Tensor, eps?: number | null): Tensor => {
    const x = floating(input);
    if (eps != null) {
      const z = x.clamp(eps, 1 - eps);
      return z.div(z.rsub(1)).log();
    }
    const logOdds = x.div(x.rsub(1)).log();
    if (!x.requiresGrad) return logOdds;
    // Outside [0, 1] there is no value, and no derivative either.
    const outside = x.lt(0).logicalOr(x.gt(1));
    return logOdds.mul(where(outside, Number.NaN, 1).to(x.dtype));
  },
  "LogitBackward0",
);

/** x · log(y), 0 where x is. @see https://pytorch.org/docs/stable/special.html#torch.special.xlogy */
export const xlogy = composite(
  "xlogy(input, other)",
  (input: Operand, other: Operand): Tensor => xTimesLog("xlogy", input, other, 0),
  "XlogyBackward0",
);

/** x · log(1 + y), 0 where x is. @see https://pytorch.org/docs/stable/special.html#torch.special.xlog1py */
export const xlog1py = composite(
  "xlog1py(input, other)",
  (input: Operand, other: Operand): Tensor => xTimesLog("xlog1py", input, other, 1),
);

/** The operands as tensors of the float dtype in which they meet. */
export function floatOperands(name: string, ...operands: readonly Operand[]): Tensor[] {
  const lead =
    operands.find((value) => value instanceof Tensor) ??
    fail(name, "needs a tensor, got numbers", "Wrap one with tensor(…)");
  const common = commonDType(name, operands);
  const dtype = isFloat(common) ? common : state.defaultDType;
  return operands.map((value) => (value instanceof Tensor ? value.to(dtype) : lead.newFull([], value, { dtype })));
}

/** Where x is 0 and the logarithm is not finite the product is 0; elsewhere 0 · log keeps its derivative. */
function xTimesLog(name: string, input: Operand, other: Operand, shift: 0 | 1): Tensor {
  const [x, y] = floatOperands(name, input, other);
  const zero = apply("logicalAnd", [
    apply("eq", [x!, 0]),
    apply("logicalOr", [apply("le", [y!, -shift]), apply("eq", [y!, Number.POSITIVE_INFINITY])]),
  ]);
  const safe = where(zero, 1, y!);
  const product = apply("mul", [x!, shift ? safe.log1p() : safe.log()]);
  return where(zero, 0, product);
}

/**
 * log(eᵃ + eᵇ), without overflow.
 * @see https://pytorch.org/docs/stable/generated/torch.logaddexp.html
 * @example
 * floatTensor([0]).logaddexp(floatTensor([0])); // tensor([0.6931])
 */
export const logaddexp = composite(
  "logaddexp(input, other)",
  (input: Tensor, other: Tensor): Tensor => {
    return addExponentials("logaddexp", input, other, (gap) => gap.exp().log1p());
  },
  "LogaddexpBackward0",
);

/** log₂(2ᵃ + 2ᵇ), without overflow. @see https://pytorch.org/docs/stable/generated/torch.logaddexp2.html */
export const logaddexp2 = composite(
  "logaddexp2(input, other)",
  (input: Tensor, other: Tensor): Tensor => {
    return addExponentials("logaddexp2", input, other, (gap) => gap.exp2().log1p().div(Math.LN2));
  },
  "Logaddexp2Backward0",
);

function addExponentials(name: string, input: Tensor, other: Tensor, rest: (gap: Tensor) => Tensor): Tensor {
  needTensors(name, input, other);
  const dtype = commonDType(name, [input, other]);
  if (!isFloat(dtype)) fail(name, `needs a float dtype, got ${dtype}`, 'Cast with .to("float32")');
  const [a, b] = [input.to(dtype), other.to(dtype)];
  const wins = a.ge(b);
  const [top, low] = [where(wins, a, b), where(wins, b, a)];
  const gap = low.sub(top);
  // Equal infinities have a value but, as in PyTorch, no slope.
  return where(gap.isnan(), top.add(low), top.add(rest(gap)));
}

/** input · 2ᵒᵗʰᵉʳ. @see https://pytorch.org/docs/stable/generated/torch.ldexp.html */
export const ldexp = composite("ldexp(input, other)", (input: Tensor, other: Tensor): Tensor => {
  needTensors("ldexp", input, other);
  // Powers of two are exact in every float dtype: the operands may meet.
  const powers = floating(other).exp2();
  const dtype = resultType(input, powers);
  return input.to(dtype).mul(powers.to(dtype));
});

/** Powers in float64. @see https://pytorch.org/docs/stable/generated/torch.float_power.html */
export const floatPower = composite("floatPower(input, exponent)", (input: Operand, exponent: Operand): Tensor => {
  const [x, y] = [input, exponent].map((value) => (typeof value === "number" ? value : value.to("float64")));
  if (typeof x === "number" && typeof y === "number") fail("floatPower", "needs a tensor, got two numbers");
  return apply("pow", [x!, y!]);
});

/**
 * 0 below zero, 1 above, `values` at zero.
 * @see https://pytorch.org/docs/stable/generated/torch.heaviside.html
 * @example
 * floatTensor([-1, 0, 1]).heaviside(floatTensor([0.5])); // tensor([0.0000, 0.5000, 1.0000])
 */
export const heaviside = composite("heaviside(input, values)", (input: Tensor, values: Tensor): Tensor => {
  needTensors("heaviside", input, values);
  if (input.dtype !== values.dtype) fail("heaviside", `dtypes ${input.dtype} and ${values.dtype} differ`);
  return where(input.eq(0), values, input.gt(0).to(input.dtype));
});

/**
 * NaN and infinities replaced: by 0 and the largest numbers unless given.
 * @see https://pytorch.org/docs/stable/generated/torch.nan_to_num.html
 * @example
 * floatTensor([NaN, Infinity, 1]).nanToNum(0, 9); // tensor([0., 9., 1.])
 */
export const nanToNum = composite(
  "nanToNum(input, nan?, posinf?, neginf?)",
  (input: Tensor, nan?: number | null, posinf?: number | null, neginf?: number | null): Tensor => {
    if (!isFloat(input.dtype)) return input.clone();
    const most = largest[input.dtype];
    const known = where(input.isnan(), nan ?? 0, input);
    const below = where(input.eq(Number.POSITIVE_INFINITY), posinf ?? most, known);
    return where(input.eq(Number.NEGATIVE_INFINITY), neginf ?? -most, below);
  },
  "NanToNumBackward0",
);

/** Neither NaN nor infinite; bool. @see https://pytorch.org/docs/stable/generated/torch.isfinite.html */
export const isfinite = composite(
  "isfinite(input)",
  (input: Tensor): Tensor => input.isnan().logicalOr(input.isinf()).logicalNot(),
);

/** Whether x is +∞; bool. @see https://pytorch.org/docs/stable/generated/torch.isposinf.html */
export const isposinf = op("isposinf(input)", (input: Tensor): Tensor => input.eq(Number.POSITIVE_INFINITY));

/** Whether x is −∞; bool. @see https://pytorch.org/docs/stable/generated/torch.isneginf.html */
export const isneginf = op("isneginf(input)", (input: Tensor): Tensor => input.eq(Number.NEGATIVE_INFINITY));

/** All true: there are no complex dtypes. @see https://pytorch.org/docs/stable/generated/torch.isreal.html */
export const isreal = composite("isreal(input)", (input: Tensor): Tensor => input.eq(0).logicalOr(input.ne(0)));

/** The least common multiple. @see https://pytorch.org/docs/stable/generated/torch.lcm.html */
export const lcm = composite("lcm(input, other)", (input: Tensor, other: Tensor): Tensor => {
  needTensors("lcm", input, other);
  const divisor = input.gcd(other);
  return input
    .floorDivide(where(divisor.eq(0), 1, divisor))
    .mul(other)
    .abs();
});

/** `f` in the common dtype, of 16-bit floats in float32: rounded at the end alone. */
function roundedOnce(name: string, operands: readonly Tensor[], f: (...xs: Tensor[]) => Tensor): Tensor {
  const dtype = commonDType(name, operands);
  return f(...operands.map((operand) => roomy(operand.to(dtype)))).to(dtype);
}

const times = (x: Tensor, by: number): Tensor => (by === 1 ? x : x.mul(Number(by)));

/**
 * input + value · tensor1 · tensor2.
 * @see https://pytorch.org/docs/stable/generated/torch.addcmul.html
 * @example
 * ones(2).addcmul(floatTensor([1, 2]), floatTensor([3, 4]), { value: 10 }); // tensor([31., 81.])
 */
export const addcmul = composite(
  "addcmul(input, tensor1, tensor2, value?)",
  (input: Tensor, tensor1: Tensor, tensor2: Tensor, value: number = 1): Tensor =>
    roundedOnce("addcmul", [input, tensor1, tensor2], (x, a, b) =>
      x.add(times(a, isFloat(x.dtype) ? value : Math.trunc(value)).mul(b)),
    ),
  "AddcmulBackward0",
);

/** input + value · tensor1 / tensor2. @see https://pytorch.org/docs/stable/generated/torch.addcdiv.html */
export const addcdiv = composite(
  "addcdiv(input, tensor1, tensor2, value?)",
  (input: Tensor, tensor1: Tensor, tensor2: Tensor, value: number = 1): Tensor =>
    roundedOnce("addcdiv", [input, tensor1, tensor2], (x, a, b) => {
      if (!isFloat(x.dtype)) fail("addcdiv", `needs a float dtype, got ${x.dtype}`, 'Cast with .to("float32")');
      return x.add(times(a, value).div(b));
    }),
  "AddcdivBackward0",
);

/**
 * start + weight · (end − start), from whichever is nearer, so that weight 1 gives `end` itself.
 * @see https://pytorch.org/docs/stable/generated/torch.lerp.html
 * @example
 * floatTensor([0, 10]).lerp(floatTensor([10, 20]), 0.5); // tensor([ 5., 15.])
 */
export const lerp = composite(
  "lerp(input, end, weight)",
  (input: Tensor, end: Tensor, weight: Operand): Tensor => {
    if (typeof weight === "number") {
      return roundedOnce("lerp", [input, end], (a, b) =>
        weight < 0.5 ? a.add(b.sub(a).mul(weight)) : b.add(b.sub(a).mul(weight - 1)),
      );
    }
    return roundedOnce("lerp", [input, end, weight], (a, b, share) => {
      const early = share.lt(0.5);
      return where(early, a, b).add(b.sub(a).mul(where(early, share, share.sub(1))));
    });
  },
  "LerpBackward0",
);

/** At least `min`. @see https://pytorch.org/docs/stable/generated/torch.clamp.html */
export const clampMin = op("clampMin(input, min)", (input: Tensor, min: Operand): Tensor => {
  needTensors("clampMin", input);
  return input.clamp(min);
});

/** At most `max`. @see https://pytorch.org/docs/stable/generated/torch.clamp.html */
export const clampMax = op("clampMax(input, max)", (input: Tensor, max: Operand): Tensor => {
  needTensors("clampMax", input);
  return input.clamp(null, max);
});
