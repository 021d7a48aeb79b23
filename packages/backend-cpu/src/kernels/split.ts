/**
 * Turns a tree over 16-bit elements into a tree over words that hold two of them. A vector is loaded once, and its even
 * and odd elements are computed separately. Getting at those takes a shift or a mask, where widening would take another
 * load.
 */
import { and, constant, type Node, or, select, shl, shr, shrUnsigned } from "./expression.ts";

/** Elements that are moved together. */
export const SPLIT = 8 as const;

/** The tree that computes a word with two elements of the result. Elements of 8 bits take 16 bits there. */
export function splitInTwo(root: Node): Node {
  const [even, odd] = [half(evenOf)(root), half(oddOf)(root)];
  return or(masked(even, 0xffff), shifted(odd, 16));
}

type Pick = (word: Node, signed: boolean) => Node;
export const evenOf: Pick = (word, signed) => (signed ? shr(shl(word, 16), 16) : and(word, 0xffff));
export const oddOf: Pick = (word, signed) => (signed ? shr : shrUnsigned)(word, 16);

/** Turns trees over elements into trees over words, which compute the even or the odd element. */
export function half(pick: Pick): (root: Node) => Node {
  const done = new Map<Node, Node>();
  const visit = (node: Node): Node => {
    const known = done.get(node) ?? rebuilt(node);
    done.set(node, known);
    return known;
  };
  const rebuilt = (node: Node): Node => {
    const { op, type, args, element } = node;
    if (op === "input") return element ? pick(node, element.signed) : node;
    if (args.length === 0) return node;
    const [x, by] = args.map(visit) as [Node, Node];
    if (type === "i32" && by?.op === "const") {
      if (op === "shl") return shifted(x, Number(by.detail));
      if (op === "and") return masked(x, Number(by.detail));
    }
    return { ...node, args: args.map(visit) };
  };
  return visit;
}

const isChoice = ({ op, args }: Node): boolean => op === "select" && args[1]!.op === "const" && args[2]!.op === "const";
const numberOf = (x: Node | undefined): number => Number(x!.detail);
const by = ({ args }: Node): number => numberOf(args[1]);

/** `x` shifted up, with fewer instructions where `x` ends in a shift down, a mask or a choice. */
function shifted(x: Node, distance: number): Node {
  const { op, args } = x;
  const [first, second] = args as [Node, Node];
  if (isChoice(x)) {
    const [yes, no] = [1, 2].map((i) => constant("i32", numberOf(args[i]) << distance)) as [Node, Node];
    return select(first, yes, no);
  }
  if (op === "and" && second.op === "const") return masked(shifted(first, distance), by(x) << distance);
  if (op === "or" && shifted(second, distance).args[0]!.op !== "shl") {
    return or(shifted(first, distance), shifted(second, distance));
  }
  if ((op !== "shr" && op !== "shrUnsigned") || by(x) < distance) return shl(x, distance);
  const rest = by(x) - distance;
  return masked(rest === 0 ? first : (op === "shr" ? shr : shrUnsigned)(first, rest), -1 << distance);
}

function masked(x: Node, mask: number): Node {
  const all = possibleBits(x);
  if ((all & mask) === all) return x;
  return x.op === "and" && x.args[1]!.op === "const" ? masked(x.args[0]!, by(x) & mask) : and(x, mask);
}

/** The bits that may be set in a word. */
function possibleBits(x: Node): number {
  if (isChoice(x)) return numberOf(x.args[1]) | numberOf(x.args[2]);
  if (x.args[1]?.op !== "const") return -1;
  if (x.op === "shl") return -1 << by(x);
  if (x.op === "shrUnsigned") return -1 >>> by(x);
  return x.op === "and" ? by(x) : -1;
}
