/** Derivatives of element-wise functions of two operands, and of the fused backward kernels among them. */
import { add, apply, type BinaryOp, logicalAnd, mul, type Operand, type Tensor, where } from "@dl/tensor";
import { A, B, constant, type Gradient, nonDifferentiable, OUT, pair, type Rules, zero } from "./rule.ts";

const sumOfSquares = (a: Operand, b: Operand): Tensor => add(mul(a, a), mul(b, b));
const gaussian = (x: Tensor): Tensor =>
  x
    .square()
    .mul(-0.5)
    .exp()
    .mul(1 / Math.sqrt(2 * Math.PI));

/** `grad` where `self` wins over `other`; a tie with a tensor is shared, a tie with a bound (clamp) is the tensor's. */
function winner(grad: Tensor, self: Tensor, other: Operand, wins: "gt" | "lt"): Tensor {
  if (typeof other === "number") return where(wins === "gt" ? self.ge(other) : self.le(other), grad, 0);
  const beaten = wins === "gt" ? self.lt(other) : self.gt(other);
  return where(self.eq(other), grad.mul(0.5), where(beaten, 0, grad));
}

function winnerOf(wins: "gt" | "lt"): ReturnType<typeof pair> {
  return pair(
    { reads: A | B, vjp: (g, { a, b }) => winner(g, a, b, wins) },
    { reads: A | B, vjp: (g, { a, b }) => winner(g, b, a, wins) },
  );
}

/** Of fmax and fmin: the first operand's unless the second is strictly better or the first is NaN. */
function soleWinner(wins: "ge" | "le"): ReturnType<typeof pair> {
  const first = (a: Operand, b: Operand): Tensor =>
    apply("logicalOr", [apply(wins, [a, b]), typeof b === "number" ? Number(Number.isNaN(b)) : b.isnan()]);
  return pair(
    { reads: A | B, vjp: (g, { a, b }) => where(first(a, b), g, 0) },
    { reads: A | B, vjp: (g, { a, b }) => where(first(a, b), 0, g) },
  );
}

/** The exponent's derivative is 0 where 0 is raised to something not negative, instead of 0 · log 0. */
function powExponent(g: Tensor, a: Operand, b: Tensor, out: Tensor): NonNullable<Gradient> {
  if (typeof a === "number")
    return a === 0 ? where(b.ge(0), 0, g.mul(out).mul(-Infinity)) : g.mul(out.mul(Math.log(a)));
  return where(logicalAnd(a.eq(0), b.ge(0)), 0, g.mul(out.mul(a.log())));
}

function powBase(g: Tensor, a: Tensor, b: Operand): NonNullable<Gradient> {
  if (typeof b === "number") return b === 0 ? zero : g.mul(a.pow(b - 1).mul(b));
  return where(b.eq(0), 0, g.mul(b.mul(a.pow(b.sub(1)))));
}

const itself = { reads: 0, vjp: (g: Tensor) => g } as const;

export const arithmetic: Rules<BinaryOp> = {
  add: pair(itself, itself),
  sub: pair(itself, { reads: 0, vjp: (g) => g.neg() }),
  mul: pair({ reads: B, vjp: (g, { b }) => mul(g, b) }, { reads: A, vjp: (g, { a }) => mul(g, a) }),
  div: pair(
    { reads: B, vjp: (g, { b }) => apply("div", [g, b]) },
    {
      reads: A | B,
      vjp: (g, { a, b }) =>
        g
          .mul(apply("div", [a, b]))
          .div(b)
          .neg(),
    },
  ),
  floorDivide: { name: "DivBackward1", wrt: [...constant.wrt, ...constant.wrt] },
  remainder: pair(itself, { reads: A | B, vjp: (g, { a, b }) => g.mul(apply("floorDivide", [a, b])).neg() }),
  fmod: pair(itself, { reads: A | B, vjp: (g, { a, b }) => g.mul(apply("div", [a, b]).trunc()).neg() }),
  pow: {
    name: "PowBackward0",
    ...pair(
      { reads: A | B, vjp: (g, { a, b }) => powBase(g, a, b) },
      { reads: A | B | OUT, vjp: (g, { a, b, out }) => powExponent(g, a, b, out) },
    ),
  },
  maximum: winnerOf("gt"),
  minimum: winnerOf("lt"),
  fmax: soleWinner("ge"),
  fmin: soleWinner("le"),
  atan2: pair(
    { reads: A | B, vjp: (g, { a, b }) => mul(g, b).div(sumOfSquares(a, b)) },
    { reads: A | B, vjp: (g, { a, b }) => mul(g, a).div(sumOfSquares(a, b)).neg() },
  ),
  huber: pair(
    { reads: A | B, vjp: (g, { a, b }) => g.mul(a.clamp(typeof b === "number" ? -b : b.neg(), b)) },
    { reads: A | B, vjp: (g, { a, b }) => g.mul(apply("sub", [apply("abs", [a]), b]).relu()) },
  ),
  hypot: pair(
    { reads: A | OUT, vjp: (g, { a, out }) => g.mul(a.div(out)) },
    { reads: B | OUT, vjp: (g, { b, out }) => g.mul(b.div(out)) },
  ),
  copysign: pair({ reads: A | OUT, vjp: (g, { a, out }) => where(a.eq(0), 0, g.mul(out.div(a))) }, constant.wrt[0]),
  gcd: nonDifferentiable,
  bitwiseAnd: nonDifferentiable,
  bitwiseOr: nonDifferentiable,
  bitwiseXor: nonDifferentiable,
  bitwiseLeftShift: nonDifferentiable,
  bitwiseRightShift: nonDifferentiable,
  eq: nonDifferentiable,
  ne: nonDifferentiable,
  lt: nonDifferentiable,
  le: nonDifferentiable,
  gt: nonDifferentiable,
  ge: nonDifferentiable,
  logicalAnd: nonDifferentiable,
  logicalOr: nonDifferentiable,
  logicalXor: nonDifferentiable,
  // Of (gradient, output) or (gradient, input): the second derivatives of what they serve.
  reluBackward: pair({ reads: B, vjp: (g, { b }) => apply("reluBackward", [g, b]) }, constant.wrt[0]),
  sigmoidBackward: pair(
    { reads: B, vjp: (g, { b }) => apply("sigmoidBackward", [g, b]) },
    { reads: A | B, vjp: (g, { a, b }) => g.mul(a).mul(b.mul(-2).add(1)) },
  ),
  tanhBackward: pair(
    { reads: B, vjp: (g, { b }) => apply("tanhBackward", [g, b]) },
    { reads: A | B, vjp: (g, { a, b }) => g.mul(a).mul(b).mul(-2) },
  ),
  geluBackward: pair(
    { reads: B, vjp: (g, { b }) => apply("geluBackward", [g, b]) },
    { reads: A | B, vjp: (g, { a, b }) => g.mul(a).mul(gaussian(b)).mul(b.square().neg().add(2)) },
  ),
};
