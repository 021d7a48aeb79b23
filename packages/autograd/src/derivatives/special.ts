import { polygamma, type Tensor, where } from "@dl/tensor";

/** ψ″, the derivative of trigamma. What is below ½ is mirrored: ψ″(x) = ψ″(1 − x) − 2π³ cos πx / sin³ πx. */
export function tetragamma(x: Tensor): Tensor {
  const low = x.lt(0.5);
  const right = polygamma(2, where(low, x.rsub(1), x));
  // The quotient has period 1; elsewhere a place where neither it nor its derivatives have a pole.
  const turn = where(low, x.sub(x.round()), 0.5).mul(Math.PI);
  return where(
    low,
    right.sub(
      turn
        .cos()
        .div(turn.sin().pow(3))
        .mul(2 * Math.PI ** 3),
    ),
    right,
  );
}
