/** Element-wise functions of one tensor. Whole numbers are computed in the default float dtype where the maths needs it. */
import { fail } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { apply } from "./apply.ts";
import { to } from "./convert.ts";
import { kindsOf } from "./kinds.ts";
import { labelled } from "./labels.ts";
import { composite } from "./signature.ts";
import type { UnaryOp } from "./table.ts";

export type Unary = (input: Tensor) => Tensor;

function unary(name: UnaryOp): Unary {
  const checkKinds = kindsOf(name);
  const call: Unary = (input) => {
    const operands = [input];
    checkKinds(operands);
    return apply(name, operands);
  };
  Object.defineProperty(call, "name", { value: name });
  return call;
}

/** −x. @see https://pytorch.org/docs/stable/generated/torch.neg.html */
export const neg: Unary = unary("neg");
/** |x|. @see https://pytorch.org/docs/stable/generated/torch.abs.html */
export const abs: Unary = unary("abs");
/** −1, 0 or 1. @see https://pytorch.org/docs/stable/generated/torch.sign.html */
export const sign: Unary = unary("sign");
/** The largest whole number ≤ x. @see https://pytorch.org/docs/stable/generated/torch.floor.html */
export const floor: Unary = unary("floor");
/** The smallest whole number ≥ x. @see https://pytorch.org/docs/stable/generated/torch.ceil.html */
export const ceil: Unary = unary("ceil");
/** x without its fraction. @see https://pytorch.org/docs/stable/generated/torch.trunc.html */
export const trunc: Unary = unary("trunc");
/** max(x, 0). @see https://pytorch.org/docs/stable/generated/torch.relu.html */
export const relu: Unary = unary("relu");
/** x². @see https://pytorch.org/docs/stable/generated/torch.square.html */
export const square: Unary = (input) => apply("square", [input.dtype === "bool" ? to(input, "int64") : input]);
/** Every bit flipped; logical not for bool. @see https://pytorch.org/docs/stable/generated/torch.bitwise_not.html */
export const bitwiseNot: Unary = unary("bitwiseNot");
/** √x. @see https://pytorch.org/docs/stable/generated/torch.sqrt.html */
export const sqrt: Unary = unary("sqrt");
/** 1 / √x. @see https://pytorch.org/docs/stable/generated/torch.rsqrt.html */
export const rsqrt: Unary = unary("rsqrt");
/** 1 / x. @see https://pytorch.org/docs/stable/generated/torch.reciprocal.html */
export const reciprocal: Unary = unary("reciprocal");
/** eˣ. @see https://pytorch.org/docs/stable/generated/torch.exp.html */
export const exp: Unary = unary("exp");
/** 2ˣ. @see https://pytorch.org/docs/stable/generated/torch.exp2.html */
export const exp2: Unary = unary("exp2");
/** eˣ − 1, exact near 0. @see https://pytorch.org/docs/stable/generated/torch.expm1.html */
export const expm1: Unary = unary("expm1");
/** The natural logarithm. @see https://pytorch.org/docs/stable/generated/torch.log.html */
export const log: Unary = unary("log");
/** The logarithm to base 2. @see https://pytorch.org/docs/stable/generated/torch.log2.html */
export const log2: Unary = unary("log2");
/** The logarithm to base 10. @see https://pytorch.org/docs/stable/generated/torch.log10.html */
export const log10: Unary = unary("log10");
/** log(1 + x), exact near 0. @see https://pytorch.org/docs/stable/generated/torch.log1p.html */
export const log1p: Unary = (input) => labelled(apply("log1p", [input]), "Log1PBackward0");
/** Sine of radians. @see https://pytorch.org/docs/stable/generated/torch.sin.html */
export const sin: Unary = unary("sin");
/** Cosine of radians. @see https://pytorch.org/docs/stable/generated/torch.cos.html */
export const cos: Unary = unary("cos");
/** Tangent of radians. @see https://pytorch.org/docs/stable/generated/torch.tan.html */
export const tan: Unary = unary("tan");
/** Inverse sine. @see https://pytorch.org/docs/stable/generated/torch.asin.html */
export const asin: Unary = unary("asin");
/** Inverse cosine. @see https://pytorch.org/docs/stable/generated/torch.acos.html */
export const acos: Unary = unary("acos");
/** Inverse tangent. @see https://pytorch.org/docs/stable/generated/torch.atan.html */
export const atan: Unary = unary("atan");
/** Hyperbolic sine. @see https://pytorch.org/docs/stable/generated/torch.sinh.html */
export const sinh: Unary = unary("sinh");
/** Hyperbolic cosine. @see https://pytorch.org/docs/stable/generated/torch.cosh.html */
export const cosh: Unary = unary("cosh");
/** Hyperbolic tangent. @see https://pytorch.org/docs/stable/generated/torch.tanh.html */
export const tanh: Unary = unary("tanh");
/** Inverse hyperbolic sine. @see https://pytorch.org/docs/stable/generated/torch.asinh.html */
export const asinh: Unary = unary("asinh");
/** Inverse hyperbolic cosine. @see https://pytorch.org/docs/stable/generated/torch.acosh.html */
export const acosh: Unary = unary("acosh");
/** Inverse hyperbolic tangent. @see https://pytorch.org/docs/stable/generated/torch.atanh.html */
export const atanh: Unary = unary("atanh");
/** 1 / (1 + e⁻ˣ). @see https://pytorch.org/docs/stable/generated/torch.sigmoid.html */
export const sigmoid: Unary = unary("sigmoid");
/** The error function. @see https://pytorch.org/docs/stable/generated/torch.erf.html */
export const erf: Unary = unary("erf");
/** 1 − erf(x). @see https://pytorch.org/docs/stable/generated/torch.erfc.html */
export const erfc: Unary = unary("erfc");
/** The inverse of erf. @see https://pytorch.org/docs/stable/generated/torch.erfinv.html */
export const erfinv: Unary = unary("erfinv");
/** log |Γ(x)|. @see https://pytorch.org/docs/stable/generated/torch.lgamma.html */
export const lgamma: Unary = unary("lgamma");
/** The derivative of lgamma. @see https://pytorch.org/docs/stable/generated/torch.digamma.html */
export const digamma: Unary = unary("digamma");
/** Whether x is zero; bool. @see https://pytorch.org/docs/stable/generated/torch.logical_not.html */
export const logicalNot: Unary = unary("logicalNot");
/** Whether x is NaN; bool. @see https://pytorch.org/docs/stable/generated/torch.isnan.html */
export const isnan: Unary = unary("isnan");
/** Whether x is infinite; bool. @see https://pytorch.org/docs/stable/generated/torch.isinf.html */
export const isinf: Unary = unary("isinf");
/** Whether the sign bit is set; bool. @see https://pytorch.org/docs/stable/generated/torch.signbit.html */
export const signbit: Unary = unary("signbit");

/**
 * Rounds to whole numbers, halves to even, or to `decimals` places.
 * @see https://pytorch.org/docs/stable/generated/torch.round.html
 * @example
 * floatTensor([0.5, 1.5, 2.5]).round(); // tensor([0., 2., 2.])
 * floatTensor([3.14159]).round({ decimals: 2 }); // tensor([3.1400])
 */
export const round = composite("round(input, decimals?)", (input: Tensor, decimals: number = 0): Tensor => {
  if (input.dtype === "bool") fail("round", "bool tensors have no arithmetic", "Cast to an integer dtype");
  if (decimals === 0) return apply("round", [input]);
  const scale = 10 ** Math.abs(decimals);
  return decimals > 0 ? input.mul(scale).round().div(scale) : input.div(scale).round().mul(scale);
});
