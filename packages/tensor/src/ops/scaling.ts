/** `alpha · other`, as add, sub and indexAdd take it. A bool is there or not. */
import type { Operand } from "../recorder.ts";
import { apply } from "./apply.ts";

export function scaled<X extends Operand>(other: X, alpha: number | boolean): X | Operand {
  const factor = Number(alpha);
  if (factor === 1) return other;
  if (typeof other === "number") return other * factor;
  const product = apply("mul", [other, factor]);
  return other.dtype === "bool" ? apply("cast", [product], { dtype: "bool" }) : product;
}
