/** Removes the patches from trees, see `patch` in `expression.ts`. */
import { type Node, patch } from "./expression.ts";

/** A patch whose fallback may serve all elements: where the fast way is right, both give the same bits. */
export function extended(...parts: Parameters<typeof patch>): Node {
  return { ...patch(...parts), servesAll: true };
}

/**
 * The tree with every patch of {@link extended} replaced by its fallback, for blocks where many elements need it;
 * `undefined` if there is no such patch.
 */
export function completed(root: Node): Node | undefined {
  const result = substituted(root);
  return result === root ? undefined : result;
}

/** The same for a tree whose inputs stand for `inputs`, if these are given. */
function substituted(root: Node, inputs?: readonly Node[]): Node {
  return rebuilt(root, (node, args) => {
    if (node.op === "input") return inputs?.[node.detail as number];
    return node.servesAll ? substituted(node.fallback!, args.slice(2)) : undefined;
  });
}

export interface Unpatched {
  readonly value: Node;
  /** For each patch a node that is negative or true where it is needed. */
  readonly signs: readonly Node[];
}

/** The tree with the fast way of every patch, and the signs that tell where that is wrong. */
export function withoutPatches(root: Node): Unpatched {
  const signs: Node[] = [];
  const value = rebuilt(root, ({ op }, [sign, fast]) => {
    if (op !== "patch") return undefined;
    signs.push(sign!);
    return fast;
  });
  return { value, signs };
}

/** A copy of a tree in which `place` may exchange nodes: it gets a node and its new arguments. */
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
