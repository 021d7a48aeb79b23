/** Lets the result of an expression take over the memory of an operand, so that in-place chains allocate nothing. */
import type { Cell } from "./cell.ts";
import { isWhole } from "./layout.ts";
import { scalarOf } from "./wgsl/types.ts";

/**
 * An operand whose memory the result may overwrite: only this expression holds it, and every invocation reads it only
 * at the place that it writes.
 */
export function donor(cell: Cell): Cell | null {
  const inputs = cell.expression?.inputs ?? [];
  for (const input of inputs) {
    if (typeof input === "number") continue;
    const edges = inputs.filter((other) => typeof other !== "number" && other.cell === input.cell);
    if (edges.length !== input.cell.references) continue;
    if (!edges.every((edge) => typeof edge !== "number" && isWhole(edge))) continue;
    const found = input.cell.block ? input.cell : donor(input.cell);
    if (found && scalarOf(found.dtype) === scalarOf(cell.dtype)) return found;
  }
  return null;
}
