import type { Tensor } from "@dl/tensor";

/**
 * ψ″, the derivative of trigamma: eight steps of ψ″(x) = ψ″(x + 1) − 2 / x³, then the asymptotic series (Abramowitz and
 * Stegun 6.4.13). Meant for x > −1, where the series starts far enough from 0.
 */
export function tetragamma(x: Tensor): Tensor {
  const steps = 8;
  const inverse = x.add(steps).reciprocal();
  const square = inverse.square();
  // 1/z² + 1/z³ + 1/2z⁴ − 1/6z⁶ + 1/6z⁸ − 3/10z¹⁰ + 5/6z¹², in powers of 1/z².
  const tail = [5 / 6, -3 / 10, 1 / 6, -1 / 6].reduce(
    (sum: Tensor | null, c) => sum?.mul(square).add(c) ?? square.mul(0).add(c),
    null,
  )!;
  let result = square.mul(inverse.add(1).add(square.mul(0.5)).add(square.square().mul(tail))).neg();
  for (let k = 0; k < steps; k++) result = result.sub(x.add(k).pow(-3).mul(2));
  return result;
}
