/** What layers tell the container that runs them, so that it may run them in a better order. */
import { type Tensor, tidy } from "@dl/tensor";
import type { Module } from "./module.ts";

/**
 * `fresh`: the result is a tensor that nobody else has. `rising`: applied to each element, never falls as that grows; or so
 * `risingInPlace`. `largest`: picks elements, each the largest of some.
 */
export type Role = "fresh" | "rising" | "risingInPlace" | "largest";

export const ROLE: unique symbol = Symbol("role");
export const WATCHED: unique symbol = Symbol("watched");
/** The method of a convolution that gives what the next layer alone will read. */
export const AWAITED: unique symbol = Symbol("awaited");
/** The method of a layer that takes what nobody else has: it need not work in place. */
export const TAKE: unique symbol = Symbol("take");

type Step = (...input: unknown[]) => unknown;
type Giving = { [AWAITED](input: Tensor): Tensor };
type Taking = { [TAKE](input: Tensor): Tensor };

/** What a container runs one after the other: its modules, and as one step those that gain by that. */
export function stepsOf(modules: readonly Module[]): Step[] {
  const order = pickFirst(modules);
  const steps: Step[] = [];
  for (let i = 0; i < order.length; i++) {
    const [module, next] = [order[i]!, order[i + 1]];
    const take = isFresh(module) && next ? takerOf(next) : undefined;
    if (take) {
      steps.push((x) => tidy(() => take((module as unknown as Giving)[AWAITED](x as Tensor))));
      i++;
    } else steps.push(module);
  }
  return steps;
}

function takerOf(next: Module): Step | undefined {
  if (next[WATCHED] || next[ROLE] === "fresh" || next[ROLE] === undefined) return undefined;
  return next[ROLE] === "largest" ? next : (x) => (next as unknown as Taking)[TAKE](x as Tensor);
}

/**
 * Of what rises and the largest elements either may come first, with the same values and gradients; picking first leaves
 * less to do. The only trace is the name of `gradFn`. Modules that hooks watch stay where they are, and so does what
 * changes a tensor that somebody else may have, and what keeps a result for its gradient that the next one writes over.
 */
function pickFirst(modules: readonly Module[]): Module[] {
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
