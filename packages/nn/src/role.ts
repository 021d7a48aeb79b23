/** What layers tell the container that runs them, so that it may run them in a better order. */
import type { Module } from "./module.ts";

/**
 * `fresh`: the result is a tensor that nobody else has. `rising`: applied to each element, never falls as that grows; or so
 * `risingInPlace`. `largest`: picks elements, each the largest of some.
 */
export type Role = "fresh" | "rising" | "risingInPlace" | "largest";

export const ROLE: unique symbol = Symbol("role");
/** The key of the hooks before a module's calls. */
export const BEFORE: unique symbol = Symbol("before");
export const WATCHED: unique symbol = Symbol("watched");
/**
 * Of what rises and the largest elements either may come first, with the same values and gradients; picking first leaves
 * less to do. The only trace is the name of `gradFn`. Modules that hooks watch stay where they are, and so does what
 * changes a tensor that somebody else may have, and what keeps a result for its gradient that the next one writes over.
 */
export function pickFirst(modules: readonly Module[]): Module[] {
  const order = [...modules];
  for (let i = 0; i + 1 < order.length; i++) {
    const [rising, largest, after] = [order[i]!, order[i + 1]!, order[i + 2]];
    if (largest[ROLE] !== "largest" || largest[WATCHED] || rising[WATCHED] || isInPlace(after)) continue;
    if (rising[ROLE] !== "rising" && !(rising[ROLE] === "risingInPlace" && isFresh(order[i - 1]))) continue;
    [order[i], order[i + 1]] = [largest, rising];
  }
  return order;
}

function isInPlace(module: Module | undefined): boolean {
  return module !== undefined && "inplace" in module && module.inplace === true;
}

function isFresh(before: Module | undefined): boolean {
  return before?.[ROLE] === "fresh" && !before[WATCHED];
}
