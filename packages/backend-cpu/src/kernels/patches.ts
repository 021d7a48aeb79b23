/** Patches whose fallback serves all elements: wherever the fast way holds, it gives the same, bit by bit. */
import { type Node, patch } from "./expression.ts";

export function extended(...parts: Parameters<typeof patch>): Node {
  return { ...patch(...parts), servesAll: true };
}

/** The tree with such fallbacks alone; `undefined` if it has none. For blocks where many elements need them. */
export function completed(root: Node): Node | undefined {
  const result = substituted(root);
  return result === root ? undefined : result;
}

/** A tree over other inputs, if there are some, completed. */
function substituted(root: Node, inputs?: readonly Node[]): Node {
  const done = new Map<Node, Node>();
  const rebuilt = (node: Node): Node => {
    if (node.op === "input") return inputs?.[node.detail as number] ?? node;
    const args = node.args.map(visit);
    if (node.servesAll) return substituted(node.fallback!, args.slice(2));
    return args.every((arg, i) => arg === node.args[i]) ? node : { ...node, args };
  };
  const visit = (node: Node): Node => {
    const result = done.get(node) ?? rebuilt(node);
    done.set(node, result);
    return result;
  };
  return visit(root);
}
