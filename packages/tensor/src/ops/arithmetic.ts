/** Element-wise functions of two operands, which broadcast. The dtypes of two tensors must agree; some take numbers. */
import type { DType } from "../dtype.ts";
import { fail, showValue } from "../errors.ts";
import type { Operand } from "../recorder.ts";
import { Tensor } from "../tensor.ts";
import { apply } from "./apply.ts";
import { limit } from "./coerce.ts";
import { kindsOf } from "./kinds.ts";
import { labelled } from "./labels.ts";
import { scaled } from "./scaling.ts";
import { type OpFunction, op } from "./signature.ts";
import type { BinaryOp } from "./table.ts";

/** What goes with a `Tensor<D>`: anything of the same dtype, of unknown dtype, or a number. */
export type Agrees<D extends DType, E extends DType> = DType extends D
  ? unknown
  : DType extends E
    ? unknown
    : E extends D
      ? unknown
      : `${D} and ${E} do not mix: cast one with .to("${D}")`;

type Both = (input: Tensor, other: Tensor) => Tensor;
type First = (input: Tensor, other: Operand) => Tensor;
type Either = (input: Operand, other: Operand) => Tensor;

/** PyTorch wants tensors on both sides, on the left, or on either: `needed` says which arguments must be. */
function binary(name: BinaryOp, needed: (input: Operand, other: Operand) => boolean): Either {
  const checkKinds = kindsOf(name);
  const call: Either = (input, other) => {
    if (!needed(input, other)) failOperands(name, input, other);
    const operands = [input, other];
    checkKinds(operands);
    return apply(name, operands);
  };
  Object.defineProperty(call, "name", { value: name });
  return Object.assign(call, { names: name === "pow" ? ["input", "exponent"] : ["input", "other"] });
}

function failOperands(name: string, input: unknown, other: unknown): never {
  return fail(name, `needs tensors, got ${showValue(input)} and ${showValue(other)}`, "Wrap numbers with tensor(…)");
}

const isTensor = (value: unknown): boolean => value instanceof Tensor;
const both = (name: BinaryOp): Both => binary(name, (input, other) => isTensor(input) && isTensor(other));
const first = (name: BinaryOp): First => binary(name, (input) => isTensor(input));
const either = (name: BinaryOp): Either => binary(name, (input, other) => isTensor(input) || isTensor(other));

/**
 * The larger of two; NaN if either is.
 * @see https://pytorch.org/docs/stable/generated/torch.maximum.html
 * @example
 * maximum(tensor([1, 5]), tensor([3, 2])); // tensor([3, 5])
 */
export const maximum: Both = both("maximum");
/** The smaller of two; NaN if either is. @see https://pytorch.org/docs/stable/generated/torch.minimum.html */
export const minimum: Both = both("minimum");
/** The larger of two; a number wins over NaN. @see https://pytorch.org/docs/stable/generated/torch.fmax.html */
export const fmax: Both = both("fmax");
/** The smaller of two; a number wins over NaN. @see https://pytorch.org/docs/stable/generated/torch.fmin.html */
export const fmin: Both = both("fmin");
/**
 * The remainder with the divisor's sign.
 * @see https://pytorch.org/docs/stable/generated/torch.remainder.html
 * @example
 * tensor([-3, 3]).remainder(2); // tensor([1, 1])
 */
export const remainder: Either = either("remainder");
/**
 * The remainder with the dividend's sign.
 * @see https://pytorch.org/docs/stable/generated/torch.fmod.html
 * @example
 * tensor([-3, 3]).fmod(2); // tensor([-1, 1])
 */
export const fmod: First = first("fmod");
/**
 * ⌊a / b⌋.
 * @see https://pytorch.org/docs/stable/generated/torch.floor_divide.html
 * @example
 * tensor([-3, 3]).floorDivide(2); // tensor([-2, 1])
 */
export const floorDivide: Either = either("floorDivide");
const power: Either = either("pow");
/**
 * aᵇ.
 * @see https://pytorch.org/docs/stable/generated/torch.pow.html
 * @example
 * tensor([1, 2, 3]).pow(2); // tensor([1, 4, 9])
 */
export const pow: Either = Object.assign(
  (input: Operand, exponent: Operand) =>
    typeof exponent === "number" ? power(input, exponent) : labelled(power(input, exponent), "PowBackward1"),
  power,
);
/** The angle of (b, a), in radians. @see https://pytorch.org/docs/stable/generated/torch.atan2.html */
export const atan2: Both = both("atan2");
/** √(a² + b²). @see https://pytorch.org/docs/stable/generated/torch.hypot.html */
export const hypot: Both = both("hypot");
/** |a| with b's sign. @see https://pytorch.org/docs/stable/generated/torch.copysign.html */
export const copysign: First = first("copysign");
/** The greatest common divisor. @see https://pytorch.org/docs/stable/generated/torch.gcd.html */
export const gcd: Both = both("gcd");
/** Bits that both have. @see https://pytorch.org/docs/stable/generated/torch.bitwise_and.html */
export const bitwiseAnd: Either = either("bitwiseAnd");
/** Bits that either has. @see https://pytorch.org/docs/stable/generated/torch.bitwise_or.html */
export const bitwiseOr: Either = either("bitwiseOr");
/** Bits that one has. @see https://pytorch.org/docs/stable/generated/torch.bitwise_xor.html */
export const bitwiseXor: Either = either("bitwiseXor");
/** a · 2ᵇ. @see https://pytorch.org/docs/stable/generated/torch.bitwise_left_shift.html */
export const bitwiseLeftShift: Either = either("bitwiseLeftShift");
/** ⌊a / 2ᵇ⌋. @see https://pytorch.org/docs/stable/generated/torch.bitwise_right_shift.html */
export const bitwiseRightShift: Either = either("bitwiseRightShift");
/**
 * a = b; bool.
 * @see https://pytorch.org/docs/stable/generated/torch.eq.html
 * @example
 * tensor([1, 2]).eq(tensor([1, 3])); // tensor([ True, False])
 */
export const eq: First = first("eq");
/** a ≠ b; bool. @see https://pytorch.org/docs/stable/generated/torch.ne.html */
export const ne: First = first("ne");
/** a < b; bool. @see https://pytorch.org/docs/stable/generated/torch.lt.html */
export const lt: First = first("lt");
/** a ≤ b; bool. @see https://pytorch.org/docs/stable/generated/torch.le.html */
export const le: First = first("le");
/** a > b; bool. @see https://pytorch.org/docs/stable/generated/torch.gt.html */
export const gt: First = first("gt");
/** a ≥ b; bool. @see https://pytorch.org/docs/stable/generated/torch.ge.html */
export const ge: First = first("ge");
/** Both non-zero; bool. @see https://pytorch.org/docs/stable/generated/torch.logical_and.html */
export const logicalAnd: Both = both("logicalAnd");
/** Either non-zero; bool. @see https://pytorch.org/docs/stable/generated/torch.logical_or.html */
export const logicalOr: Both = both("logicalOr");
/** One non-zero; bool. @see https://pytorch.org/docs/stable/generated/torch.logical_xor.html */
export const logicalXor: Both = both("logicalXor");

/**
 * input + alpha · other.
 * @throws TensorError when dtypes differ (unless promotion is on) or shapes do not broadcast
 * @see https://pytorch.org/docs/stable/generated/torch.add.html
 * @example
 * tensor([1, 2]).add(10); // tensor([11, 12])
 * tensor([1, 2]).add(tensor([3, 4]), { alpha: 2 }); // tensor([ 7, 10])
 */
export const add = op(
  "add(input, other, alpha?)",
  (input: Operand, other: Operand, alpha: number = 1): Tensor =>
    apply("add", [input, scaled("add", input, other, alpha)]),
);

const checkSub = kindsOf("sub");
/** input − alpha · other. @see https://pytorch.org/docs/stable/generated/torch.sub.html */
export const sub = op("sub(input, other, alpha?)", (input: Operand, other: Operand, alpha: number = 1): Tensor => {
  checkSub([input, other]);
  return apply("sub", [input, scaled("sub", input, other, alpha)]);
});

/** other − alpha · input. */
export const rsub = op("rsub(input, other, alpha?)", (input: Tensor, other: Operand, alpha: number = 1): Tensor => {
  if (!(input instanceof Tensor)) failOperands("rsub", input, other);
  return labelled(sub(other, input, alpha), typeof other === "number" ? "RsubBackward1" : "RsubBackward0");
});

/**
 * input · other.
 * @see https://pytorch.org/docs/stable/generated/torch.mul.html
 * @example
 * floatTensor([[1], [2]]).mul(floatTensor([10, 20])); // tensor([[10., 20.], [20., 40.]])
 */
export const mul = op("mul(input, other)", (input: Operand, other: Operand): Tensor => apply("mul", [input, other]));

/**
 * input / other, a float for whole numbers too; `roundingMode` "trunc" or "floor" rounds and keeps the dtype.
 * @see https://pytorch.org/docs/stable/generated/torch.div.html
 * @example
 * tensor([7, -7]).div(2); // tensor([ 3.5000, -3.5000])
 * tensor([7, -7]).div(2, { roundingMode: "floor" }); // tensor([ 3, -4])
 */
export const div = op(
  "div(input, other, roundingMode?)",
  (input: Operand, other: Operand, roundingMode: "trunc" | "floor" | null = null): Tensor => {
    if (roundingMode === null) return apply("div", [input, other]);
    if (roundingMode === "floor") return apply("floorDivide", [input, other]);
    if (roundingMode !== "trunc") fail("div", `unknown rounding mode "${roundingMode}"`, 'Use "trunc" or "floor"');
    const down = apply("floorDivide", [input, other]);
    if (down.isFloatingPoint()) return apply("trunc", [apply("div", [input, other])]);
    const isLower = apply("logicalAnd", [apply("lt", [down, 0]), apply("ne", [apply("mul", [down, other]), input])]);
    return apply("where", [isLower, apply("add", [down, 1]), down]);
  },
);

type Choice = readonly [condition: Tensor, input: Operand, other: Operand];

/** Elements of two by a condition, or of the condition alone where it holds: positions, a tensor for each dimension. */
export interface Where extends OpFunction<["condition", "input", "other"], [...Choice], Tensor> {
  (condition: Tensor): Tensor[];
}

/**
 * `input` where `condition` holds, `other` elsewhere; all three broadcast.
 * @see https://pytorch.org/docs/stable/generated/torch.where.html
 * @example
 * const x = floatTensor([-1, 2]);
 * where(x.gt(0), x, 0); // tensor([0., 2.])
 */
export const where: Where = op(
  "where(condition, input, other)",
  (...[condition, input, other]: Choice | readonly [condition: Tensor, input?: undefined, other?: undefined]) => {
    if (input === undefined) return condition.nonzero(true);
    if (condition.dtype !== "bool" && condition.dtype !== "uint8") {
      fail("where", `the condition must be bool, got ${condition.dtype}`, "Compare it, as in x.gt(0)");
    }
    const flags = condition.dtype === "bool" ? condition : apply("cast", [condition], { dtype: "bool" });
    return apply("where", [flags, limit("where", other, input), limit("where", input, other)]);
  },
) as never;
