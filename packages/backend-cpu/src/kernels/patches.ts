/** Trees without their patches, or with fallbacks that serve all elements in their place. */
import { type Node, patch } from "./expression.ts";

/** A patch whose fallback serves all elements: wherever the fast way holds, it gives the same, bit by bit. */
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
  return rebuilt(root, (node, args) => {
    if (node.op === "input") return inputs?.[node.detail as number];
    return node.servesAll ? substituted(node.fallback!, args.slice(2)) : undefined;
  });
}

export interface Unpatched {
  readonly value: Node;
  /** Negative or true where a patch is needed. */
  readonly signs: readonly Node[];
}

/** A tree that takes the fast way everywhere, and where it must not. */
export function withoutPatches(root: Node): Unpatched {
  const signs: Node[] = [];
  const value = rebuilt(root, ({ op }, [sign, fast]) => {
    if (op !== "patch") return undefined;
    signs.push(sign!);
    return fast;
  });
  return { value, signs };
}

/** A tree with others in the place of some nodes, as `place` says from the nodes and their new arguments. */
function rebuilt(root: Node, place: (node: Node, args: readonly Node[]) => Node | undefined): Node {
  const done = new Map<Node, Node>();
  const visit = (node: Node): Node => {
    const known = done.get(node);
    if (known) return known;
    const args = node.args.map(visit);
    const result = place(node, args) ?? (args.every((arg, i) => arg === node.args[i]) ? node : { ...node, args });
    done.set(node, result);
    return result;
  };
  return visit(root);
}
