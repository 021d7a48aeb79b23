/** `alpha · other`, as add, sub and indexAdd take it, in the dtype that both operands meet in. A bool is there or not. */
import { inRange } from "../dtype.ts";
import type { Operand } from "../recorder.ts";
import { apply } from "./apply.ts";
import { computeDType } from "./coerce.ts";

export function scaled<X extends Operand>(op: string, input: Operand, other: X, alpha: number | boolean): X | Operand {
  const factor = Number(alpha);
  if (factor === 1) return other;
  if (typeof other === "number") return other * factor;
  const dtype = computeDType(op, "same", [input, other]);
  const product = apply("mul", [
    other.dtype === dtype ? other : apply("cast", [other], { dtype }),
    inRange(op, factor, dtype),
  ]);
  return dtype === "bool" ? apply("cast", [product], { dtype }) : product;
}
