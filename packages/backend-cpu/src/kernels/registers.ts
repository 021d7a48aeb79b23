/**
 * Estimates how many vector registers a loop over some trees takes. V8 may compute nodes in another order, but will
 * hardly keep values alive for longer.
 */

import { constantsOf } from "./constants.ts";
import type { Node } from "./expression.ts";

/** The vector registers that V8 can use. */
export const REGISTERS = 15;

/** One for each constant, which stays there all the time, and one for each value alive where most values are. */
export function registersOf(trees: readonly Node[]): number {
  const order = new Set<Node>();
  const lastUse = new Map<Node, number>();
  const visit = (node: Node): Node => {
    if (node.op === "bits" || node.op === "float") return visit(node.args[0]!);
    if (node.op === "const" || order.has(node)) return node;
    const args = node.args.map(visit);
    for (const arg of args) lastUse.set(arg, order.size);
    order.add(node);
    return node;
  };
  for (const tree of trees) lastUse.set(visit(tree), order.size);
  return constantsOf(trees) + mostAlive([...order], lastUse);
}

function mostAlive(order: readonly Node[], lastUse: ReadonlyMap<Node, number>): number {
  const changes = new Int32Array(order.length + 1);
  for (const [at, node] of order.entries()) {
    changes[at]! += 1;
    changes[Math.max(at, lastUse.get(node)!)]! -= 1;
  }
  let [alive, most] = [0, 0];
  for (const change of changes) {
    alive += change;
    most = Math.max(most, alive);
  }
  return most;
}
