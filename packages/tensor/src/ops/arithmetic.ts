/** Element-wise functions of two operands, which broadcast. Either may be a number; the dtypes of two tensors must agree. */
import type { DType } from "../dtype.ts";
import { fail } from "../errors.ts";
import type { Operand } from "../recorder.ts";
import type { Tensor } from "../tensor.ts";
import { apply } from "./apply.ts";
import { op } from "./signature.ts";
import type { BinaryOp } from "./table.ts";

/** What goes with a `Tensor<D>`: anything of the same dtype, of unknown dtype, or a number. */
export type Agrees<D extends DType, E extends DType> = DType extends D
  ? unknown
  : DType extends E
    ? unknown
    : E extends D
      ? unknown
      : `${D} and ${E} do not mix: cast one with .to("${D}")`;

function binary(name: BinaryOp): (input: Operand, other: Operand) => Tensor {
  const call = (input: Operand, other: Operand): Tensor => apply(name, [input, other]);
  Object.defineProperty(call, "name", { value: name });
  return call;
}

/** The larger of two; NaN if either is. @see https://pytorch.org/docs/stable/generated/torch.maximum.html */
export const maximum: (input: Operand, other: Operand) => Tensor = binary("maximum");
/** The smaller of two; NaN if either is. @see https://pytorch.org/docs/stable/generated/torch.minimum.html */
export const minimum: (input: Operand, other: Operand) => Tensor = binary("minimum");
/** The larger of two; a number wins over NaN. @see https://pytorch.org/docs/stable/generated/torch.fmax.html */
export const fmax: (input: Operand, other: Operand) => Tensor = binary("fmax");
/** The smaller of two; a number wins over NaN. @see https://pytorch.org/docs/stable/generated/torch.fmin.html */
export const fmin: (input: Operand, other: Operand) => Tensor = binary("fmin");
/** The remainder with the divisor's sign. @see https://pytorch.org/docs/stable/generated/torch.remainder.html */
export const remainder: (input: Operand, other: Operand) => Tensor = binary("remainder");
/** The remainder with the dividend's sign. @see https://pytorch.org/docs/stable/generated/torch.fmod.html */
export const fmod: (input: Operand, other: Operand) => Tensor = binary("fmod");
/** ⌊a / b⌋. @see https://pytorch.org/docs/stable/generated/torch.floor_divide.html */
export const floorDivide: (input: Operand, other: Operand) => Tensor = binary("floorDivide");
/** aᵇ. @see https://pytorch.org/docs/stable/generated/torch.pow.html */
export const pow: (input: Operand, other: Operand) => Tensor = binary("pow");
/** The angle of (b, a), in radians. @see https://pytorch.org/docs/stable/generated/torch.atan2.html */
export const atan2: (input: Operand, other: Operand) => Tensor = binary("atan2");
/** √(a² + b²). @see https://pytorch.org/docs/stable/generated/torch.hypot.html */
export const hypot: (input: Operand, other: Operand) => Tensor = binary("hypot");
/** |a| with b's sign. @see https://pytorch.org/docs/stable/generated/torch.copysign.html */
export const copysign: (input: Operand, other: Operand) => Tensor = binary("copysign");
/** The greatest common divisor. @see https://pytorch.org/docs/stable/generated/torch.gcd.html */
export const gcd: (input: Operand, other: Operand) => Tensor = binary("gcd");
/** Bits that both have. @see https://pytorch.org/docs/stable/generated/torch.bitwise_and.html */
export const bitwiseAnd: (input: Operand, other: Operand) => Tensor = binary("bitwiseAnd");
/** Bits that either has. @see https://pytorch.org/docs/stable/generated/torch.bitwise_or.html */
export const bitwiseOr: (input: Operand, other: Operand) => Tensor = binary("bitwiseOr");
/** Bits that one has. @see https://pytorch.org/docs/stable/generated/torch.bitwise_xor.html */
export const bitwiseXor: (input: Operand, other: Operand) => Tensor = binary("bitwiseXor");
/** a · 2ᵇ. @see https://pytorch.org/docs/stable/generated/torch.bitwise_left_shift.html */
export const bitwiseLeftShift: (input: Operand, other: Operand) => Tensor = binary("bitwiseLeftShift");
/** ⌊a / 2ᵇ⌋. @see https://pytorch.org/docs/stable/generated/torch.bitwise_right_shift.html */
export const bitwiseRightShift: (input: Operand, other: Operand) => Tensor = binary("bitwiseRightShift");
/** a = b; bool. @see https://pytorch.org/docs/stable/generated/torch.eq.html */
export const eq: (input: Operand, other: Operand) => Tensor = binary("eq");
/** a ≠ b; bool. @see https://pytorch.org/docs/stable/generated/torch.ne.html */
export const ne: (input: Operand, other: Operand) => Tensor = binary("ne");
/** a < b; bool. @see https://pytorch.org/docs/stable/generated/torch.lt.html */
export const lt: (input: Operand, other: Operand) => Tensor = binary("lt");
/** a ≤ b; bool. @see https://pytorch.org/docs/stable/generated/torch.le.html */
export const le: (input: Operand, other: Operand) => Tensor = binary("le");
/** a > b; bool. @see https://pytorch.org/docs/stable/generated/torch.gt.html */
export const gt: (input: Operand, other: Operand) => Tensor = binary("gt");
/** a ≥ b; bool. @see https://pytorch.org/docs/stable/generated/torch.ge.html */
export const ge: (input: Operand, other: Operand) => Tensor = binary("ge");
/** Both non-zero; bool. @see https://pytorch.org/docs/stable/generated/torch.logical_and.html */
export const logicalAnd: (input: Operand, other: Operand) => Tensor = binary("logicalAnd");
/** Either non-zero; bool. @see https://pytorch.org/docs/stable/generated/torch.logical_or.html */
export const logicalOr: (input: Operand, other: Operand) => Tensor = binary("logicalOr");
/** One non-zero; bool. @see https://pytorch.org/docs/stable/generated/torch.logical_xor.html */
export const logicalXor: (input: Operand, other: Operand) => Tensor = binary("logicalXor");

/**
 * input + alpha · other.
 * @throws TensorError when dtypes differ (unless promotion is on) or shapes do not broadcast
 * @see https://pytorch.org/docs/stable/generated/torch.add.html
 */
export const add = op(
  "add(input, other, alpha?)",
  (input: Operand, other: Operand, alpha: number = 1): Tensor => apply("add", [input, times(other, alpha)]),
);

/** input − alpha · other. @see https://pytorch.org/docs/stable/generated/torch.sub.html */
export const sub = op("sub(input, other, alpha?)", (input: Operand, other: Operand, alpha: number = 1): Tensor => {
  for (const operand of [input, other]) {
    if (typeof operand !== "number" && operand.dtype === "bool") {
      fail("sub", "bool tensors do not subtract", "Use logicalXor, or cast to an integer dtype");
    }
  }
  return apply("sub", [input, times(other, alpha)]);
});

/** other − alpha · input. */
export const rsub = op(
  "rsub(input, other, alpha?)",
  (input: Operand, other: Operand, alpha: number = 1): Tensor => sub(other, input, alpha),
);

/** input · other. @see https://pytorch.org/docs/stable/generated/torch.mul.html */
export const mul = op("mul(input, other)", (input: Operand, other: Operand): Tensor => apply("mul", [input, other]));

/**
 * input / other, a float for whole numbers too; `roundingMode` "trunc" or "floor" rounds and keeps the dtype.
 * @see https://pytorch.org/docs/stable/generated/torch.div.html
 */
export const div = op(
  "div(input, other, roundingMode?)",
  (input: Operand, other: Operand, roundingMode: "trunc" | "floor" | null = null): Tensor => {
    if (roundingMode === null) return apply("div", [input, other]);
    if (roundingMode === "floor") return apply("floorDivide", [input, other]);
    if (roundingMode !== "trunc") fail("div", `unknown rounding mode "${roundingMode}"`, 'Use "trunc" or "floor"');
    const exact = apply("sub", [input, apply("fmod", [input, other])]);
    return exact.isFloatingPoint()
      ? apply("trunc", [apply("div", [input, other])])
      : apply("floorDivide", [exact, other]);
  },
);

/**
 * `input` where `condition` holds, `other` elsewhere; all three broadcast.
 * @see https://pytorch.org/docs/stable/generated/torch.where.html
 */
export const where = op(
  "where(condition, input, other)",
  (condition: Tensor, input: Operand, other: Operand): Tensor => {
    const flags = condition.dtype === "bool" ? condition : apply("cast", [condition], { dtype: "bool" });
    return apply("where", [flags, input, other]);
  },
);

function times(other: Operand, alpha: number): Operand {
  if (alpha === 1) return other;
  return typeof other === "number" ? other * alpha : apply("mul", [other, alpha]);
}
