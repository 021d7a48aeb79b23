/** Functions around Γ: Hurwitz's zeta function and what it gives. */
import { fail } from "../errors.ts";
import type { Operand } from "../recorder.ts";
import { Tensor } from "../tensor.ts";
import { apply } from "./apply.ts";
import { where } from "./arithmetic.ts";
import { fullLike } from "./creation.ts";
import { floating, floatOperands } from "./pointwise.ts";
import { composite } from "./signature.ts";

/** Terms that are added before the rest is estimated. */
const terms = 10;
/** B₂ⱼ / (2j)!, the coefficients of Euler's and Maclaurin's estimate. */
const estimate = [1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000] as const;

/**
 * Hurwitz's zeta function: Σ (q + k)⁻ˣ over k = 0, 1, … for x > 1 and q > −1; ∞ for x = 1 and at q = 0, −1, …, NaN for x < 1
 * and elsewhere below −1.
 * @see https://pytorch.org/docs/stable/special.html#torch.special.zeta
 */
export const zeta = composite("zeta(input, other)", (input: Operand, other: Operand): Tensor => {
  const [order, q] = floatOperands("zeta", input, other) as [Tensor, Tensor];
  const negative = order.neg();
  const end = q.add(terms);
  const last = end.pow(negative);
  let sum = last.mul(end).div(order.sub(1)).add(last.div(2));
  for (let k = 0; k < terms; k++) sum = sum.add(q.add(k).pow(negative));
  // x (x + 1) … (x + 2j) / (q + N)^(x + 2j + 1)
  let factor = order.mul(last).div(end);
  for (const [j, coefficient] of estimate.entries()) {
    sum = sum.add(factor.mul(coefficient));
    factor = factor
      .mul(order.add(2 * j + 1))
      .mul(order.add(2 * j + 2))
      .div(end.square());
  }
  const pole = q.le(0).logicalAnd(q.eq(q.floor()));
  const infinite = order.eq(1).logicalOr(order.gt(1).logicalAnd(pole));
  return where(order.lt(1).logicalOr(q.lt(-1)), Number.NaN, sum).maskedFill(infinite, Number.POSITIVE_INFINITY);
});

/** Coefficients of the polynomial in cot πx that is the derivative of order n of cot πx, over πⁿ: P₀ = c, P′ → −(1 + c²) P′. */
function cotangentDerivative(n: number): number[] {
  let polynomial = [0, 1];
  for (let k = 0; k < n; k++) {
    const slope = polynomial.slice(1).map((coefficient, i) => coefficient * (i + 1));
    const next = Array<number>(slope.length + 2).fill(0);
    for (const [i, coefficient] of slope.entries()) {
      next[i]! -= coefficient;
      next[i + 2]! -= coefficient;
    }
    polynomial = next;
  }
  return polynomial;
}

/** π times the derivative of order n of cot πx: what ψₙ(x) differs by from (−1)ⁿ ψₙ(1 − x). 0 where `below` does not hold. */
function reflected(n: number, input: Tensor, below: Tensor): Tensor {
  // The quarter is any place without a pole: what is not asked for must not give infinite gradients.
  const cotangent = where(below, input.sub(input.detach().round()), 0.25).mul(Math.PI).tan().reciprocal();
  const coefficients = cotangentDerivative(n);
  let value = fullLike(cotangent, coefficients.pop()!);
  while (coefficients.length > 0) value = value.mul(cotangent).add(coefficients.pop()!);
  return where(below, value.mul(Math.PI ** (n + 1)), 0);
}

/**
 * The derivative of order n + 1 of log Γ: `polygamma(n, x)`, `x.polygamma(n)`.
 * @see https://pytorch.org/docs/stable/special.html#torch.special.polygamma
 * @example
 * floatTensor([1, 0.5]).polygamma(1); // tensor([1.6449, 4.9348])
 */
export const polygamma = composite(
  "polygamma(n, input)",
  (...args: readonly [n: number, input: Tensor] | readonly [input: Tensor, n: number]): Tensor => {
    const [n, given] = (args[0] instanceof Tensor ? [args[1], args[0]] : args) as [number, Tensor];
    if (!(Number.isInteger(n) && n >= 0)) fail("polygamma", `needs a whole number n ≥ 0, got ${n}`);
    if (n < 2) return apply(n === 0 ? "digamma" : "trigamma", [given]);
    const input = floating(given);
    const below = input.lt(0);
    let factorial = n % 2 === 0 ? -1 : 1;
    for (let k = 2; k <= n; k++) factorial *= k;
    const above = zeta(n + 1, where(below, input.neg().add(1), input)).mul(factorial);
    return where(below, above.mul(n % 2 === 0 ? 1 : -1), above).sub(reflected(n, input, below));
  },
);

/**
 * The logarithm of the gamma function of `p` dimensions, for elements above (p − 1) / 2.
 * @see https://pytorch.org/docs/stable/special.html#torch.special.multigammaln
 */
export const mvlgamma = composite("mvlgamma(input, p)", (input: Tensor, p: number): Tensor => {
  if (!(Number.isInteger(p) && p >= 1)) fail("mvlgamma", `needs a whole number p ≥ 1, got ${p}`);
  const x = floating(input);
  const parts = Array.from({ length: p }, (_, i) => x.sub(i / 2).lgamma());
  return parts.reduce((sum, part) => sum.add(part)).add((p * (p - 1) * Math.log(Math.PI)) / 4);
});
